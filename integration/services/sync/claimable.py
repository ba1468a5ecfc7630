"""What provably is rcsync's although our own tables do not know it. Pure.

After a ledger was restored from an older copy, or lost, rooms, accounts and memberships that rcsync
made look like somebody else's. Ours is

- a room that our own account created, with our installation's mark, whose group is in Moodle, in
  the course of the mark, and would be named as the room is;
- an account that is in such a room, with the username and the verified address that rcsync would
  give it;
- that such a person, whom Moodle has in the group, is in such a room;
- that somebody is in a room of ours again whom rcsync removed after the copy was made that
  Rocket.Chat was restored from.

Everything else is left alone, with the reason.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.domain.state import Managed, RemoteAccount, RemoteChannel, RemoteState, RoomRole
from integration.services.sync.desired import Desired
from integration.services.sync.desired_accounts import DesiredAccount
from integration.services.sync.protection import is_protected


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Something that may be ours, and why that is not proven."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Claimable:
    """By Moodle ids. `members`: (group id, user id) -> role, of those that are not ours yet."""

    rooms: Mapping[int, RemoteChannel] = field(default_factory=dict)
    accounts: Mapping[int, RemoteAccount] = field(default_factory=dict)
    members: Mapping[tuple[int, int], RoomRole] = field(default_factory=dict)
    unclaimed: tuple[Unclaimed, ...] = ()
    strangers: Mapping[str, int] = field(default_factory=dict)  # other installation -> its rooms

    @property
    def is_empty(self) -> bool:
        return not (self.rooms or self.accounts or self.members)


def find_claimable(
    desired: Desired,
    remote: RemoteState,
    managed: Managed,
    policy: Policy,
    removed: Collection[tuple[int, int]] = (),
) -> Claimable:
    """`remote` has marks and members of every room that our own account created.

    `removed` are (group id, user id) whom rcsync removed since Rocket.Chat's copy was made.
    """
    return _Finder(desired, remote, managed, policy, removed).run()


class _Finder:
    def __init__(
        self,
        desired: Desired,
        remote: RemoteState,
        managed: Managed,
        policy: Policy,
        removed: Collection[tuple[int, int]],
    ) -> None:
        self.desired = desired
        self.remote = remote
        self.managed = managed
        self.policy = policy
        self.removed = removed
        self.unclaimed: list[Unclaimed] = []
        self.by_group: dict[int, list[RemoteChannel]] = defaultdict(list)
        self.strangers: dict[str, int] = defaultdict(int)
        for _, room in sorted(remote.channels.items()):
            if room.mark and room.mark.installation == managed.installation:
                self.by_group[room.mark.group_id].append(room)
            elif room.mark and room.mark.installation:
                self.strangers[room.mark.installation] += 1

    def run(self) -> Claimable:
        rooms = dict(self._rooms())
        linked = {
            group_id: self.remote.channels[link.room_id]
            for group_id, link in self.managed.channels.items()
            if self._is_our_room(group_id, link.room_id)
        }
        accounts = dict(self._accounts([*rooms.values(), *linked.values()]))
        members = dict(self._members({**linked, **rooms}, accounts))
        unclaimed = tuple(self.unclaimed)
        return Claimable(rooms, accounts, members, unclaimed, dict(self.strangers))

    def _is_our_room(self, group_id: int, room_id: str) -> bool:
        return any(room.room_id == room_id for room in self.by_group.get(group_id, ()))

    # --- rooms ------------------------------------------------------------------------------------

    def _rooms(self) -> Iterator[tuple[int, RemoteChannel]]:
        linked = {link.room_id for link in self.managed.channels.values()}
        for group_id, rooms in sorted(self.by_group.items()):
            for room in rooms:
                if room.room_id in linked:
                    continue
                why = self._why_not(group_id, room, alone=len(rooms) == 1)
                if why:
                    self._leave(msg("room {name}", name=room.name), why)
                else:
                    yield group_id, room

    def _why_not(self, group_id: int, room: RemoteChannel, *, alone: bool) -> str:
        """ "" where the room is ours."""
        wanted, mark = self.desired.channels.get(group_id), room.mark
        if not alone:
            return msg("several rooms carry the mark of group {id}", id=group_id)
        if group_id in self.managed.channels:
            return msg("group {id} has another room", id=group_id)
        if room.creator_id != self.remote.bot_id:
            return msg("another account created it")
        if wanted is None or mark is None:
            return msg("group {id} should have no channel now", id=group_id)
        if mark.course_id != wanted.course_id:
            return msg("group {id} is in another course now", id=group_id)
        if wanted.name.casefold() not in room.names:
            return msg(
                "group {id} would be named {name}: it may be another group now",
                id=group_id,
                name=wanted.name,
            )
        return ""

    # --- accounts ---------------------------------------------------------------------------------

    def _accounts(self, rooms: Collection[RemoteChannel]) -> Iterator[tuple[int, RemoteAccount]]:
        inside = {account_id for room in rooms for account_id in room.members or ()}
        linked = {link.account_id for link in self.managed.accounts.values()}
        by_name = {one.username.casefold(): one for one in self.remote.accounts.values()}
        for user_id, wanted in sorted(self.desired.accounts.items()):
            account = by_name.get(wanted.username.casefold())
            held = user_id in self.desired.identities.held_people
            known = user_id in self.managed.accounts
            if account is None or held or known or account.account_id in linked:
                continue
            if why := self._why_no_account(wanted, account, inside):
                self._leave(msg("account {name}", name=account.username), why)
            else:
                yield user_id, account

    def _why_no_account(
        self, wanted: DesiredAccount, account: RemoteAccount, inside: Collection[str]
    ) -> str:
        """ "" where the account is ours."""
        if is_protected(account, self.remote.bot_id, self.policy):
            return msg("it is protected")
        if account.emails[:1] != (wanted.email.lower(),):
            return msg("it has another address than the person in Moodle")
        if not account.verified:
            return msg("its address is not verified")
        if account.account_id not in inside:
            return msg("it is in none of the rooms of this installation")
        return ""

    # --- memberships ------------------------------------------------------------------------------

    def _members(
        self, rooms: Mapping[int, RemoteChannel], accounts: Mapping[int, RemoteAccount]
    ) -> Iterator[tuple[tuple[int, int], RoomRole]]:
        user_of = {link.account_id: user for user, link in self.managed.accounts.items()}
        user_of |= {account.account_id: user_id for user_id, account in accounts.items()}
        for group_id, room in sorted(rooms.items()):
            rows = self.managed.members.get(group_id, {})
            wanted = self.desired.channels.get(group_id)
            should = wanted.members if wanted else {}
            present = {user_of[one] for one in room.members or () if one in user_of}
            ours = {user_id for user_id, row in rows.items() if row.ours}
            for user_id in sorted(present - ours):
                if (group_id, user_id) in self.removed and user_id not in should:
                    yield (group_id, user_id), RoomRole.MEMBER
                elif user_id in rows:
                    continue  # known to be there by hand
                elif user_id in should:
                    yield (group_id, user_id), self._role(room, user_id, user_of, should[user_id])
                else:
                    what = msg("person {id} in room {name}", id=user_id, name=room.name)
                    self._leave(
                        what, msg("is not in the group: may have been added by hand, and stays")
                    )

    @staticmethod
    def _role(
        room: RemoteChannel, user_id: int, user_of: Mapping[str, int], should: RoomRole
    ) -> RoomRole:
        """The role that rcsync gives, where the person has it: any other was given by hand."""
        roles = {user_of[one]: role for one, role in (room.roles or {}).items() if one in user_of}
        return should if roles.get(user_id) is should else RoomRole.MEMBER

    def _leave(self, what: str, why: str) -> None:
        self.unclaimed.append(Unclaimed(what, why))


def as_installation(managed: Managed, installation: str) -> Managed:
    """The ledger as if it were that installation's, for one that takes another's place."""
    return replace(managed, installation=installation) if installation else managed
