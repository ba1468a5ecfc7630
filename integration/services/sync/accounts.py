"""Which Rocket.Chat account is whose, and what has to happen to it. Pure.

The order is: the stored link, then the e-mail address, then the username when the e-mail agrees.
Everything else is a conflict that names both sides; an account is never guessed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from integration.domain.conflicts import Conflict, ConflictKind, Skip
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
from integration.services.sync.desired import Desired, DesiredAccount

PROTECTED_KINDS = frozenset({"bot", "app"})
PROTECTED_ROLES = frozenset({"admin", "bot", "app"})


@dataclass(slots=True)
class AccountPlan:
    """The outcome: operations, and who has which account.

    `account_ids` covers everybody whose account exists now; `arriving` those for whom the plan
    makes one; `asleep` those whose account is deactivated and stays so: they are not put into
    channels. `vanished` are links whose account the server no longer has.
    """

    operations: list[AccountOperation] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    account_ids: dict[int, str] = field(default_factory=dict)
    being_created: set[int] = field(default_factory=set)
    deactivated: set[int] = field(default_factory=set)
    missing_remotely: set[int] = field(default_factory=set)


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
        self.result = AccountPlan()
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
            if link.created or self._may_change_adopted(known):
                self._update(account, known)

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

    def _may_change_adopted(self, known: RemoteAccount) -> bool:
        """Never an administrator's: whoever sets the address of an account can take it over."""
        protected = is_protected(known, self.remote.bot_id, self.policy)
        return self.policy.update_adopted_accounts and not protected

    def _update(self, account: DesiredAccount, known: RemoteAccount) -> None:
        name = account.name if account.name != known.name else None
        email: str | None = None
        wanted = account.email.lower()
        if wanted and wanted not in known.emails:
            holder = self.by_email.get(wanted)
            if holder is not None or wanted in self.promised or self.sharers[wanted] > 1:
                self._email_taken(account, holder)
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
            self._no_email(account)
            return
        holder = self.by_email.get(email)
        if holder is not None:
            self._found_by_email(account, holder)
        elif email in self.promised:
            person = self.promised[email]
            self._shared(account, msg("the account of person {id} is being given it", id=person))
        elif (stranger := self.by_username.get(account.username.lower())) is not None:
            self._username_taken(account, stranger)
        else:
            self._create(account)

    def _found_by_email(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        owner = self.owner_of.get(holder.account_id)
        same_name = holder.username.lower() == account.username.lower()
        if holder.account_id == self.remote.bot_id or (
            owner is not None and owner != account.user_id
        ):
            self._email_taken(account, holder)
        elif self.sharers[account.email.lower()] > 1 and not same_name:
            self._shared(account, msg("account {who} has it", who=holder.username))
        else:
            self._adopt(account, holder)

    def _adopt(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        made_by_us = account.user_id in self.managed.unfinished_accounts
        reason = (
            msg("made by an earlier run that was cut off")
            if made_by_us
            else msg("has the same e-mail address ({email})", email=account.email)
        )
        self.owner_of[holder.account_id] = account.user_id
        self.result.account_ids[account.user_id] = holder.account_id
        self.result.operations.append(
            AdoptAccount(
                account.user_id, holder.account_id, holder.username, made_by_us, reason=reason
            )
        )
        if not holder.active:
            self._inactive(account, holder)
        if made_by_us or self._may_change_adopted(holder):
            self._update(account, holder)

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

    # --- conflicts --------------------------------------------------------------------------------

    def _conflict(
        self, kind: ConflictKind, account: DesiredAccount, other: str, remote_id: str, advice: str
    ) -> None:
        self.result.conflicts.append(
            Conflict(kind, account.user_id, None, _in_moodle(account), other, remote_id, advice)
        )

    def _no_email(self, account: DesiredAccount) -> None:
        self._conflict(
            ConflictKind.EMAIL_MISSING,
            account,
            msg("needs an e-mail address for every account"),
            "",
            msg("Enter an address in Moodle, or link the person to an account by hand."),
        )

    def _shared(self, account: DesiredAccount, other: str) -> None:
        self._conflict(
            ConflictKind.EMAIL_SHARED,
            account,
            other,
            "",
            msg(
                "Several people have this address in Moodle. Give each an own one, or link by hand."
            ),
        )

    def _email_taken(self, account: DesiredAccount, holder: RemoteAccount | None) -> None:
        self._conflict(
            ConflictKind.EMAIL_TAKEN,
            account,
            msg("account {who} has it", who=holder.username)
            if holder
            else msg("several people are to have it"),
            holder.account_id if holder else "",
            msg(
                "Two people cannot share an account. Correct the address on one side, or link by "
                "hand."
            ),
        )

    def _username_taken(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        addresses = ", ".join(holder.emails) or msg("no e-mail")
        self._conflict(
            ConflictKind.USERNAME_TAKEN,
            account,
            msg(
                "account {who} ({addresses}) has this username",
                who=holder.username,
                addresses=addresses,
            ),
            holder.account_id,
            msg(
                "If it is the same person, link them or make the addresses agree; if not, rename "
                "one."
            ),
        )

    def _inactive(self, account: DesiredAccount, holder: RemoteAccount) -> None:
        self.result.deactivated.add(account.user_id)
        self._conflict(
            ConflictKind.ACCOUNT_INACTIVE,
            account,
            msg("account {who} was deactivated there, not by rcsync", who=holder.username),
            holder.account_id,
            msg("Activate it in Rocket.Chat if the person is to take part."),
        )


def _in_moodle(account: DesiredAccount) -> str:
    return msg(
        "{name}, username {username}, {email} (id {id})",
        name=account.name,
        username=account.username,
        email=account.email or msg("no e-mail"),
        id=account.user_id,
    )
