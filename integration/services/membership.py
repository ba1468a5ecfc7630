"""What has to happen to the channels and who is in them. Pure.

Added is who should be in and is not. Removed is only who rcsync itself put there and who should not be in any
more; who was added by hand stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from integration.services.conflicts import Conflict, ConflictKind, Skip
from integration.services.desired import Desired, DesiredChannel, DesiredEnding
from integration.services.matching import Matching, is_protected
from integration.services.operations import (
    AddMembers,
    AdoptChannel,
    Archive,
    ChannelOperation,
    CreateChannel,
    Joiner,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTopic,
    Unarchive,
    UnsetRoomRole,
)
from integration.services.policy import Policy
from integration.services.state import (
    Ending,
    Group,
    Managed,
    ManagedChannel,
    ManagedMember,
    RemoteChannel,
    RemoteState,
    RoomRole,
    Scope,
)


@dataclass(slots=True)
class Observed:
    """What a look at a channel taught, to be stored without sending anything.

    `found` were there by hand and should be there; `taken_over` are ours although no row says so; `gone` are
    rows of people who are no longer there. Moodle user ids. `users_count` is the server's count.
    """

    group_id: int
    users_count: int | None
    found: tuple[int, ...] = ()
    taken_over: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()


@dataclass(slots=True)
class Channels:
    operations: list[ChannelOperation] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)


def plan_channels(
    desired: Desired,
    remote: RemoteState,
    managed: Managed,
    policy: Policy,
    matching: Matching,
    scope: Scope,
) -> Channels:
    """Operations for every desired channel and every ending, in order of the Moodle group id."""
    planner = _Planner(desired, remote, managed, policy, matching, scope)
    for group_id in sorted(desired.channels):
        planner.channel(desired.channels[group_id])
    for group_id in sorted(desired.endings):
        planner.ending(managed.channels[group_id], desired.endings[group_id])
    for group_id, reason in sorted(desired.undecided.items()):
        planner.result.skips.append(Skip(f"group {group_id}", reason))
    return planner.result


class _Planner:
    def __init__(
        self,
        desired: Desired,
        remote: RemoteState,
        managed: Managed,
        policy: Policy,
        matching: Matching,
        scope: Scope,
    ) -> None:
        self.desired = desired
        self.standing = desired.standing
        self.remote = remote
        self.managed = managed
        self.policy = policy
        self.matching = matching
        self.scope = scope
        self.result = Channels()
        self.linked_rooms = {channel.room_id for channel in managed.channels.values()}
        self.by_name = {channel.name.casefold(): channel for channel in remote.channels.values()}
        self.user_of = {account_id: user for user, account_id in matching.account_ids.items()}

    # --- one channel --------------------------------------------------------------------------------------

    def channel(self, wanted: DesiredChannel) -> None:
        link = self.managed.channels.get(wanted.group_id)
        room = self.remote.channels.get(link.room_id) if link else None
        if link and room:
            self._existing(wanted, link, room)
            return
        if link:
            self.result.vanished.append(wanted.group_id)
        if self.scope.users is not None:
            self._skip(wanted, "the channel does not exist yet: sync the course once")
        else:
            self._missing(wanted)

    def _missing(self, wanted: DesiredChannel) -> None:
        room = self.by_name.get(wanted.name.casefold())
        if room is None:
            self._create(wanted)
        elif room.room_id in self.linked_rooms or not self._may_adopt(room, wanted):
            self._name_taken(wanted, room)
        else:
            self._adopt(wanted, room)

    def _create(self, wanted: DesiredChannel) -> None:
        members = self._joinable(wanted)
        self.result.operations.append(
            CreateChannel(
                wanted.group_id,
                wanted.course_id,
                wanted.name,
                wanted.topic,
                self.policy.private_channels,
                self._joiners(wanted.group_id, members),
                self._why_channel(wanted),
            )
        )
        self._give_roles(
            wanted, None, self.policy.private_channels, {user: members[user] for user in members}
        )

    def _may_adopt(self, room: RemoteChannel, wanted: DesiredChannel) -> bool:
        if room.creator_id != self.remote.bot_id or room.archived:
            return False
        return room.moodle_group == wanted.group_id or (
            self.policy.adopt_channels and room.moodle_group is None
        )

    def _adopt(self, wanted: DesiredChannel, room: RemoteChannel) -> None:
        ours = room.moodle_group == wanted.group_id
        self.linked_rooms.add(room.room_id)
        reason = (
            "made by an earlier run that was cut off"
            if ours
            else "has the wanted name and was created by our account"
        )
        self.result.operations.append(
            AdoptChannel(
                wanted.group_id, wanted.course_id, wanted.name, room.room_id, ours, reason
            )
        )
        link = ManagedChannel(
            wanted.group_id, wanted.course_id, room.room_id, room.name, room.topic, None
        )
        self._existing(wanted, link, room, all_ours=True)

    def _existing(
        self,
        wanted: DesiredChannel,
        link: ManagedChannel,
        room: RemoteChannel,
        *,
        all_ours: bool = False,
    ) -> None:
        if room.archived:
            if link.ended is not Ending.ARCHIVE:
                self._skip(wanted, "the channel was archived in Rocket.Chat by somebody else")
                return
            self._unarchive(wanted, room)
        if self.scope.users is None:
            self._properties(wanted, link, room)
        self._members(wanted, link, room, all_ours)

    def _unarchive(self, wanted: DesiredChannel, room: RemoteChannel) -> None:
        self.result.operations.append(
            Unarchive(
                wanted.group_id,
                wanted.course_id,
                wanted.name,
                room.room_id,
                self._why_channel(wanted),
            )
        )

    def _properties(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel
    ) -> None:
        ids = (wanted.group_id, wanted.course_id, wanted.name)
        if self.policy.follow_renames and room.name != wanted.name:
            self.result.operations.append(
                RenameChannel(*ids, room.name, room.room_id, "the name follows Moodle")
            )
        if wanted.topic and wanted.topic != link.topic:
            self.result.operations.append(
                SetTopic(*ids, room.room_id, wanted.topic, room.topic, "the topic follows Moodle")
            )
        if room.read_only and link.ended is Ending.READ_ONLY:
            self.result.operations.append(
                SetReadOnly(*ids, room.room_id, False, self._why_channel(wanted))
            )

    # --- members ------------------------------------------------------------------------------------------

    def _members(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel, all_ours: bool
    ) -> None:
        rows = self._rows(wanted.group_id)
        present = self._present(room, rows)
        should = self._joinable(wanted)
        new = {user: role for user, role in should.items() if user not in present}
        if self.policy.respect_leavers:
            new = {user: role for user, role in new.items() if user not in rows}
        if new:
            self.result.operations.append(
                AddMembers(
                    wanted.group_id,
                    wanted.course_id,
                    wanted.name,
                    room.room_id,
                    room.private,
                    self._joiners(wanted.group_id, new),
                    self._why_channel(wanted),
                )
            )
        self._change_roles(wanted, room, rows, new, should, present)
        self._observe(wanted.group_id, link, room, rows, should, present, all_ours)
        for user_id in sorted(rows):
            if user_id not in wanted.members and user_id in present:
                self._remove(wanted, room, user_id, rows[user_id])

    def _rows(self, group_id: int) -> dict[int, ManagedMember]:
        return {
            user_id: member
            for user_id, member in self.managed.members.get(group_id, {}).items()
            if self.scope.has_user(user_id) and user_id not in self.matching.vanished
        }

    def _present(self, room: RemoteChannel, rows: dict[int, ManagedMember]) -> set[int]:
        """Who is in the room, as Moodle user ids. Deactivated members are not listed, but they are there."""
        if room.members is None:
            return set(rows)
        listed = {self.user_of[account] for account in room.members if account in self.user_of}
        return listed | {user_id for user_id in rows if self._is_hidden(user_id)}

    def _is_hidden(self, user_id: int) -> bool:
        account = self.remote.accounts.get(self._account_id(user_id))
        return account is not None and not account.active

    def _observe(
        self,
        group_id: int,
        link: ManagedChannel,
        room: RemoteChannel,
        rows: dict[int, ManagedMember],
        should: dict[int, RoomRole],
        present: set[int],
        all_ours: bool,
    ) -> None:
        if room.members is None:
            return
        unknown = {user for user in should if user in present and user not in rows}
        ours = {
            user
            for user in unknown
            if all_ours or (group_id, user) in self.managed.unfinished_members
        }
        gone = tuple(sorted(user for user in rows if user not in present and user not in should))
        if unknown or gone or room.users_count != link.users_count:
            self.result.observed.append(
                Observed(
                    group_id,
                    room.users_count,
                    tuple(sorted(unknown - ours)),
                    tuple(sorted(ours)),
                    gone,
                )
            )

    def _remove(
        self, wanted: DesiredChannel, room: RemoteChannel, user_id: int, row: ManagedMember
    ) -> None:
        account = self.remote.accounts.get(self._account_id(user_id))
        why = self.standing.why_not_member(wanted.group_id, user_id)
        if account is None:
            return  # the account is gone, and its memberships went with it
        if user_id not in self.standing.moodle.people:
            self._skip(wanted, f"{account.username} stays: Moodle has no row of person {user_id}")
        elif not row.ours:
            self._skip(wanted, f"{account.username} was added by hand and stays ({why})")
        elif is_protected(account, self.remote.bot_id, self.policy):
            self._skip(wanted, f"{account.username} is protected and stays ({why})")
        else:
            self.result.operations.append(
                RemoveMember(
                    wanted.group_id,
                    wanted.course_id,
                    wanted.name,
                    room.room_id,
                    room.private,
                    user_id,
                    account.account_id,
                    account.username,
                    why,
                )
            )

    # --- room roles ---------------------------------------------------------------------------------------

    def _change_roles(
        self,
        wanted: DesiredChannel,
        room: RemoteChannel,
        rows: dict[int, ManagedMember],
        new: dict[int, RoomRole],
        should: dict[int, RoomRole],
        present: set[int],
    ) -> None:
        gained = {user: role for user, role in new.items() if role is not RoomRole.MEMBER}
        for user_id in sorted(set(should) & present):
            role = should[user_id]
            has = self._role_now(room, rows, user_id)
            if role is has:
                continue
            if has is not RoomRole.MEMBER and user_id in rows and rows[user_id].ours:
                self._take_role(wanted, room, user_id, has)
            if role is not RoomRole.MEMBER:
                gained[user_id] = role
        self._give_roles(wanted, room.room_id, room.private, gained)

    def _role_now(
        self, room: RemoteChannel, rows: dict[int, ManagedMember], user_id: int
    ) -> RoomRole:
        if room.roles is not None:
            return room.roles.get(self._account_id(user_id), RoomRole.MEMBER)
        return rows[user_id].role if user_id in rows else RoomRole.MEMBER

    def _give_roles(
        self,
        wanted: DesiredChannel,
        room_id: str | None,
        private: bool,
        roles: dict[int, RoomRole],
    ) -> None:
        self.result.operations.extend(
            SetRoomRole(
                wanted.group_id,
                wanted.course_id,
                wanted.name,
                room_id,
                private,
                user_id,
                self._username(user_id),
                role,
                self.standing.why_member(self._group(wanted.group_id), user_id),
            )
            for user_id, role in sorted(roles.items())
            if role is not RoomRole.MEMBER
        )

    def _take_role(
        self, wanted: DesiredChannel, room: RemoteChannel, user_id: int, role: RoomRole
    ) -> None:
        self.result.operations.append(
            UnsetRoomRole(
                wanted.group_id,
                wanted.course_id,
                wanted.name,
                room.room_id,
                room.private,
                user_id,
                self._username(user_id),
                role,
                self.standing.why_member(self._group(wanted.group_id), user_id),
            )
        )

    # --- endings ------------------------------------------------------------------------------------------

    def ending(self, link: ManagedChannel, end: DesiredEnding) -> None:
        room = self.remote.channels.get(link.room_id)
        if room is None or self.scope.users is not None:
            return
        ids = (link.group_id, link.course_id, link.name, link.room_id)
        if end.ending is Ending.KEEP:
            self.result.skips.append(
                Skip(link.name, f"{end.reason}: left as it is", link.course_id)
            )
        elif end.ending is Ending.ARCHIVE and not room.archived:
            self.result.operations.append(Archive(*ids, end.reason))
        elif end.ending is Ending.READ_ONLY and not room.read_only and not room.archived:
            self.result.operations.append(SetReadOnly(*ids, True, end.reason))

    # --- small things -------------------------------------------------------------------------------------

    def _joinable(self, wanted: DesiredChannel) -> dict[int, RoomRole]:
        """The members who have an account or are getting one; the others are conflicts or skips already."""
        return {
            user_id: role
            for user_id, role in wanted.members.items()
            if self.scope.has_user(user_id) and self.matching.can_join(user_id)
        }

    def _joiners(self, group_id: int, users: Iterable[int]) -> tuple[Joiner, ...]:
        group = self._group(group_id)
        return tuple(Joiner(user, self.standing.why_member(group, user)) for user in sorted(users))

    def _username(self, user_id: int) -> str:
        account = self.remote.accounts.get(self._account_id(user_id))
        return account.username if account else self.desired.accounts[user_id].username

    def _account_id(self, user_id: int) -> str:
        known = self.matching.account_ids.get(user_id)
        if known is None and user_id in self.managed.accounts:
            return self.managed.accounts[user_id].account_id
        return known or ""

    def _group(self, group_id: int) -> Group:
        return self.standing.moodle.groups[group_id]

    def _why_channel(self, wanted: DesiredChannel) -> str:
        course = self.standing.moodle.courses[wanted.course_id]
        return f"group '{self._group(wanted.group_id).name}' of course {course.shortname} is to have a channel"

    def _skip(self, wanted: DesiredChannel, reason: str) -> None:
        self.result.skips.append(Skip(wanted.name, reason, wanted.course_id))

    def _name_taken(self, wanted: DesiredChannel, room: RemoteChannel) -> None:
        self.result.conflicts.append(
            Conflict(
                ConflictKind.CHANNEL_NAME_TAKEN,
                None,
                wanted.group_id,
                f"{self._why_channel(wanted)} named {wanted.name}",
                f"a room of that name exists ({room.users_count} members) and is not managed by rcsync",
                room.room_id,
                "Link the group to that room, rename the room, or change the naming template.",
            )
        )
