"""Which Rocket.Chat account is whose. Pure.

The order is: the stored link, then the e-mail address, then the username when the e-mail agrees.
Everything else is a conflict that names both sides; an account is never guessed.
"""

from collections.abc import Iterator
from functools import cached_property

from integration.domain.conflicts import Skip
from integration.domain.messages import msg
from integration.domain.operations import AdoptAccount, CreateAccount
from integration.domain.policy import MissingAccounts, Policy
from integration.domain.state import Managed, RemoteAccount, RemoteState
from integration.services.sync import account_conflicts as conflicts
from integration.services.sync.account_changes import (
    Addresses,
    KnownAccounts,
    inactive,
    password_mail,
)
from integration.services.sync.confirm import Claims
from integration.services.sync.desired import Desired
from integration.services.sync.desired_accounts import DesiredAccount
from integration.services.sync.partial_plans import (
    AccountFinding,
    AccountGone,
    AccountPlan,
    GetsAccount,
    HasAccount,
)
from integration.services.sync.protection import is_nobodys


def match_accounts(
    desired: Desired, remote: RemoteState, managed: Managed, policy: Policy
) -> AccountPlan:
    """One pass over the desired accounts, in order of their Moodle id: the outcome is stable."""
    held = desired.identities.held_people
    return AccountPlan.of(_Matcher(desired, remote, managed, policy).run(held), held)


class _Matcher:
    def __init__(
        self, desired: Desired, remote: RemoteState, managed: Managed, policy: Policy
    ) -> None:
        self.desired = desired
        self.remote = remote
        self.managed = managed
        self.policy = policy
        self.addresses = Addresses(desired, remote)
        self.teams = {
            name: room for room in remote.channels.values() if room.team for name in room.names
        }
        self.known = KnownAccounts(remote, policy, self.addresses, Claims(managed))
        self._said: dict[str, str] = {}  # why an account is active -> why it is made

    @cached_property
    def owner_of(self) -> dict[str, int]:
        """Account id -> user id, of links and of what this plan adopts."""
        return {link.account_id: user_id for user_id, link in self.managed.accounts.items()}

    def run(self, held: frozenset[int]) -> Iterator[AccountFinding]:
        for account in self.desired.accounts.values():  # by user id
            if account.user_id in held:
                continue
            link = self.managed.accounts.get(account.user_id)
            known = self.remote.accounts.get(link.account_id) if link else None
            if link and known:
                yield from self.known.linked(account, link, known)
                continue
            if link and link.account_id in self.remote.not_understood:
                why = self.remote.not_understood[link.account_id]
                yield conflicts.not_understood(account, link.account_id, why)
                continue
            if link:
                yield AccountGone(account.user_id)
            if account.wanted:
                yield from self._unlinked(account)

    # --- an account has to be found or made -------------------------------------------------------

    def _unlinked(self, account: DesiredAccount) -> Iterator[AccountFinding]:
        email = account.email.lower()
        if ours := self._made_by_us(account):
            yield from self._adopt(account, ours, made_by_us=True, address_only=False)
            return
        if not email:
            yield conflicts.no_email(account)
            return
        holder = self.addresses.by_email.get(email)
        if holder is not None:
            yield from self._found_by_email(account, holder)
        elif (person := self.addresses.promised.get(email)) is not None:
            other = msg("the account of person {id} gets it in this run", id=person)
            yield conflicts.email_shared(account, other)
        elif (stranger := self.addresses.by_username.get(account.username.lower())) is not None:
            yield conflicts.username_taken(account, stranger)
        else:
            yield from self._create(account)

    def _made_by_us(self, account: DesiredAccount) -> RemoteAccount | None:
        """What an earlier run asked for without learning that it was made, as it asked for it."""
        for asked in sorted(self.managed.unfinished_accounts.get(account.user_id, ())):
            found = self.addresses.by_username.get(asked.username.lower())
            if found and asked.is_(found) and found.account_id not in self.owner_of:
                return None if is_nobodys(found, self.remote.bot_id) else found
        return None

    def _found_by_email(
        self, account: DesiredAccount, holder: RemoteAccount
    ) -> Iterator[AccountFinding]:
        owner = self.owner_of.get(holder.account_id)
        same_name = holder.username.lower() == account.username.lower()
        if owner is not None and owner != account.user_id and self._is_gone(owner):
            yield conflicts.person_recreated(account, holder, owner)
        elif (owner is not None and owner != account.user_id) or is_nobodys(
            holder, self.remote.bot_id
        ):
            yield conflicts.email_taken(account, holder)
        elif self.addresses.sharers.get(account.email.lower(), 0) > 1 and not same_name:
            yield conflicts.email_shared(account, msg("account {who} has it", who=holder.username))
        elif _has_verified(holder, account.email):
            yield from self._adopt(account, holder, made_by_us=False, address_only=not same_name)
        else:
            yield conflicts.email_unverified(account, holder)

    def _is_gone(self, user_id: int) -> bool:
        person = self.desired.eligibility.moodle.people.get(user_id)
        return person is not None and (person.deleted or person.suspended)

    def _adopt(
        self,
        account: DesiredAccount,
        holder: RemoteAccount,
        *,
        made_by_us: bool,
        address_only: bool,
    ) -> Iterator[AccountFinding]:
        reason = (
            msg("created by an earlier run that was interrupted")
            if made_by_us
            else msg("has the same e-mail address ({email})", email=account.email)
        )
        self.owner_of[holder.account_id] = account.user_id
        yield HasAccount(account.user_id, holder.account_id)
        ids = (account.user_id, holder.account_id, holder.username)
        yield AdoptAccount(*ids, made_by_us, address_only=address_only, reason=reason)
        if not holder.active:
            yield from inactive(account, holder)
        if self.known.may_change(holder, ours=made_by_us):
            yield from self.known.update(account, holder, address_only=address_only)

    def _create(self, account: DesiredAccount) -> Iterator[AccountFinding]:
        if self.policy.missing_accounts is MissingAccounts.LINK_ONLY:
            text = msg("has no Rocket.Chat account, and by the settings none is created")
            yield Skip(account.name, text)
            return
        if (team := self.teams.get(account.username.casefold())) is not None:
            yield conflicts.username_of_a_team(account, team)
            return
        self.addresses.promised[account.email.lower()] = account.user_id
        yield GetsAccount(account.user_id)
        yield CreateAccount(
            account.user_id,
            account.username,
            account.name,
            account.email,
            reason=self._why_created(account.reason),
        )
        if self.policy.password_mail:
            yield password_mail(account.user_id, account.username, account.email)

    def _why_created(self, reason: str) -> str:
        """One text for the many of whom the same is said."""
        if reason not in self._said:
            self._said[reason] = msg("has no Rocket.Chat account yet; {reason}", reason=reason)
        return self._said[reason]


def _has_verified(holder: RemoteAccount, email: str) -> bool:
    return holder.verified and holder.emails[:1] == (email.lower(),)
