"""The changes a plan is made of: one small class each, with its reason in words. Pure.

People are Moodle user ids, channels are Moodle group ids; apply turns them into Rocket.Chat's ids,
because some of those only come into being on the way.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, assert_never

from integration.domain.messages import counted, joined, msg
from integration.domain.state import RoomRole


class Joiner(NamedTuple):
    """Somebody who is put into a channel, and why."""

    user_id: int
    reason: str
    username: str = ""


@dataclass(frozen=True, slots=True)
class CreateAccount:
    kind: ClassVar[str] = "create_account"
    user_id: int
    username: str
    name: str
    email: str
    reason: str


@dataclass(frozen=True, slots=True)
class AdoptAccount:
    """Store the pair of ids; nothing is sent.

    `created`: the account turned out to be one we had just made.
    """

    kind: ClassVar[str] = "adopt_account"
    user_id: int
    account_id: str
    username: str
    created: bool
    reason: str


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    """New values, None = unchanged; `old_*` are what Rocket.Chat has now."""

    kind: ClassVar[str] = "update_account"
    user_id: int
    account_id: str
    username: str
    name: str | None
    email: str | None
    old_name: str
    old_email: str
    reason: str


@dataclass(frozen=True, slots=True)
class Activate:
    kind: ClassVar[str] = "activate"
    user_id: int
    account_id: str
    username: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deactivate:
    kind: ClassVar[str] = "deactivate"
    user_id: int
    account_id: str
    username: str
    reason: str


@dataclass(frozen=True, slots=True)
class CreateChannel:
    kind: ClassVar[str] = "create_channel"
    group_id: int
    course_id: int
    name: str
    topic: str
    private: bool
    joiners: tuple[Joiner, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AdoptChannel:
    """Store the pair of ids; nothing is sent. `created`: the room carries our own mark."""

    kind: ClassVar[str] = "adopt_channel"
    group_id: int
    course_id: int
    name: str
    room_id: str
    created: bool
    reason: str
    topic: str = ""  # as the room has it


@dataclass(frozen=True, slots=True)
class RenameChannel:
    kind: ClassVar[str] = "rename_channel"
    group_id: int
    course_id: int
    name: str
    old_name: str
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SetTopic:
    kind: ClassVar[str] = "set_topic"
    group_id: int
    course_id: int
    name: str
    room_id: str
    topic: str
    old_topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class SetReadOnly:
    """Only those with a room role may write (True), or everybody again (False)."""

    kind: ClassVar[str] = "set_read_only"
    group_id: int
    course_id: int
    name: str
    room_id: str
    read_only: bool
    reason: str


@dataclass(frozen=True, slots=True)
class AddMembers:
    kind: ClassVar[str] = "add_members"
    group_id: int
    course_id: int
    name: str
    room_id: str
    private: bool
    joiners: tuple[Joiner, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """`role` is the room role that rcsync gave, which goes with the membership."""

    kind: ClassVar[str] = "remove_member"
    group_id: int
    course_id: int
    name: str
    room_id: str
    private: bool
    user_id: int
    account_id: str
    username: str
    reason: str
    role: RoomRole = RoomRole.MEMBER


@dataclass(frozen=True, slots=True)
class SetRoomRole:
    """`room_id` is None for a channel that the same plan creates."""

    kind: ClassVar[str] = "set_room_role"
    group_id: int
    course_id: int
    name: str
    room_id: str | None
    private: bool
    user_id: int
    username: str
    role: RoomRole
    reason: str


@dataclass(frozen=True, slots=True)
class UnsetRoomRole:
    kind: ClassVar[str] = "unset_room_role"
    group_id: int
    course_id: int
    name: str
    room_id: str
    private: bool
    user_id: int
    username: str
    role: RoomRole
    reason: str


@dataclass(frozen=True, slots=True)
class Archive:
    kind: ClassVar[str] = "archive"
    group_id: int
    course_id: int
    name: str
    room_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unarchive:
    kind: ClassVar[str] = "unarchive"
    group_id: int
    course_id: int
    name: str
    room_id: str
    reason: str


AccountOperation = CreateAccount | AdoptAccount | UpdateAccount | Activate | Deactivate
PropertyOperation = (
    CreateChannel | AdoptChannel | RenameChannel | SetTopic | SetReadOnly | Archive | Unarchive
)
MemberOperation = AddMembers | RemoveMember | SetRoomRole | UnsetRoomRole
ChannelOperation = PropertyOperation | MemberOperation
Operation = AccountOperation | ChannelOperation

WAVES: tuple[tuple[type, ...], ...] = (
    (AdoptAccount, AdoptChannel),
    (CreateAccount,),
    (Activate,),
    (UpdateAccount,),
    (Unarchive,),
    (CreateChannel, AddMembers),
    (UnsetRoomRole,),
    (SetRoomRole,),
    (RenameChannel, SetTopic),
    (RemoveMember,),
    (SetReadOnly,),
    (Archive,),
    (Deactivate,),
)
"""The order that is safe under partial failure (docs/architecture.md): give before taking, people
before channels. Operations of one wave do not depend on one another, except that a rename may wait
for a name.
"""

WAVE_OF = {kind: number for number, wave in enumerate(WAVES) for kind in wave}
LABELS = {
    "adopt_account": msg("adopt account"),
    "create_account": msg("create account"),
    "update_account": msg("update account"),
    "activate": msg("activate account"),
    "deactivate": msg("deactivate account"),
    "adopt_channel": msg("adopt channel"),
    "create_channel": msg("create channel"),
    "rename_channel": msg("rename channel"),
    "set_topic": msg("set topic"),
    "set_read_only": msg("make read-only"),
    "add_members": msg("add members"),
    "remove_member": msg("remove member"),
    "set_room_role": msg("give room role"),
    "unset_room_role": msg("take room role"),
    "archive": msg("archive channel"),
    "unarchive": msg("unarchive channel"),
}

ROLES = {
    RoomRole.MEMBER: msg("member"),
    RoomRole.LEADER: msg("leader"),
    RoomRole.MODERATOR: msg("moderator"),
    RoomRole.OWNER: msg("owner"),
}


def course_of(operation: Operation) -> int | None:
    """The course a channel operation belongs to; accounts belong to none."""
    return getattr(operation, "course_id", None)


def group_of(operation: Operation) -> int | None:
    return getattr(operation, "group_id", None)


def user_of(operation: Operation) -> int | None:
    return getattr(operation, "user_id", None)


def joiners_of(operation: Operation) -> tuple[Joiner, ...]:
    """Who is put into a channel by it."""
    return operation.joiners if isinstance(operation, CreateChannel | AddMembers) else ()


def describe(operation: Operation) -> str:  # noqa: C901  # one line for each kind
    """The operation in one line, without its reason."""
    match operation:
        case CreateAccount(username=username, name=name, email=email):
            return msg(
                "create account {who} ({name}, {email})", who=username, name=name, email=email
            )
        case AdoptAccount(username=username, created=True):
            return msg("store account {who}", who=username)
        case AdoptAccount(username=username):
            return msg("adopt account {who}", who=username)
        case UpdateAccount(username=username):
            changes = joined(", ", _changes(operation))
            return msg("update account {who}: {changes}", who=username, changes=changes)
        case Activate(username=username):
            return msg("activate account {who}", who=username)
        case Deactivate(username=username):
            return msg("deactivate account {who}", who=username)
        case CreateChannel(name=name, joiners=joiners):
            people = _people(len(joiners))
            return msg("create channel {channel} with {people}", channel=name, people=people)
        case AdoptChannel(name=name):
            return msg("adopt channel {channel}", channel=name)
        case RenameChannel(name=name, old_name=old_name):
            return msg("rename channel {channel} to {name}", channel=old_name, name=name)
        case SetTopic(name=name, topic=topic):
            return msg("set topic of {channel}: {topic}", channel=name, topic=topic)
        case SetReadOnly(name=name, read_only=True):
            return msg("make {channel} read-only", channel=name)
        case SetReadOnly(name=name):
            return msg("make {channel} writable again", channel=name)
        case AddMembers(name=name, joiners=joiners):
            return msg("add {people} to {channel}", people=_people(len(joiners)), channel=name)
        case RemoveMember(name=name, username=username):
            return msg("remove {who} from {channel}", who=username, channel=name)
        case SetRoomRole(name=name, role=role, username=username):
            held = ROLES[role]
            return msg("make {who} {role} of {channel}", who=username, role=held, channel=name)
        case UnsetRoomRole(name=name, role=role, username=username):
            held = ROLES[role]
            return msg(
                "make {who} no longer {role} of {channel}", who=username, role=held, channel=name
            )
        case Archive(name=name):
            return msg("archive channel {channel}", channel=name)
        case Unarchive(name=name):
            return msg("unarchive channel {channel}", channel=name)
        case _:
            assert_never(operation)


def _people(count: int) -> str:
    return counted("{n} person", "{n} people", count)


def _changes(operation: UpdateAccount) -> list[str]:
    changes: list[str] = []
    if operation.name is not None:
        old, new = repr(operation.old_name), repr(operation.name)
        changes.append(msg("name {old} -> {new}", old=old, new=new))
    if operation.email is not None:
        old, new = repr(operation.old_email), repr(operation.email)
        changes.append(msg("e-mail {old} -> {new}", old=old, new=new))
    return changes
