"""What every operation knows about itself. Pure.

People are Moodle user ids, channels are Moodle group ids; the performer turns them into
Rocket.Chat's ids, because some of those only come into being on the way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum, auto
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from integration.domain.permissions import Permission
from integration.domain.policy import Policy, Removal
from integration.domain.state import (
    ManagedAccount,
    ManagedMember,
    RemoteAccount,
    RemoteChannel,
    RoomRole,
)

Facts = dict[str, Any]


class Wave(IntEnum):
    """When an operation is carried out: waves one after the other, one wave side by side.

    The order is safe wherever it stops: give before taking, people before channels. Operations of
    one wave do not depend on one another.
    """

    LINK = auto()
    CREATE_ACCOUNTS = auto()
    ACTIVATE = auto()
    UPDATE_ACCOUNTS = auto()
    UNARCHIVE = auto()
    FREE_NAMES = auto()
    FILL_CHANNELS = auto()
    TAKE_ROLES = auto()
    GIVE_ROLES = auto()
    RENAME = auto()
    REMOVE_MEMBERS = auto()
    READ_ONLY = auto()
    ARCHIVE = auto()
    DEACTIVATE = auto()
    MAIL = auto()  # last: servers let few mails through at once, and nothing depends on them


class Joiner(NamedTuple):
    """Somebody who is put into a channel, and why."""

    user_id: int
    reason: str
    username: str = ""


class About(NamedTuple):
    """Whom and what an operation is about, in Moodle's ids. Accounts belong to no course."""

    user_id: int | None = None
    group_id: int | None = None
    course_id: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel as an operation addresses it. `room_id` is None while the same plan creates it.

    `name` is the name it is to have.
    """

    group_id: int
    course_id: int
    name: str
    room_id: str | None
    private: bool


class LinkedAccount(NamedTuple):
    """A stored link, and the account as it is. A protected one is never taken anything away."""

    link: ManagedAccount
    account: RemoteAccount
    protected: bool


class LinkedChannel(NamedTuple):
    """The address of a managed channel, by its present name, and the room as it is."""

    ref: ChannelRef
    room: RemoteChannel


class Now(Protocol):
    """How things are now, for whoever turns an operation back. None: unlinked, or gone."""

    def account(self, user_id: int) -> LinkedAccount | None: ...

    def channel(self, group_id: int) -> LinkedChannel | None: ...

    def member(self, group_id: int, user_id: int) -> ManagedMember | None: ...


class Unconfirmed(NamedTuple):
    """Done, as the server said, and not seen since. `row` is the ledger's name for it."""

    row: int
    operation: "Operation"


class Stored(NamedTuple):
    """An operation as its row keeps it: `details` holds what has no column."""

    kind: str
    user_id: int | None
    group_id: int | None
    course_id: int | None
    reason: str
    details: Mapping[str, Any]


