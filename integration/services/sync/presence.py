"""Who is in a channel, by the ledger and by what Rocket.Chat named. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from integration.domain.state import ManagedChannel, ManagedMember, RemoteChannel, RoomRole
from integration.services.sync.confirm import Claims
from integration.services.sync.partial_plans import Observed, PlanInputs


@dataclass(frozen=True, slots=True)
class Look:
    """One channel: its rows in the ledger, who is in it, and who should be. All by Moodle user id.

    `listed` are the people whom Rocket.Chat named, None when it was not asked. `interrupted` are
    people whom an earlier run may have added without living to store it, or was told to be removed
    and who are there. `never_in` have rows, but no look has seen them yet. `banned` are people of
    whom the server says so.
    """

    rows: dict[int, ManagedMember]
    listed: frozenset[int] | None
    present: frozenset[int]
    should: Mapping[int, RoomRole]
    interrupted: frozenset[int]
    never_in: frozenset[int]
    banned: frozenset[int]

    @property
    def is_as_wanted(self) -> bool:
        """Whether the ledger has just those who should be in it, with just these roles."""
        roles = {user: row.role for user, row in self.rows.items()}
        return roles == self.should and self.present >= self.should.keys()


class Presence:
    """Looks at the members of channels, one channel a call."""

    def __init__(self, inputs: PlanInputs) -> None:
        self.inputs = inputs
        self.claims = Claims(inputs.managed)
        self.interrupted: dict[int, set[int]] = defaultdict(set)
        for group_id, user_id in inputs.managed.unfinished_members:
            self.interrupted[group_id].add(user_id)

    @cached_property
    def user_of(self) -> dict[str, int]:
        """Account id -> user id. Needed where members were read."""
        links, planned = self.inputs.managed.accounts, self.inputs.account_plan.account_ids
        found = {link.account_id: user for user, link in links.items()}
        found.update((account, user) for user, account in planned.items())
        return found

    def look(self, group_id: int, room: RemoteChannel, should: Mapping[int, RoomRole]) -> Look:
        """`should`: who is to be in the channel, as what."""
        rows = self._rows(group_id)
        interrupted = frozenset(
            user
            for user in self.interrupted.get(group_id, ())
            if user not in rows and self._concerns(user)
        )
        listed = None
        present = frozenset(
            user for user, row in rows.items() if not row.missing or self.is_hidden(user)
        )
        if room.members is not None:
            listed = frozenset(
                self.user_of[account] for account in room.members if account in self.user_of
            )
            # Deactivated members are not listed, but they are there.
            present = listed | {user for user in rows if self.is_hidden(user)}
            interrupted |= self._still_in(group_id, room, rows, listed)
        never_in = self.claims.joined(group_id) - present
        accounts = self.inputs.remote.banned.get(room.room_id, ())
        banned = {self.user_of[account] for account in accounts if account in self.user_of}
        banned -= listed or frozenset()
        return Look(rows, listed, present, should, interrupted, never_in, frozenset(banned))

    def observed(
        self, link: ManagedChannel, room: RemoteChannel, look: Look, *, all_ours: bool
    ) -> Iterator[Observed]:
        """What is to be stored of the look, if anything. `all_ours`: whoever should be in the
        channel was put there by us.
        """
        if look.listed is None:
            return
        unknown = {user for user in look.listed if user not in look.rows and self._concerns(user)}
        ours = {user for user in unknown if all_ours and user in look.should} | (
            unknown & look.interrupted
        )
        absent = {
            user for user in look.rows if user not in look.present and user not in look.should
        }
        gone = {user for user in absent if self._is_gone(link.group_id, user, room, look)}
        missing = {user for user in absent - gone if not look.rows[user].missing}
        kept_out = {
            user
            for user, row in look.rows.items()
            if user in look.banned and user in look.should and not row.missing
        }
        back = {user for user, row in look.rows.items() if row.missing and user in look.present}
        count = None if missing else room.users_count
        if unknown or absent or kept_out or back or count != link.users_count:
            yield Observed(
                link.group_id,
                count,
                tuple(sorted(unknown - ours)),
                tuple(sorted(ours & look.should.keys())),
                tuple(sorted(gone)),
                tuple(sorted(missing | kept_out)),
                tuple(sorted(back)),
            )

    def _is_gone(self, group_id: int, user_id: int, room: RemoteChannel, look: Look) -> bool:
        """Absent once is not gone: a list may be short. A second look has to agree, or a removal
        that we asked for explains it; and the server's own count must have no place left for them.
        """
        if user_id in look.banned:
            return True
        asked = (group_id, user_id) in self.inputs.managed.unfinished_removals
        if not (asked or look.rows[user_id].missing):
            return False
        return not self._counted_and_not_listed(room, look.rows)

    def _still_in(
        self,
        group_id: int,
        room: RemoteChannel,
        rows: Mapping[int, ManagedMember],
        listed: frozenset[int],
    ) -> set[int]:
        """Whom we were told to have removed, and who is there; deactivated ones are not listed."""
        removed = {
            user
            for user in self.claims.removed(group_id)
            if user not in rows and self._concerns(user)
        }
        places = self._counted_and_not_listed(room, rows)
        hidden = {user for user in removed if self.is_hidden(user)} if places else set()
        return removed & listed | hidden

    def _counted_and_not_listed(self, room: RemoteChannel, rows: Iterable[int]) -> int:
        """How many members the server counts beyond those whom it lists and those who are known to
        be in and deactivated. 0 where it does not count.
        """
        if room.members is None or room.users_count is None:
            return 0
        hidden = sum(
            self.is_hidden(user) and self.inputs.account_id(user) not in room.members
            for user in rows
        )
        return max(0, room.users_count - len(room.members) - hidden)

    def is_hidden(self, user_id: int) -> bool:
        """Rocket.Chat does not list members whose account is deactivated."""
        account = self.inputs.remote.accounts.get(self.inputs.account_id(user_id))
        return account is not None and not account.active

    def _rows(self, group_id: int) -> dict[int, ManagedMember]:
        members = self.inputs.managed.members.get(group_id, {})
        plan = self.inputs.account_plan
        if self.inputs.scope.users is None and not (plan.missing_remotely or plan.held):
            return dict(members.items())
        return {user: member for user, member in members.items() if self._concerns(user)}

    def _concerns(self, user_id: int) -> bool:
        plan = self.inputs.account_plan
        return self.inputs.scope.has_user(user_id) and not (
            user_id in plan.missing_remotely or user_id in plan.held
        )
