"""Who has to join, leave or change role in one channel. Pure.

Added is who should be in and is not. Removed is only who rcsync itself put there and who should not
be in any more; who was added by hand stays. Likewise only a room role that rcsync gave is taken.
"""

from collections.abc import Iterable, Iterator, Mapping

from integration.domain.conflicts import Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    AddMembers,
    ChannelRef,
    Joiner,
    RemoveMember,
    SetRoomRole,
    UnsetRoomRole,
)
from integration.domain.room_texts import NO_TEXTS
from integration.domain.state import (
    ROLE_STRENGTH,
    Group,
    ManagedChannel,
    ManagedMember,
    RemoteChannel,
    RoomRole,
)
from integration.services.sync.desired import DesiredChannel
from integration.services.sync.partial_plans import ChannelFinding, Compared, PlanInputs
from integration.services.sync.presence import Look, Presence
from integration.services.sync.protection import is_protected


def ref_of(wanted: DesiredChannel, room: RemoteChannel) -> ChannelRef:
    """The room by the name that it is to have."""
    ids = (wanted.group_id, wanted.course_id)
    return ChannelRef(*ids, wanted.name, room.room_id, room.private)


class MemberPlanner:
    """Plans the members of channels, one channel a call."""

    def __init__(self, inputs: PlanInputs) -> None:
        self.inputs = inputs
        self.presence = Presence(inputs)
        self.desired = inputs.desired
        self.eligibility = inputs.desired.eligibility
        self.remote = inputs.remote
        self.policy = inputs.policy
        self.account_plan = inputs.account_plan
        self.scope = inputs.scope

    def joinable(self, wanted: DesiredChannel) -> dict[int, RoomRole]:
        """The members who have an account or are getting one; the others are conflicts or skips."""
        there, coming = self.account_plan.account_ids, self.account_plan.being_created
        deactivated, users = self.account_plan.deactivated, self.scope.users
        return {
            user_id: role
            for user_id, role in wanted.members.items()
            if (user_id in there or user_id in coming)
            and user_id not in deactivated
            and (users is None or user_id in users)
        }

    def joiners(self, group_id: int, users: Iterable[int]) -> tuple[Joiner, ...]:
        group = self._group(group_id)
        return tuple(
            Joiner(user, self.eligibility.why_member(group, user), self._username(user))
            for user in sorted(users)
        )

    def existing(
        self,
        wanted: DesiredChannel,
        link: ManagedChannel,
        room: RemoteChannel,
        *,
        all_ours: bool,
        why: str,
    ) -> Iterator[ChannelFinding]:
        """Members of a channel that exists.

        `all_ours`: whoever should be in it was put there by us.
        """
        look = self.presence.look(wanted.group_id, room, self.joinable(wanted))
        if look.listed is not None or all_ours:
            yield Compared(wanted.group_id)
        elif not look.interrupted and look.is_as_wanted:
            return  # by its count and by the ledger: so it is with nearly every channel
        new = {user: role for user, role in look.should.items() if user not in look.present}
        if self.policy.respect_leavers:
            left = look.rows.keys() - look.never_in
            new = {user: role for user, role in new.items() if user not in left}
        channel = ref_of(wanted, room)
        for user_id, why_out in self._left_out(channel.group_id, room, look, new):
            del new[user_id]
            yield _skip(wanted, why_out)
        if new:
            yield AddMembers(channel, self.joiners(wanted.group_id, new), reason=why)
        yield from self._change_roles(channel, room, look, new)
        yield from self.presence.observed(link, room, look, all_ours=all_ours)
        yield from self._remove_leavers(wanted, channel, look, room.members is not None)

    def _left_out(
        self, group_id: int, room: RemoteChannel, look: Look, new: Iterable[int]
    ) -> list[tuple[int, str]]:
        """Who is banned, or was refused lately, and the words for it."""
        known, bans_read = self.inputs.managed.left_out, room.room_id in self.remote.banned
        found: list[tuple[int, str]] = []
        for user in new:
            refused = known.get((group_id, user))
            if user in look.banned:
                why = msg(
                    "{who} is banned from it in Rocket.Chat and stays out", who=self._username(user)
                )
            elif refused and not (refused.banned and bans_read):
                why = msg("{who} is left out: {why}", who=self._username(user), why=refused.why)
            else:
                continue
            found.append((user, why))
        return found

    def kept(self, link: ManagedChannel, room: RemoteChannel) -> Iterator[ChannelFinding]:
        """Members of a channel whose ending is "keep": nobody joins, and who lost the right leaves.

        Without its group the channel is for those who are still active in the course; without its
        course, for everybody whose Moodle account works.
        """
        entitled = self.eligibility.entitled_without_group(link.group_id, link.course_id)
        rows = self.inputs.managed.members.get(link.group_id, {})
        members = {user: row.role for user, row in rows.items() if entitled(user)}
        wanted = DesiredChannel(link.group_id, link.course_id, room.name, NO_TEXTS, members)
        look = self.presence.look(link.group_id, room, self.joinable(wanted))
        if look.listed is not None:
            yield Compared(link.group_id)
        yield from self.presence.observed(link, room, look, all_ours=False)
        channel, listed = ref_of(wanted, room), room.members is not None
        yield from self._remove_leavers(wanted, channel, look, listed)

    # --- out --------------------------------------------------------------------------------------

    def _remove_leavers(
        self, wanted: DesiredChannel, channel: ChannelRef, look: Look, listed: bool
    ) -> Iterator[ChannelFinding]:
        leavers = dict(look.rows)
        for user_id in look.interrupted:
            if look.listed is None or user_id in look.listed or self.presence.is_hidden(user_id):
                leavers[user_id] = ManagedMember(RoomRole.MEMBER, ours=True)
        for user_id in sorted(leavers):
            if user_id in wanted.members:
                continue
            if leavers[user_id].missing and user_id not in (look.listed or ()):
                continue  # perhaps not in it: who was banned meanwhile would be let in again
            if user_id in look.present or user_id in look.interrupted:
                row = leavers[user_id]
                yield from self._remove(wanted, channel, user_id, row, listed)

    def _remove(
        self,
        wanted: DesiredChannel,
        channel: ChannelRef,
        user_id: int,
        row: ManagedMember,
        listed: bool,
    ) -> Iterator[ChannelFinding]:
        """`listed`: Rocket.Chat was asked for the members."""
        account = self.remote.accounts.get(self.inputs.account_id(user_id))
        if account is None:
            return  # the account is gone, and its memberships went with it
        who, why = account.username, self.eligibility.why_not_member(wanted.group_id, user_id)
        if user_id not in self.eligibility.moodle.people:
            text = msg("{who} stays: Moodle has no row of person {id}", who=who, id=user_id)
            yield _skip(wanted, text)
        elif not row.ours:
            if listed:  # said when somebody looked, not in every run
                text = msg("{who} was added by hand and stays ({why})", who=who, why=why)
                yield _skip(wanted, text, differs=False)
        elif is_protected(account, self.remote.bot_id, self.policy):
            yield _skip(wanted, msg("{who} is protected and stays ({why})", who=who, why=why))
        elif self.eligibility.cause(wanted.group_id, user_id) in self.policy.members_kept:
            yield _skip(wanted, msg("{who} stays by the settings ({why})", who=who, why=why))
        else:
            ids = (user_id, account.account_id, account.username)
            yield RemoveMember(channel, *ids, row.role, reason=why)

    # --- room roles -------------------------------------------------------------------------------

    def _change_roles(
        self, channel: ChannelRef, room: RemoteChannel, look: Look, new: dict[int, RoomRole]
    ) -> Iterator[ChannelFinding]:
        """Give what Moodle's roles ask for; a stronger role given by hand is left beside it."""
        gained = dict(new)
        for user_id in sorted(look.should.keys() & (look.present | new.keys())):
            role = look.should[user_id]
            given = look.rows[user_id].role if user_id in look.rows else RoomRole.MEMBER
            has = self._role_now(room, user_id, given)
            taken = self.presence.claims.role_taken(channel.group_id, user_id)
            if taken and given is RoomRole.MEMBER and room.roles is not None and has is taken.role:
                given = taken.role  # we were told that it was taken
            if given not in (RoomRole.MEMBER, role):
                yield self._taken(channel, user_id, given)
                has = RoomRole.MEMBER if has is given else has
            if given is not role or ROLE_STRENGTH[has] < ROLE_STRENGTH[role]:
                gained[user_id] = role
        yield from self.give_roles(channel, gained)

    def _role_now(self, room: RemoteChannel, user_id: int, given: RoomRole) -> RoomRole:
        if room.roles is None:
            return given
        return room.roles.get(self.inputs.account_id(user_id), RoomRole.MEMBER)

    def give_roles(
        self, channel: ChannelRef, roles: Mapping[int, RoomRole]
    ) -> Iterator[SetRoomRole]:
        group = self._group(channel.group_id)
        for user_id, role in sorted(roles.items()):
            if role is not RoomRole.MEMBER:
                why = self.eligibility.why_member(group, user_id)
                yield SetRoomRole(channel, user_id, self._username(user_id), role, reason=why)

    def _taken(self, channel: ChannelRef, user_id: int, role: RoomRole) -> UnsetRoomRole:
        why = self.eligibility.why_member(self._group(channel.group_id), user_id)
        return UnsetRoomRole(channel, user_id, self._username(user_id), role, reason=why)

    # --- small things -----------------------------------------------------------------------------

    def _username(self, user_id: int) -> str:
        account = self.remote.accounts.get(self.inputs.account_id(user_id))
        return account.username if account else self.desired.accounts[user_id].username

    def _group(self, group_id: int) -> Group:
        return self.eligibility.moodle.groups[group_id]


def _skip(wanted: DesiredChannel, reason: str, *, differs: bool = True) -> Skip:
    return Skip(wanted.name, reason, wanted.course_id, differs=differs)