KINDS: dict[str, "type[Operation]"] = {}
"""Every operation by its `kind`, which names it in our tables and in exports."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One change in Rocket.Chat, with its reason in words.

    A new operation is a subclass that fills in these facts, `describe` and where they apply
    `changes`, `requests` and `inverse`, and a performer (sync/perform.py). Whatever plans, guards,
    counts, shows or turns back operations asks them.
    """

    kind: ClassVar[str]  # at most 20 characters
    label: ClassVar[str]  # a constant `msg`
    wave: ClassVar[Wave]
    gives: ClassVar[bool] = False  # counted on the start page as something given
    takes: ClassVar[Removal | None] = None  # what it takes away; the days of grace ask for it
    counts_as: ClassVar[Removal | None] = None  # for the limits; `takes` where that is set
    takes_away: ClassVar[bool] = False  # waits when removals wait; True for all with `takes`
    permissions: ClassVar[tuple[Permission, ...]] = ()  # empty: nothing is sent
    takes_seat: ClassVar[bool] = False  # of the licence: one more active account
    seen_later: ClassVar[bool] = False
    """Whether comparing the ledger with the next look would not tell that a yes was no deed: such
    an operation stays unconfirmed until a look has seen it (sync/confirm.py)."""
    stays: ClassVar[str] = ""
    """Why it can never be turned back, a constant `msg`; "" where it can."""
    subject: ClassVar[str] = ""  # the first part of `key`; "" = `kind`

    reason: str = field(kw_only=True)

    def __init_subclass__(cls) -> None:
        """Register what can be planned; classes without a kind are bases."""
        if "kind" in cls.__dict__:
            cls.takes_away = cls.takes_away or cls.takes is not None
            cls.counts_as = cls.takes or cls.counts_as
            KINDS[cls.kind] = cls

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:  # noqa: ARG003  # for subclasses
        """What it takes where this policy can lead to such an operation, () where it cannot."""
        return cls.permissions

    @property
    def about(self) -> About:
        return About()

    @property
    def people(self) -> tuple[Joiner, ...]:
        """Who is put into a channel by it."""
        return ()

    @property
    def requests(self) -> int:
        """How many requests it costs, for the estimate."""
        return 1

    @property
    def remote_ids(self) -> tuple[str, ...]:
        """Rocket.Chat's ids of what it changes, as far as they are known when it is planned."""
        return ()

    @property
    def particulars(self) -> tuple[str, ...]:
        """The last parts of `key`. What takes away names the very room and account, so that what a
        person approved never reaches others.
        """
        return self.remote_ids if self.takes_away else ()

    @property
    def key(self) -> str:
        """The identity of an operation, equal in every run: the same change to the same things.

        At most 200 characters.
        """
        about = self.about
        parts = (self.subject or self.kind, about.group_id, about.user_id, *self.particulars)
        return "/".join("" if part is None else str(part) for part in parts)

    def describe(self) -> str:
        """The operation in one line, without its reason."""
        raise NotImplementedError

    def changes(self) -> tuple[Facts, Facts]:
        """For the audit trail: what it changes, as it was, and as it is to be."""
        return {}, {}

    def inverse(self, now: Now, reason: str) -> Iterable["Operation"]:
        """What turns it back, given how things are now; nothing where it cannot or need not be."""
        return ()

    def details(self) -> Facts:
        """What has no column of its own in a stored row, as JSON."""
        found: Facts = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, ChannelRef):
                found |= {"name": value.name, "room_id": value.room_id, "private": value.private}
            elif one.name == "joiners":
                found["joiners"] = [
                    {"user": joiner.user_id, "username": joiner.username, "reason": joiner.reason}
                    for joiner in value
                ]
            elif one.name not in ("user_id", "reason"):
                found[one.name] = value
        return found

    @classmethod
    def restored(cls, stored: Stored) -> Self:
        """The operation of a stored row. KeyError or ValueError where it lacks something."""
        values: Facts = {"reason": stored.reason}
        for one in fields(cls):
            if one.name == "channel":
                values["channel"] = _channel(stored)
            elif one.name == "user_id":
                values["user_id"] = stored.user_id
            elif one.name in stored.details:
                values[one.name] = _value(one.name, stored.details[one.name])
        try:
            return cls(**values)
        except TypeError as error:
            raise KeyError(str(error)) from None


def _channel(stored: Stored) -> ChannelRef:
    details = stored.details
    if stored.group_id is None or stored.course_id is None:
        raise KeyError("channel")
    return ChannelRef(
        stored.group_id,
        stored.course_id,
        details["name"],
        details.get("room_id"),
        details.get("private", True),
    )


def _value(name: str, value: Any) -> Any:
    if name == "role":
        return RoomRole(value)
    if name == "joiners":
        return tuple(Joiner(one["user"], one["reason"], one["username"]) for one in value)
    return value


def kinds() -> Mapping[str, type[Operation]]:
    """Every operation by its kind, in the order in which they are carried out."""
    return dict(sorted(KINDS.items(), key=lambda item: item[1].wave))


def labels() -> Mapping[str, str]:
    """Kind -> its name for people, in the order in which they are carried out."""
    return {kind: operation.label for kind, operation in kinds().items()}


def permissions(policy: Policy) -> tuple[Permission, ...]:
    """What the operations that the policy can lead to need together, each once."""
    return tuple(dict.fromkeys(one for kind in kinds().values() for one in kind.needs(policy)))


def restore(stored: Stored) -> Operation | None:
    """The operation of a stored row; None for one that this version of rcsync does not know."""
    known = KINDS.get(stored.kind)
    if known is None:
        return None
    try:
        return known.restored(stored)
    except (KeyError, ValueError):
        return None
