"""What happens to the channels themselves: made, taken over, renamed, ended, brought back. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from integration.domain.conflicts import Conflict, ConflictKind, Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    AdoptChannel,
    Archive,
    ChannelRef,
    CreateChannel,
    MarkChannel,
    RenameChannel,
    SetReadOnly,
    SetTexts,
    Unarchive,
    UnsetReadOnly,
)
from integration.domain.policy import Policy
from integration.domain.state import (
    Ending,
    Managed,
    ManagedChannel,
    RemoteChannel,
    RemoteState,
    Scope,
)
from integration.services.sync import drift
from integration.services.sync.confirm import Claims
from integration.services.sync.desired import Desired, DesiredChannel
from integration.services.sync.endings import DesiredEnding
from integration.services.sync.freed_names import FreedNames
from integration.services.sync.marks import foreign_mark, is_foreign, is_half, is_whole
from integration.services.sync.members import MemberPlanner, ref_of
from integration.services.sync.partial_plans import (
    AccountPlan,
    ChannelFinding,
    ChannelGone,
    ChannelPlan,
    Compared,
    PlanInputs,
)


def plan_channels(
    desired: Desired,
    remote: RemoteState,
    managed: Managed,
    policy: Policy,
    account_plan: AccountPlan,
    scope: Scope,
) -> ChannelPlan:
    """Operations for every desired channel and every ending, in order of the Moodle group id."""
    inputs = PlanInputs(desired, remote, managed, policy, account_plan, scope)
    return ChannelPlan.of(_ChannelPlanner(inputs).run())


class _ChannelPlanner:
    def __init__(self, inputs: PlanInputs) -> None:
        self.desired = inputs.desired
        self.moodle = inputs.desired.eligibility.moodle
        self.remote = inputs.remote
        self.managed = inputs.managed
        self.policy = inputs.policy
        self.one_person = inputs.scope.users is not None
        self.scope = inputs.scope
        self.claims = Claims(inputs.managed)
        self.members = MemberPlanner(inputs)
        self.linked_rooms = {channel.room_id for channel in inputs.managed.channels.values()}
        self.ours = inputs.managed.installation
        self.by_name: dict[str, list[RemoteChannel]] = defaultdict(list)
        for _, room in sorted(inputs.remote.channels.items()):
            for name in room.names:
                self.by_name[name].append(room)
        self.freed = FreedNames(
            *(inputs.desired, inputs.remote, inputs.managed, inputs.policy, self.by_name),
            inputs.scope,
        )

    @cached_property
    def usernames(self) -> set[str]:
        """Of all accounts; needed where a channel gets another name."""
        return {one.username.casefold() for one in self.remote.accounts.values()}

    def run(self) -> Iterator[ChannelFinding]:
        desired = self.desired
        for group_id in sorted(desired.channels):
            yield from self._channel(desired.channels[group_id])
        for group_id in sorted(desired.endings):
            yield from self._ending(self.managed.channels[group_id], desired.endings[group_id])
        yield from self.freed.operations()
        for group_id, reason in sorted(desired.undecided.items()):
            course = self.moodle.groups[group_id].course_id
            yield Skip(msg("group {id}", id=group_id), reason, course)

    def _channel(self, wanted: DesiredChannel) -> Iterator[ChannelFinding]:
        link = self.managed.channels.get(wanted.group_id)
        room = self.remote.channels.get(link.room_id) if link else None
        if link and room:
            yield from self._existing(wanted, link, room, all_ours=False)
            return
        if link and link.room_id in self.remote.not_understood:
            why = self.remote.not_understood[link.room_id]
            yield drift.not_understood(wanted.group_id, self._why(wanted), link.room_id, why)
            return
        if link:
            yield ChannelGone(wanted.group_id)
        if not self.one_person:
            yield from self._missing(wanted)
        elif wanted.group_id in self.scope.groups or self._concerns(wanted):
            yield _left_to_course(wanted, msg("the channel does not exist: sync the course once"))

    # --- a channel has to be found or made --------------------------------------------------------

    def _missing(self, wanted: DesiredChannel) -> Iterator[ChannelFinding]:
        if left := self._left_room(wanted.group_id):
            yield left
            return
        same_name = self.by_name.get(wanted.name.casefold(), [])
        for room in same_name:
            if self._may_adopt(room, wanted):
                yield from self._adopt(wanted, room)
                return
        if keepers := self.freed.in_the_way(wanted.name):
            yield self._taken(wanted, keepers[0])
        else:
            yield from self._create(wanted)

    def _left_room(self, group_id: int) -> Conflict | None:
        """A room of the old plugin about which nobody has decided: no second one is made."""
        left = self.managed.left_rooms.get(group_id)
        room = self.remote.channels.get(left.remote_id) if left else None
        if left is None or room is None or room.archived or room.room_id in self.linked_rooms:
            return None
        return left

    def _create(self, wanted: DesiredChannel) -> Iterator[ChannelFinding]:
        """What a policy of the server refused stays said, and is tried again now and then."""
        if refused := self.managed.not_made.get(wanted.group_id):
            yield drift.needs_attributes(wanted.group_id, self._why(wanted), refused.why)
            if refused.lately:
                return
        members = self.members.joinable(wanted)
        yield Compared(wanted.group_id)
        ids = (wanted.group_id, wanted.course_id)
        private = self.desired.policies.of(wanted.course_id).private_channels
        channel = ChannelRef(*ids, wanted.name, None, private)
        joiners = self.members.joiners(wanted.group_id, members)
        yield CreateChannel(
            channel,
            joiners,
            read_only=bool(wanted.read_only),
            **wanted.texts._asdict(),
            reason=self._why(wanted),
        )
        yield from self.members.give_roles(channel, members)

    def _may_adopt(self, room: RemoteChannel, wanted: DesiredChannel) -> bool:
        if room.room_id in self.linked_rooms or room.team:
            return False
        if room.creator_id != self.remote.bot_id or room.archived:
            return False
        if room.mark is None:
            return self.policy.adopt_channels
        return is_whole(room, wanted.group_id, self.ours) or is_half(room, wanted)

    def _adopt(self, wanted: DesiredChannel, room: RemoteChannel) -> Iterator[ChannelFinding]:
        ours = room.mark is not None
        self.linked_rooms.add(room.room_id)
        reason = (
            msg("created by an earlier run that was interrupted")
            if ours
            else msg("has the wanted name and was created by our account")
        )
        ids = (wanted.group_id, wanted.course_id)
        closed = ours and room.read_only  # by us: whoever made it read-only asked for it so
        texts = room.texts._asdict()
        channel = ref_of(wanted, room)
        yield AdoptChannel(channel, ours, read_only=closed, **texts, reason=reason)
        ended = Ending.READ_ONLY if closed else None
        link = ManagedChannel(*ids, room.room_id, room.name, users_count=None, ended=ended, **texts)
        yield from self._existing(wanted, link, room, all_ours=True)

    # --- a channel exists -------------------------------------------------------------------------

    def _existing(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel, *, all_ours: bool
    ) -> Iterator[ChannelFinding]:
        if is_foreign(room, self.ours):
            yield self._foreign_mark(wanted, room)
            return
        if room.archived and link.ended is not Ending.ARCHIVE:
            text = msg("the channel was archived in Rocket.Chat by somebody else")
            yield Skip(wanted.name, text, wanted.course_id)
            return
        if room.archived and self.one_person:
            yield _left_to_course(wanted, msg("the channel is archived: sync the course once"))
            return
        if self._comes_back(wanted, link) and wanted.group_id in self.scope.groups:
            yield _left_to_course(wanted, msg("the channel is coming back: sync the course once"))
            return
        policy = self.desired.policies.of(wanted.course_id)
        yield from drift.found(wanted.group_id, self._why(wanted), room, self.remote, policy)
        if self.scope.has_channel(wanted.group_id):
            yield from self._bring_back(wanted, link, room)
            yield from self._name(wanted, link, room)
            yield from self._texts(wanted, link, room)
            yield from self._complete_mark(wanted, room)
        why = self._why(wanted)
        yield from self.members.existing(wanted, link, room, all_ours=all_ours, why=why)

    def _bring_back(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel
    ) -> Iterator[ChannelFinding]:
        channel, why = ref_of(wanted, room), self._why(wanted)
        if room.archived:
            yield Unarchive(channel, reason=why)
        if wanted.read_only and not room.read_only:
            yield SetReadOnly(channel, reason=wanted.read_only)
        if room.read_only and not wanted.read_only and link.ended is Ending.READ_ONLY:
            yield UnsetReadOnly(channel, reason=why)

    def _comes_back(self, wanted: DesiredChannel, link: ManagedChannel) -> bool:
        stays_read_only = wanted.read_only and link.ended is Ending.READ_ONLY
        return link.ended is not None and not stays_read_only

    def _name(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel
    ) -> Iterator[ChannelFinding]:
        """A name that the server has and we have not stored is sent once more: that stores it."""
        if not self.policy.follow_renames or wanted.name == room.name == link.name:
            return
        if keepers := self.freed.in_the_way(wanted.name, room.room_id):
            yield self._taken(wanted, keepers[0])
            return
        if wanted.name.casefold() in self.usernames:
            yield self._name_of_a_person(wanted, room)
            return
        if self.claims.renamed_in_vain(wanted.group_id, wanted.name):
            yield drift.not_kept(wanted.group_id, self._why(wanted), room, wanted.name)
            return
        via = f"moving-{wanted.group_id}" if wanted.name == room.slug else ""
        why = msg("the name follows Moodle")
        yield RenameChannel(ref_of(wanted, room), room.name, via, reason=why)

    def _texts(
        self, wanted: DesiredChannel, link: ManagedChannel, room: RemoteChannel
    ) -> Iterator[ChannelFinding]:
        """Follow Moodle, each by itself; one that was changed by hand stays until Moodle's
        changes.
        """
        new: dict[str, str] = {}
        for name, text in wanted.texts._asdict().items():
            if text in ("", getattr(link, name), getattr(room, name)):
                continue
            if self.claims.retitled_in_vain(wanted.group_id, name, text):
                yield drift.not_kept(wanted.group_id, self._why(wanted), room, text)
            else:
                new[name] = text
        if new:
            topic_only = new.keys() == {"topic"}
            why = msg("the topic follows Moodle") if topic_only else msg("the texts follow Moodle")
            yield SetTexts.of(ref_of(wanted, room), new, room.texts, reason=why)

    def _complete_mark(
        self, wanted: DesiredChannel, room: RemoteChannel
    ) -> Iterator[ChannelFinding]:
        if self.ours and is_half(room, wanted):
            why = msg("was created before marks named the installation")
            yield MarkChannel(ref_of(wanted, room), reason=why)

    # --- endings ----------------------------------------------------------------------------------

    def _ending(self, link: ManagedChannel, end: DesiredEnding) -> Iterator[ChannelFinding]:
        room = self.remote.channels.get(link.room_id)
        if room is None or is_foreign(room, self.ours):
            return
        if end.ending is Ending.KEEP and not (end.frozen or room.archived):
            yield from self.members.kept(link, room)
        if not self.scope.has_channel(link.group_id):
            return
        ids = (link.group_id, link.course_id, link.name, link.room_id)
        channel = ChannelRef(*ids, room.private)
        if end.ending is Ending.KEEP:
            text = msg("{reason}: kept", reason=end.reason)
            differs = not room.archived
            yield Skip(link.name, text, link.course_id, differs=differs)
        elif end.ending is Ending.ARCHIVE and not room.archived:
            if room.read_only and link.ended is Ending.READ_ONLY:
                # Archived instead: else the channel would come back read-only one day.
                yield UnsetReadOnly(channel, reason=end.reason)
            yield Archive(channel, reason=end.reason)
        elif end.ending is Ending.READ_ONLY and not room.read_only and not room.archived:
            yield SetReadOnly(channel, reason=end.reason)

    # --- small things -----------------------------------------------------------------------------

    def _concerns(self, wanted: DesiredChannel) -> bool:
        return any(self.scope.has_user(user_id) for user_id in wanted.members)

    def _why(self, wanted: DesiredChannel) -> str:
        course = self.moodle.courses[wanted.course_id]
        group = self.moodle.groups[wanted.group_id]
        if group.of_course:
            return msg(
                "course {course} should have a channel for everybody", course=course.shortname
            )
        return msg(
            "group '{group}' of course {course} should have a channel",
            group=group.name,
            course=course.shortname,
        )

    def _name_of_a_person(self, wanted: DesiredChannel, room: RemoteChannel) -> Conflict:
        """The server makes such a channel, but gives no channel such a name (reference 11.2)."""
        return Conflict(
            ConflictKind.CHANNEL_NAME_TAKEN,
            None,
            wanted.group_id,
            msg("{why} named {name}", why=self._why(wanted), name=wanted.name),
            msg("an account has this name, so {room} cannot be renamed", room=room.name),
            room.room_id,
            msg("Rename the group or the account, or change the naming template."),
        )

    def _taken(self, wanted: DesiredChannel, room: RemoteChannel) -> Conflict:
        foreign = is_foreign(room, self.ours)
        return self._foreign_mark(wanted, room) if foreign else self._name_taken(wanted, room)

    def _foreign_mark(self, wanted: DesiredChannel, room: RemoteChannel) -> Conflict:
        why = msg("{why} named {name}", why=self._why(wanted), name=wanted.name)
        return foreign_mark(wanted.group_id, why, room)

    def _name_taken(self, wanted: DesiredChannel, room: RemoteChannel) -> Conflict:
        whose = (
            msg("belongs to another group")
            if room.room_id in self.linked_rooms
            else msg("is not managed by rcsync")
        )
        people = room.users_count if room.users_count is not None else msg("an unknown number of")
        return Conflict(
            ConflictKind.CHANNEL_NAME_TAKEN,
            None,
            wanted.group_id,
            msg("{why} named {name}", why=self._why(wanted), name=wanted.name),
            msg("a room of that name exists ({n} members) and {whose}", n=people, whose=whose),
            room.room_id,
            msg("Link the group to that room, rename the room, or change the naming template.")
            if not room.unreadable
            else msg(
                "To link it, first add the bot to that room as an owner: it is private, and "
                "the bot is not in it. Or rename the room."
            ),
        )


def _left_to_course(wanted: DesiredChannel, reason: str) -> Skip:
    return Skip(wanted.name, reason, wanted.course_id, needs_course=True)
