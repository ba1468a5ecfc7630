"""Who joins and leaves a channel, and who has which role in it. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from integration.domain.messages import counted, msg
from integration.domain.operations.base import About, Facts, Joiner, Now, Operation, Wave
from integration.domain.operations.channels import ChannelOperation, archived
from integration.domain.permissions import (
    ADD_MEMBERS,
    CREATE_PRIVATE,
    CREATE_PUBLIC,
    REMOVE_MEMBERS,
    SET_LEADER,
    SET_MODERATOR,
    SET_OWNER,
    Permission,
)
from integration.domain.policy import Policy, Removal
from integration.domain.room_texts import RoomTexts
from integration.domain.state import RoomRole

INVITE_CHUNK = 200  # people in one request; the server handles each by several queries
CREATE_CHUNK = 1000  # people who go in with a new channel

ROLES = {
    RoomRole.MEMBER: msg("member"),
    RoomRole.LEADER: msg("leader"),
    RoomRole.MODERATOR: msg("moderator"),
    RoomRole.OWNER: msg("owner"),
}
SETS = {
    RoomRole.MODERATOR: SET_MODERATOR,
    RoomRole.OWNER: SET_OWNER,
    RoomRole.LEADER: SET_LEADER,
}


@dataclass(frozen=True, slots=True)
class JoinOperation(ChannelOperation):
    """Puts people into one channel. What became of an interrupted one, a look at all of the
    channel's members tells.
    """

    subject: ClassVar[str] = "join"
    gives: ClassVar[bool] = True

    joiners: tuple[Joiner, ...]

    @property
    def people(self) -> tuple[Joiner, ...]:
        return self.joiners


@dataclass(frozen=True, slots=True)
class CreateChannel(JoinOperation):
    kind: ClassVar[str] = "create_channel"
    label: ClassVar[str] = msg("create channel")
    wave: ClassVar[Wave] = Wave.FILL_CHANNELS
    permissions: ClassVar[tuple[Permission, ...]] = (CREATE_PRIVATE, CREATE_PUBLIC)

    topic: str = ""
    read_only: bool = False  # only those with a room role may write
    description: str = ""
    announcement: str = ""

    @property
    def texts(self) -> RoomTexts:
        return RoomTexts(self.topic, self.description, self.announcement)

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        return (CREATE_PRIVATE,) if policy.private_channels else (CREATE_PUBLIC,)

    @property
    def requests(self) -> int:
        invites = math.ceil(max(0, len(self.joiners) - CREATE_CHUNK) / INVITE_CHUNK)
        return 1 + invites + bool(self.description or self.announcement)

    def describe(self) -> str:
        return msg(
            "create channel {channel} with {people}",
            channel=self.name,
            people=_people(len(self.joiners)),
        )

    def changes(self) -> tuple[Facts, Facts]:
        made: Facts = {
            "name": self.name,
            "topic": self.topic,
            "private": self.private,
            "members": [joiner.user_id for joiner in self.joiners],
        }
        rest = {name: getattr(self, name) for name in ("read_only", "description", "announcement")}
        return {}, made | {name: value for name, value in rest.items() if value}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return archived(self, now, reason)


@dataclass(frozen=True, slots=True)
class AddMembers(JoinOperation):
    kind: ClassVar[str] = "add_members"
    label: ClassVar[str] = msg("add members")
    wave: ClassVar[Wave] = Wave.FILL_CHANNELS
    permissions: ClassVar[tuple[Permission, ...]] = (ADD_MEMBERS,)

    @property
    def requests(self) -> int:
        return max(1, math.ceil(len(self.joiners) / INVITE_CHUNK))

    def describe(self) -> str:
        if len(self.joiners) == 1 and self.joiners[0].username:
            return msg("add {who} to {channel}", who=self.joiners[0].username, channel=self.name)
        return msg(
            "add {people} to {channel}", people=_people(len(self.joiners)), channel=self.name
        )

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {"members": [joiner.user_id for joiner in self.joiners]}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        """Those who still are in by us."""
        found = self.channel_now(now)
        if found is None:
            return
        for joiner in self.joiners:
            row = now.member(self.group_id, joiner.user_id)
            person = now.account(joiner.user_id)
            if row is not None and row.ours and person is not None and not person.protected:
                who = (joiner.user_id, person.account.account_id, person.account.username)
                yield RemoveMember(found.ref, *who, reason=reason)


@dataclass(frozen=True, slots=True)
class MemberOperation(ChannelOperation):
    """About one person in one channel."""

    user_id: int

    @property
    def about(self) -> About:
        return About(self.user_id, self.channel.group_id, self.channel.course_id)


@dataclass(frozen=True, slots=True)
class RemoveMember(MemberOperation):
    """`role` is the room role that rcsync gave, which goes with the membership."""

    kind: ClassVar[str] = "remove_member"
    label: ClassVar[str] = msg("remove member")
    wave: ClassVar[Wave] = Wave.REMOVE_MEMBERS
    seen_later: ClassVar[bool] = True
    takes: ClassVar[Removal | None] = Removal.MEMBERSHIPS
    permissions: ClassVar[tuple[Permission, ...]] = (REMOVE_MEMBERS,)

    account_id: str
    username: str
    role: RoomRole = RoomRole.MEMBER

    @property
    def remote_ids(self) -> tuple[str, ...]:
        return (self.channel.room_id or "", self.account_id)

    def describe(self) -> str:
        return msg("remove {who} from {channel}", who=self.username, channel=self.name)

    def changes(self) -> tuple[Facts, Facts]:
        return {"members": [self.user_id]}, {"members": []}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        """Also the room role comes back."""
        found, person = self.channel_now(now), now.account(self.user_id)
        is_in = now.member(self.group_id, self.user_id) is not None
        if found is None or person is None or person.protected or is_in:
            return
        username = person.account.username
        yield AddMembers(found.ref, (Joiner(self.user_id, reason, username),), reason=reason)
        if self.role is not RoomRole.MEMBER:
            yield SetRoomRole(found.ref, self.user_id, username, self.role, reason=reason)


@dataclass(frozen=True, slots=True)
class RoleOperation(MemberOperation):
    """Gives or takes `role`."""

    permissions: ClassVar[tuple[Permission, ...]] = (SET_MODERATOR, SET_OWNER, SET_LEADER)

    username: str
    role: RoomRole

    @classmethod
    def needs(cls, policy: Policy) -> tuple[Permission, ...]:
        given = set(policy.roles.values())
        return tuple(permission for role, permission in SETS.items() if role in given)

    def reversed_as(
        self, kind: "type[RoleOperation]", has: RoomRole, now: Now, reason: str
    ) -> Iterable[Operation]:
        """The same role by the other operation, where the ledger says that the person `has`."""
        found, person = self.channel_now(now), now.account(self.user_id)
        row = now.member(self.group_id, self.user_id)
        if found is None or row is None or row.role is not has:
            return
        if person is not None and not person.protected:
            yield kind(found.ref, self.user_id, person.account.username, self.role, reason=reason)


@dataclass(frozen=True, slots=True)
class SetRoomRole(RoleOperation):
    kind: ClassVar[str] = "set_room_role"
    label: ClassVar[str] = msg("set room role")
    wave: ClassVar[Wave] = Wave.GIVE_ROLES
    gives: ClassVar[bool] = True

    def describe(self) -> str:
        return msg(
            "make {who} {role} of {channel}",
            who=self.username,
            role=ROLES[self.role],
            channel=self.name,
        )

    def changes(self) -> tuple[Facts, Facts]:
        return {}, {"role": self.role.value}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return self.reversed_as(UnsetRoomRole, self.role, now, reason)


@dataclass(frozen=True, slots=True)
class UnsetRoomRole(RoleOperation):
    """Waits with the removals, but no limit counts it: the person stays in the channel."""

    kind: ClassVar[str] = "unset_room_role"
    label: ClassVar[str] = msg("remove room role")
    wave: ClassVar[Wave] = Wave.TAKE_ROLES
    seen_later: ClassVar[bool] = True
    takes_away: ClassVar[bool] = True

    def describe(self) -> str:
        return msg(
            "remove the role {role} of {who} in {channel}",
            who=self.username,
            role=ROLES[self.role],
            channel=self.name,
        )

    def changes(self) -> tuple[Facts, Facts]:
        return {"role": self.role.value}, {"role": "member"}

    def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
        return self.reversed_as(SetRoomRole, RoomRole.MEMBER, now, reason)


def _people(count: int) -> str:
    return counted("{n} person", "{n} people", count)
