"""Who has to join, leave or change role in one channel. Pure.

Added is who should be in and is not. Removed is only who rcsync itself put there and who should not
be in any more; who was added by hand stays. Likewise only a room role that rcsync gave is taken.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from integration.domain.conflicts import Conflict, Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    AddMembers,
    ChannelOperation,
    ChannelRef,
    Joiner,
    RemoveMember,
    SetRoomRole,
    UnsetRoomRole,
)
from integration.domain.policy import Policy
from integration.domain.state import (
    ROLE_STRENGTH,
    Group,
    Managed,
    ManagedChannel,
    ManagedMember,
    RemoteChannel,
    RemoteState,
    RoomRole,
    Scope,
)
from integration.services.sync.accounts import AccountPlan, is_protected
from integration.services.sync.desired import Desired, DesiredChannel


@dataclass(frozen=True, slots=True)
class Observed:
    """What a look at a channel taught, to be stored without sending anything.

    `found` are known people who are there by hand; `taken_over` are ours although no row says so;
    `gone` are rows of people who are no longer there. Moodle user ids. `users_count` is the
    server's count.
    """

    group_id: int
    users_count: int | None
    found: tuple[int, ...] = ()
    taken_over: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that is compared."""

    desired: Desired
    remote: RemoteState
    managed: Managed
    policy: Policy
    account_plan: AccountPlan
    scope: Scope


@dataclass(slots=True)
class ChannelPlan:
    """What the comparison of the channels comes to, growing channel by channel."""

    operations: list[ChannelOperation] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    observed: list[Observed] = field(default_factory=list)
    missing_remotely: list[int] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)


def ref_of(wanted: DesiredChannel, room: RemoteChannel) -> ChannelRef:
    """The room by the name that it is to have."""
    ids = (wanted.group_id, wanted.course_id)
    return ChannelRef(*ids, wanted.name, room.room_id, room.private)


@dataclass(frozen=True, slots=True)
class _Look:
    """One channel: its rows in the ledger, who is in it, and who should be. All by Moodle user id.

    `listed` are the people whom Rocket.Chat named, None when it was not asked. `cut_off` are people
    whom an earlier run may have added without living to store it.
    """

    rows: dict[int, ManagedMember]
    listed: frozenset[int] | None
    present: frozenset[int]
    should: dict[int, RoomRole]
    interrupted: frozenset[int]

    @property
    def is_as_wanted(self) -> bool:
        """Whether the ledger has just those who should be in it, with just these roles."""
        return {user: row.role for user, row in self.rows.items()} == self.should


