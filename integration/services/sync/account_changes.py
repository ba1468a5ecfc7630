"""What has to happen to accounts that are known: switched on or off, brought up to date. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from integration.domain.conflicts import Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    Activate,
    Deactivate,
    SendPasswordMail,
    UpdateAccount,
)
from integration.domain.policy import Policy
from integration.domain.state import ManagedAccount, RemoteAccount, RemoteState
from integration.services.sync import account_conflicts as conflicts
from integration.services.sync.confirm import Claims
from integration.services.sync.desired import Desired
from integration.services.sync.desired_accounts import DesiredAccount
from integration.services.sync.partial_plans import AccountFinding, HasAccount, StaysInactive
from integration.services.sync.protection import is_protected


class Addresses:
    """Who has which e-mail address and username in Rocket.Chat, in lower case.

    Looked up only where something changes, so each mapping is made when it is first asked for.
    `promised`: address -> the person who is getting it in this plan; it grows while accounts are
    planned.
    """

    def __init__(self, desired: Desired, remote: RemoteState) -> None:
        self._desired, self._remote = desired, remote
        self.promised: dict[str, int] = {}

    @cached_property
    def by_email(self) -> Mapping[str, RemoteAccount]:
        """Of several accounts the one with the first id."""
        found: dict[str, RemoteAccount] = {}
        for account_id in sorted(self._remote.accounts):
            account = self._remote.accounts[account_id]
            for email in account.emails:
                found.setdefault(email, account)
        return found

    @cached_property
    def by_username(self) -> Mapping[str, RemoteAccount]:
        """The same."""
        found: dict[str, RemoteAccount] = {}
        for account_id in sorted(self._remote.accounts):
            account = self._remote.accounts[account_id]
            found.setdefault(account.username.lower(), account)
        return found

    @cached_property
    def sharers(self) -> Mapping[str, int]:
        """How many people are to have an address."""
        people = self._desired.accounts.values()
        return Counter(one.email.lower() for one in people if one.wanted and one.email)

    def is_shared(self, email: str) -> bool:
        """Somebody else is to have it, or is getting it."""
        return email in self.promised or self.sharers.get(email, 0) > 1


class KnownAccounts:
    """Plans accounts that exist, one a call."""

    def __init__(
        self, remote: RemoteState, policy: Policy, addresses: Addresses, claims: Claims
    ) -> None:
        self.remote = remote
        self.policy = policy
        self.addresses = addresses
        self.claims = claims

    def linked(
        self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount
    ) -> Iterator[AccountFinding]:
        """The account of a stored link."""
        yield HasAccount(account.user_id, known.account_id)
        if account.active is False:
            yield from self._deactivated(account, link, known)
        elif account.usable:
            if account.active:
                yield from self._activated(account, link, known)
            if self.may_change(known, ours=link.created):
                yield from self.update(account, known, address_only=link.address_only)
            if link.mail_due and self.policy.password_mail and known.active and known.emails:
                yield password_mail(account.user_id, known.username, known.emails[0])

    def _activated(
        self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount
    ) -> Iterator[AccountFinding]:
        if known.active:
            return
        if link.deactivated:
            ids = (account.user_id, known.account_id, known.username)
            yield Activate(*ids, reason=account.reason)
        elif account.wanted:
            yield from inactive(account, known)

    def _deactivated(
        self, account: DesiredAccount, link: ManagedAccount, known: RemoteAccount
    ) -> Iterator[AccountFinding]:
        if not known.active:
            return
        if is_protected(known, self.remote.bot_id, self.policy):
            why = account.reason
            text = msg("{reason}, but the account is protected: it stays active", reason=why)
            yield Skip(known.username, text)
        elif link.created or self.policy.deactivate_adopted:
            ids = (account.user_id, known.account_id, known.username)
            yield Deactivate(*ids, reason=account.reason)

    def may_change(self, known: RemoteAccount, *, ours: bool) -> bool:
        """Never an administrator's or a bot's, also when rcsync made it before it was promoted:
        whoever sets the address of an account can take it over.
        """
        if is_protected(known, self.remote.bot_id, self.policy):
            return False
        return ours or self.policy.update_adopted_accounts

    def update(
        self, account: DesiredAccount, known: RemoteAccount, *, address_only: bool
    ) -> Iterator[AccountFinding]:
        # Creating keeps blanks around a name, changing cuts them off (reference 11.2).
        name = account.name if account.name != known.name.strip() else None
        email: str | None = None
        wanted = account.email.lower()
        if wanted and wanted not in known.emails and address_only:
            yield _address_stays(account, known)
        elif wanted and wanted not in known.emails:
            holder = self.addresses.by_email.get(wanted)
            if holder is not None or self.addresses.is_shared(wanted):
                yield conflicts.email_taken(account, holder)
            else:
                email = account.email
                self.addresses.promised[wanted] = account.user_id
        if name is None and email is None:
            return
        ids = (account.user_id, known.account_id, known.username)
        address = known.emails[0] if known.emails else ""
        why = msg("changed in Moodle")
        update = UpdateAccount(*ids, name, email, known.name, address, reason=why)
        yield from self._unless_in_vain(account, update)

    def _unless_in_vain(
        self, account: DesiredAccount, update: UpdateAccount
    ) -> Iterator[AccountFinding]:
        """What the server said yes to twice, and does not keep, is said instead of sent."""
        name, email = self.claims.not_kept(update)
        if name or email:
            fields = ((name, update.name), (email, update.email))
            values = ", ".join(repr(value) for in_vain, value in fields if in_vain)
            yield conflicts.not_kept(account, update, values)
        update = replace(
            update, name=None if name else update.name, email=None if email else update.email
        )
        if update.name is not None or update.email is not None:
            yield update


def password_mail(user_id: int, username: str, email: str) -> SendPasswordMail:
    reason = msg("rcsync creates the account with a random password that nobody knows")
    return SendPasswordMail(user_id, username, email, reason=reason)


def inactive(account: DesiredAccount, holder: RemoteAccount) -> Iterator[AccountFinding]:
    """Somebody else deactivated it: that is for people to decide."""
    yield StaysInactive(account.user_id)
    yield conflicts.account_inactive(account, holder)


def _address_stays(account: DesiredAccount, known: RemoteAccount) -> Skip:
    return Skip(
        known.username,
        msg(
            "the address in Moodle is now {email}, but this account was matched by its "
            "address alone, so its address is never changed",
            email=account.email,
        ),
    )
