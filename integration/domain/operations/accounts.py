"""What can happen to an account. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from integration.domain.messages import joined, msg
from integration.domain.operations.base import About, Facts, Now, Operation, Wave
from integration.domain.permissions import CREATE_USER, EDIT_ACTIVE, EDIT_USER, Permission
from integration.domain.policy import Deactivation, MissingAccounts, Policy, Removal


@dataclass(frozen=True, slots=True)
class AccountOperation(Operation):
    """About one person's account."""

    user_id: int

    @property
    def about(self) -> About:
        return About(self.user_id)


@dataclass(frozen=True, slots=True)
class CreateAccount(AccountOperation):
    kind: ClassVar[str] = "create_account"
    label: ClassVar[str] = msg("create account")
    wave: ClassVar[Wave] = Wave.CREATE_ACCOUNTS
    gives: ClassVar[bool] = True
    takes_seat: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (CREATE_USER,)

    username: str
    name: str
    email: str

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if policy.missing_accounts is MissingAccounts.CREATE else ()

    def describe(self) -> str:
        return msg(
            "create account {who} ({name}, {email})",
            who=self.username,
            name=self.name,
            email=self.email,
        )

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {
            "username": self.username,
            "name": self.name,
            "email": self.email,
            "active": True,
        }

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return _switched_off(self.user_id, now, reason)


@dataclass(frozen=True, slots=True)
class KnownAccountOperation(AccountOperation):
    """About an account that exists."""

    account_id: str
    username: str

    @property
    def remote_ids(self) -> tuple[str, ...]:
        return (self.account_id,)


@dataclass(frozen=True, slots=True)
class AdoptAccount(KnownAccountOperation):
    """Store the pair of ids; nothing is sent.

    `created`: the account turned out to be one we had just made. `address_only`: nothing but its
    verified address says that it is the person's.
    """

    kind: ClassVar[str] = "adopt_account"
    label: ClassVar[str] = msg("adopt account")
    wave: ClassVar[Wave] = Wave.LINK

    created: bool
    address_only: bool = False

    @property
    def requests(self) -> int:
        return 0

    def describe(self) -> str:
        if self.created:
            return msg("store account {who}", who=self.username)
        return msg("adopt account {who}", who=self.username)

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {"linked": True}


@dataclass(frozen=True, slots=True)
class UpdateAccount(KnownAccountOperation):
    """New values, None = unchanged; `old_*` are what Rocket.Chat has now."""

    kind: ClassVar[str] = "update_account"
    label: ClassVar[str] = msg("update account")
    wave: ClassVar[Wave] = Wave.UPDATE_ACCOUNTS
    seen_later: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_USER,)

    name: str | None
    email: str | None
    old_name: str
    old_email: str

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return cls.permissions if _changes_accounts(policy) else ()

    @property
    def requests(self) -> int:
        """The account is looked at first, because the call erases what is not sent."""
        return 2

    def describe(self) -> str:
        changes: list[str] = []
        if self.name is not None:
            old, new = repr(self.old_name), repr(self.name)
            changes.append(msg("name: {old} → {new}", old=old, new=new))
        if self.email is not None:
            old, new = repr(self.old_email), repr(self.email)
            changes.append(msg("e-mail: {old} → {new}", old=old, new=new))
        return msg(
            "update account {who}: {changes}", who=self.username, changes=joined(", ", changes)
        )

    def changes(self) -> tuple[Facts, Facts]:
        before: Facts = {}
        after: Facts = {}
        if self.name is not None:
            before["name"], after["name"] = self.old_name, self.name
        if self.email is not None:
            before["email"], after["email"] = self.old_email, self.email
        return before, after

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        """Only the values that still are as this operation set them."""
        found = now.account(self.user_id)
        if found is None:
            return
        known = found.account
        name = self.old_name if self.name is not None and known.name == self.name else None
        email = None
        if self.email is not None and self.email.lower() in known.emails:
            email = self.old_email or None
        if name is not None or email is not None:
            address = known.emails[0] if known.emails else ""
            ids = (self.user_id, known.account_id, known.username)
            yield UpdateAccount(*ids, name, email, known.name, address, reason=reason)


@dataclass(frozen=True, slots=True)
class Activate(KnownAccountOperation):
    kind: ClassVar[str] = "activate"
    label: ClassVar[str] = msg("activate account")
    wave: ClassVar[Wave] = Wave.ACTIVATE
    seen_later: ClassVar[bool] = True
    gives: ClassVar[bool] = True
    takes_seat: ClassVar[bool] = True
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ACTIVE,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return Deactivate.needs(policy)

    def describe(self) -> str:
        return msg("activate account {who}", who=self.username)

    def changes(self) -> tuple[Facts, Facts]:
        return {"active": False}, {"active": True}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return _switched_off(self.user_id, now, reason)


@dataclass(frozen=True, slots=True)
class Deactivate(KnownAccountOperation):
    kind: ClassVar[str] = "deactivate"
    label: ClassVar[str] = msg("deactivate account")
    wave: ClassVar[Wave] = Wave.DEACTIVATE
    takes: ClassVar[Removal | None] = Removal.ACCOUNTS
    permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ACTIVE,)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        never = policy.deactivation is Deactivation.NEVER
        return () if never else cls.permissions

    def describe(self) -> str:
        return msg("deactivate account {who}", who=self.username)

    def changes(self) -> tuple[Facts, Facts]:
        return {"active": True}, {"active": False}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        found = now.account(self.user_id)
        if found is not None and found.link.deactivated and not found.account.active:
            known = found.account
            yield Activate(self.user_id, known.account_id, known.username, reason=reason)


@dataclass(frozen=True, slots=True)
class SendPasswordMail(AccountOperation):
    """Rocket.Chat's own mail with a link to set a password, once for an account that rcsync made.

    Never a mail that carries a password.
    """

    kind: ClassVar[str] = "send_password_mail"
    label: ClassVar[str] = msg("e-mail a link to set a password")
    wave: ClassVar[Wave] = Wave.MAIL
    permissions: ClassVar[tuple[Permission, ...]] = (CREATE_USER,)  # the mail itself takes none
    stays: ClassVar[str] = msg("an e-mail that was sent cannot be taken back")

    username: str
    email: str

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return CreateAccount.needs(policy) if policy.password_mail else ()

    def describe(self) -> str:
        return msg(
            "e-mail {who} a link to set a password ({email})", who=self.username, email=self.email
        )

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {"password_mail": self.email}


def _changes_accounts(policy: Policy) -> bool:
    makes_them = policy.missing_accounts is MissingAccounts.CREATE
    return makes_them or policy.update_adopted_accounts


def _switched_off(user_id: int, now: Now, reason: str) -> Iterable[Operation]:
    """Nothing is deleted: an account that rcsync made is deactivated."""
    found = now.account(user_id)
    if found is None or not found.link.created or found.protected or not found.account.active:
        return
    yield Deactivate(user_id, found.account.account_id, found.account.username, reason=reason)
