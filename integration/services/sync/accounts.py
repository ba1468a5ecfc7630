"""Which Rocket.Chat account is whose, and what has to happen to it. Pure.

The order is: the stored link, then the e-mail address, then the username when the e-mail agrees.
Everything else is a conflict that names both sides; an account is never guessed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from integration.domain.conflicts import Conflict, Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    AccountOperation,
    Activate,
    AdoptAccount,
    CreateAccount,
    Deactivate,
    UpdateAccount,
)
from integration.domain.policy import MissingAccounts, Policy
from integration.domain.state import Managed, ManagedAccount, RemoteAccount, RemoteState
from integration.services.sync import account_conflicts as conflicts
from integration.services.sync.desired import Desired, DesiredAccount

PROTECTED_KINDS = frozenset({"bot", "app"})
BOT_ROLES = frozenset({"bot", "app"})
PROTECTED_ROLES = BOT_ROLES | {"admin"}


@dataclass(slots=True)
class AccountPlan:
    """The outcome: operations, and who has which account.

    `account_ids` covers everybody whose account exists now; `being_created` those for whom the plan
    makes one; `deactivated` those whose account is deactivated and stays so: they are not put into
    channels. `missing_remotely` are links whose account the server no longer has; `held` those
    whose Moodle number means somebody else now: nothing is planned for them.
    """

    operations: list[AccountOperation] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    account_ids: dict[int, str] = field(default_factory=dict)
    being_created: set[int] = field(default_factory=set)
    deactivated: set[int] = field(default_factory=set)
    missing_remotely: set[int] = field(default_factory=set)
    held: frozenset[int] = frozenset()


def is_protected(account: RemoteAccount, bot_id: str, policy: Policy) -> bool:
    """Our account, bots, administrators and the protected list are never removed or deactivated."""
    return (
        account.account_id == bot_id
        or account.kind in PROTECTED_KINDS
        or not PROTECTED_ROLES.isdisjoint(account.roles)
        or account.username.lower() in policy.protected_usernames
    )


def match_accounts(
    desired: Desired, remote: RemoteState, managed: Managed, policy: Policy
) -> AccountPlan:
    """One pass over the desired accounts, in order of their Moodle id: the outcome is stable."""
    return _Matcher(desired, remote, managed, policy).run()


class _Matcher:
    def __init__(
        self, desired: Desired, remote: RemoteState, managed: Managed, policy: Policy
    ) -> None:
        self.desired = desired
        self.remote = remote
        self.managed = managed
        self.policy = policy
        self.result = AccountPlan(held=desired.identities.held_people)
        self.owner_of = {link.account_id: user_id for user_id, link in managed.accounts.items()}
        self.by_email: dict[str, RemoteAccount] = {}
        self.by_username: dict[str, RemoteAccount] = {}
        for _, account in sorted(remote.accounts.items()):
            self.by_username.setdefault(account.username.lower(), account)
            for email in account.emails:
                self.by_email.setdefault(email, account)
        self.sharers = Counter(
            person.email.lower()
            for person in desired.accounts.values()
            if person.wanted and person.email
        )
        self.promised: dict[str, int] = {}  # e-mail -> the person who is getting it in this plan

    def run(self) -> AccountPlan:
        for account in self._in_order():
            if account.user_id in self.result.held:
                continue
            link = self.managed.accounts.get(account.user_id)
            known = self.remote.accounts.get(link.account_id) if link else None
            if link and known:
                self._linked(account, link, known)
                continue
            if link and link.account_id in self.remote.not_understood:
                self._unclear(account, self.remote.not_understood[link.account_id])
                continue
            if link:
                self.result.missing_remotely.add(account.user_id)
            if account.wanted:
                self._unlinked(account)
        return self.result

    def _unclear(self, account: DesiredAccount, why: str) -> None:
        """The account is there: it is neither made anew, nor joined, nor changed."""
        self.result.skips.append(
            Skip(
                account.username,
                msg("the account cannot be read, so it stays as it is: {why}", why=why),
            )
        )

    def _in_order(self) -> Iterator[DesiredAccount]:
        for user_id in sorted(self.desired.accounts):
            yield self.desired.accounts[user_id]

    # --- an account is known ----------------------------------------------------------------------

    def _linked(self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount) -> None:
        self.result.account_ids[account.user_id] = known.account_id
        if account.active is False:
            self._put_to_sleep(account, link, known)
        elif account.usable:
            if account.active:
                self._wake(account, link, known)
            if self._may_change(known, ours=link.created):
                self._update(account, known, address_only=link.address_only)

    def _wake(self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount) -> None:
        if known.active:
            return
        if link.deactivated:
            self.result.operations.append(
                Activate(account.user_id, known.account_id, known.username, reason=account.reason)
            )
        elif account.wanted:
            self._inactive(account, known)

    def _put_to_sleep(
        self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount
    ) -> None:
        if not known.active:
            return
        if is_protected(known, self.remote.bot_id, self.policy):
            self.result.skips.append(
                Skip(
                    known.username,
                    msg(
                        "{reason}, but the account is protected: it stays active",
                        reason=account.reason,
                    ),
                )
            )
        elif link.created or self.policy.deactivate_adopted:
            self.result.operations.append(
                Deactivate(account.user_id, known.account_id, known.username, reason=account.reason)
            )

    def _may_change(self, known: RemoteAccount, *, ours: bool) -> bool:
        """Never an administrator's or a bot's, also when rcsync made it before it was promoted:
        whoever sets the address of an account can take it over.
        """
        if is_protected(known, self.remote.bot_id, self.policy):
            return False
        return ours or self.policy.update_adopted_accounts

    def _update(self, account: DesiredAccount, known: RemoteAccount, *, address_only: bool) -> None:
        name = account.name if account.name != known.name else None
        email: str | None = None
        wanted = account.email.lower()
        if wanted and wanted not in known.emails and address_only:
            self._address_stays(account, known)
        elif wanted and wanted not in known.emails:
            holder = self.by_email.get(wanted)
            if holder is not None or wanted in self.promised or self.sharers[wanted] > 1:
                self._ask(conflicts.email_taken(account, holder))
            else:
                email = account.email
                self.promised[wanted] = account.user_id
        if name is None and email is None:
            return
        self.result.operations.append(
            UpdateAccount(
                account.user_id,
                known.account_id,
                known.username,
                name,
                email,
                known.name,
                known.emails[0] if known.emails else "",
                reason=msg("changed in Moodle"),
            )
        )

    # --- an account has to be found or made -------------------------------------------------------

    def _unlinked(self, account: DesiredAccount) -> None:
        email = account.email.lower()
        if not email:
            self._ask(conflicts.no_email(account))
            return
        holder = self.by_email.get(email)
        if holder is not None:
            self._found_by_email(account, holder)
        elif email in self.promised:
            person = self.promised[email]
            self._ask(
                conflicts.email_shared(
                    account, msg("the account of person {id} is being given it", id=person)
                )
            )
        elif (stranger := self.by_username.get(account.username.lower())) is not None:
            self._ask(conflicts.username_taken(account, stranger))
        else:
            self._create(account)

    def _found_by_email(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        owner = self.owner_of.get(holder.account_id)
        same_name = holder.username.lower() == account.username.lower()
        made_by_us = same_name and account.user_id in self.managed.unfinished_accounts
        if owner is not None and owner != account.user_id and self._is_gone(owner):
            self._ask(conflicts.person_recreated(account, holder, owner))
        elif (owner is not None and owner != account.user_id) or self._is_nobodys(holder):
            self._ask(conflicts.email_taken(account, holder))
        elif self.sharers[account.email.lower()] > 1 and not same_name:
            self._ask(
                conflicts.email_shared(account, msg("account {who} has it", who=holder.username))
            )
        elif made_by_us or _has_verified(holder, account.email):
            self._adopt(account, holder, made_by_us=made_by_us, address_only=not same_name)
        else:
            self._ask(conflicts.email_unverified(account, holder))

    def _is_gone(self, user_id: int) -> bool:
        person = self.desired.eligibility.moodle.people.get(user_id)
        return person is not None and (person.deleted or person.suspended)

    def _is_nobodys(self, holder: RemoteAccount) -> bool:
        """Our own account, a bot or an app: no person's, whatever address it has."""
        return holder.account_id == self.remote.bot_id or (
            holder.kind in PROTECTED_KINDS or not BOT_ROLES.isdisjoint(holder.roles)
        )

    def _adopt(
        self,
        account: DesiredAccount,
        holder: RemoteAccount,
        *,
        made_by_us: bool,
        address_only: bool,
    ) -> None:
        reason = (
            msg("made by an earlier run that was cut off")
            if made_by_us
            else msg("has the same e-mail address ({email})", email=account.email)
        )
        self.owner_of[holder.account_id] = account.user_id
        self.result.account_ids[account.user_id] = holder.account_id
        self.result.operations.append(
            AdoptAccount(
                account.user_id,
                holder.account_id,
                holder.username,
                made_by_us,
                address_only=address_only,
                reason=reason,
            )
        )
        if not holder.active:
            self._inactive(account, holder)
        if self._may_change(holder, ours=made_by_us):
            self._update(account, holder, address_only=address_only)

    def _create(self, account: DesiredAccount) -> None:
        if self.policy.missing_accounts is MissingAccounts.LINK_ONLY:
            self.result.skips.append(
                Skip(
                    account.name,
                    msg("has no Rocket.Chat account, and the settings say not to create any"),
                )
            )
            return
        self.promised[account.email.lower()] = account.user_id
        self.result.being_created.add(account.user_id)
        self.result.operations.append(
            CreateAccount(
                account.user_id,
                account.username,
                account.name,
                account.email,
                reason=msg("has no Rocket.Chat account yet; {reason}", reason=account.reason),
            )
        )

    # --- small things -----------------------------------------------------------------------------

    def _ask(self, conflict: Conflict) -> None:
        self.result.conflicts.append(conflict)

    def _inactive(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        self.result.deactivated.add(account.user_id)
        self._ask(conflicts.account_inactive(account, holder))

    def _address_stays(self, account: DesiredAccount, known: RemoteAccount) -> None:
        self.result.skips.append(
            Skip(
                known.username,
                msg(
                    "the address in Moodle is {email} now, but this account was matched by its "
                    "address alone: its address is never changed",
                    email=account.email,
                ),
            )
        )


def _has_verified(holder: RemoteAccount, email: str) -> bool:
    return holder.verified and holder.emails[:1] == (email.lower(),)