class MemberPlanner:
    """Plans the members of channels, one channel a call, into `result`."""

    def __init__(self, inputs: PlanInputs, result: ChannelPlan) -> None:
        self.desired = inputs.desired
        self.eligibility = inputs.desired.eligibility
        self.remote = inputs.remote
        self.managed = inputs.managed
        self.policy = inputs.policy
        self.account_plan = inputs.account_plan
        self.scope = inputs.scope
        self.result = result
        self.user_of = {link.account_id: user for user, link in inputs.managed.accounts.items()}
        self.user_of |= {account: user for user, account in inputs.account_plan.account_ids.items()}
        self.interrupted: dict[int, set[int]] = defaultdict(set)
        for group_id, user_id in inputs.managed.unfinished_members:
            self.interrupted[group_id].add(user_id)

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
    ) -> None:
        """Members of a channel that exists.

        `all_ours`: whoever should be in it was put there by us.
        """
        look = self._look(wanted, room)
        if look.listed is not None or all_ours:
            self.result.compared.append(wanted.group_id)
        elif not look.interrupted and look.is_as_wanted:
            return  # by its count and by the ledger: so it is with nearly every channel
        new = {user: role for user, role in look.should.items() if user not in look.present}
        if self.policy.respect_leavers:
            new = {user: role for user, role in new.items() if user not in look.rows}
        if new:
            self._add(wanted, room, new, why)
        self._change_roles(wanted, room, look, new)
        self._observe(wanted.group_id, link, room, look, all_ours)
        self._remove_leavers(wanted, room, look)

    def kept(self, link: ManagedChannel, room: RemoteChannel) -> None:
        """Members of a channel whose ending is "keep": nobody joins, and who lost the right leaves.

        Without its group the channel is for those who are still active in the course; without its
        course, for everybody whose Moodle account works.
        """
        entitled = self.eligibility.entitled_without_group(link.group_id, link.course_id)
        rows = self.managed.members.get(link.group_id, {})
        members = {user: row.role for user, row in rows.items() if entitled(user)}
        wanted = DesiredChannel(link.group_id, link.course_id, room.name, "", members)
        look = self._look(wanted, room)
        if look.listed is not None:
            self.result.compared.append(link.group_id)
        self._observe(link.group_id, link, room, look, all_ours=False)
        self._remove_leavers(wanted, room, look)

    # --- who is there -----------------------------------------------------------------------------

    def _look(self, wanted: DesiredChannel, room: RemoteChannel) -> _Look:
        rows = self._rows(wanted.group_id)
        interrupted = frozenset(
            user
            for user in self.interrupted.get(wanted.group_id, ())
            if user not in rows and self._concerns(user)
        )
        listed = None
        present = frozenset(rows)
        if room.members is not None:
            listed = frozenset(
                self.user_of[account] for account in room.members if account in self.user_of
            )
            # Deactivated members are not listed, but they are there.
            present = listed | {user for user in rows if self._is_hidden(user)}
        return _Look(rows, listed, present, self.joinable(wanted), interrupted)

    def _rows(self, group_id: int) -> dict[int, ManagedMember]:
        members = self.managed.members.get(group_id, {})
        plan = self.account_plan
        if self.scope.users is None and not (plan.missing_remotely or plan.held):
            return dict(members)
        return {user: member for user, member in members.items() if self._concerns(user)}

    def _concerns(self, user_id: int) -> bool:
        plan = self.account_plan
        return self.scope.has_user(user_id) and not (
            user_id in plan.missing_remotely or user_id in plan.held
        )

    def _is_hidden(self, user_id: int) -> bool:
        account = self.remote.accounts.get(self._account_id(user_id))
        return account is not None and not account.active

    def _observe(
        self,
        group_id: int,
        link: ManagedChannel,
        room: RemoteChannel,
        look: _Look,
        all_ours: bool,
    ) -> None:
        if look.listed is None:
            return
        unknown = {user for user in look.listed if user not in look.rows and self._concerns(user)}
        ours = {user for user in unknown if all_ours and user in look.should} | (
            unknown & look.interrupted
        )
        gone = {user for user in look.rows if user not in look.present and user not in look.should}
        if unknown or gone or room.users_count != link.users_count:
            self.result.observed.append(
                Observed(
                    group_id,
                    room.users_count,
                    tuple(sorted(unknown - ours)),
                    tuple(sorted(ours & look.should.keys())),
                    tuple(sorted(gone)),
                )
            )

    # --- in and out -------------------------------------------------------------------------------

    def _add(
        self, wanted: DesiredChannel, room: RemoteChannel, new: Iterable[int], why: str
    ) -> None:
        self.result.operations.append(
            AddMembers(ref_of(wanted, room), self.joiners(wanted.group_id, new), reason=why)
        )

    def _remove_leavers(self, wanted: DesiredChannel, room: RemoteChannel, look: _Look) -> None:
        leavers = dict(look.rows)
        for user_id in look.interrupted:
            if look.listed is None or user_id in look.listed or self._is_hidden(user_id):
                leavers[user_id] = ManagedMember(RoomRole.MEMBER, ours=True)
        for user_id in sorted(leavers):
            if user_id in wanted.members:
                continue
            if user_id in look.present or user_id in look.interrupted:
                self._remove(wanted, room, user_id, leavers[user_id])

    def _remove(
        self, wanted: DesiredChannel, room: RemoteChannel, user_id: int, row: ManagedMember
    ) -> None:
        account = self.remote.accounts.get(self._account_id(user_id))
        if account is None:
            return  # the account is gone, and its memberships went with it
        who, why = account.username, self.eligibility.why_not_member(wanted.group_id, user_id)
        if user_id not in self.eligibility.moodle.people:
            self._skip(
                wanted, msg("{who} stays: Moodle has no row of person {id}", who=who, id=user_id)
            )
        elif not row.ours:
            if room.members is not None:  # said when somebody looked, not in every run
                text = msg("{who} was added by hand and stays ({why})", who=who, why=why)
                self._skip(wanted, text, differs=False)
        elif is_protected(account, self.remote.bot_id, self.policy):
            self._skip(wanted, msg("{who} is protected and stays ({why})", who=who, why=why))
        elif self.eligibility.cause(wanted.group_id, user_id) in self.policy.members_kept:
            self._skip(wanted, msg("{who} stays by the settings ({why})", who=who, why=why))
        else:
            self.result.operations.append(
                RemoveMember(
                    ref_of(wanted, room),
                    user_id,
                    account.account_id,
                    account.username,
                    row.role,
                    reason=why,
                )
            )

    # --- room roles -------------------------------------------------------------------------------

    def _change_roles(
        self, wanted: DesiredChannel, room: RemoteChannel, look: _Look, new: dict[int, RoomRole]
    ) -> None:
        """Give what Moodle's roles ask for; a stronger role given by hand is left beside it."""
        gained = dict(new)
        for user_id in sorted(look.should.keys() & (look.present | new.keys())):
            role = look.should[user_id]
            given = look.rows[user_id].role if user_id in look.rows else RoomRole.MEMBER
            has = self._role_now(room, user_id, given)
            if given not in (RoomRole.MEMBER, role):
                self._take_role(wanted, room, user_id, given)
                has = RoomRole.MEMBER if has is given else has
            if given is not role or ROLE_STRENGTH[has] < ROLE_STRENGTH[role]:
                gained[user_id] = role
        self.give_roles(ref_of(wanted, room), gained)

    def _role_now(self, room: RemoteChannel, user_id: int, given: RoomRole) -> RoomRole:
        if room.roles is None:
            return given
        return room.roles.get(self._account_id(user_id), RoomRole.MEMBER)

    def give_roles(self, channel: ChannelRef, roles: dict[int, RoomRole]) -> None:
        group = self._group(channel.group_id)
        self.result.operations.extend(
            SetRoomRole(
                channel,
                user_id,
                self._username(user_id),
                role,
                reason=self.eligibility.why_member(group, user_id),
            )
            for user_id, role in sorted(roles.items())
            if role is not RoomRole.MEMBER
        )

    def _take_role(
        self, wanted: DesiredChannel, room: RemoteChannel, user_id: int, role: RoomRole
    ) -> None:
        self.result.operations.append(
            UnsetRoomRole(
                ref_of(wanted, room),
                user_id,
                self._username(user_id),
                role,
                reason=self.eligibility.why_member(self._group(wanted.group_id), user_id),
            )
        )

    # --- small things -----------------------------------------------------------------------------

    def _username(self, user_id: int) -> str:
        account = self.remote.accounts.get(self._account_id(user_id))
        return account.username if account else self.desired.accounts[user_id].username

    def _account_id(self, user_id: int) -> str:
        known = self.account_plan.account_ids.get(user_id)
        if known is None and user_id in self.managed.accounts:
            return self.managed.accounts[user_id].account_id
        return known or ""

    def _group(self, group_id: int) -> Group:
        return self.eligibility.moodle.groups[group_id]

    def _skip(self, wanted: DesiredChannel, reason: str, *, differs: bool = True) -> None:
        self.result.skips.append(Skip(wanted.name, reason, wanted.course_id, differs=differs))
