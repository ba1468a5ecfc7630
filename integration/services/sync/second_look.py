"""After the writes: whether what the server said was done is so.

Only where a later look could not tell a yes that was no deed from what somebody did by hand since.
A few requests: the accounts and rooms in question by their id, or one list where they are many.

Who was deactivated in the same run has no access any more, in whatever room: that those removals
were done is left to the next look at the channels, as what is not confirmed here always is.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from integration.domain.errors import RocketChatError
from integration.domain.operations import (
    Activate,
    AddMembers,
    Deactivate,
    Operation,
    RemoveMember,
    SetTexts,
    Unarchive,
    UnsetReadOnly,
    UnsetRoomRole,
)
from integration.domain.outcomes import Result
from integration.domain.state import Managed, RemoteState
from integration.services.sync.plan import Plan
from integration.services.sync.ports import Ledger, Remote
from integration.services.sync.report import Outcome

logger = logging.getLogger(__name__)

Checked = Activate | SetTexts | Unarchive | UnsetReadOnly | RemoveMember | UnsetRoomRole
CHECKED = (Activate, SetTexts, Unarchive, UnsetReadOnly, RemoveMember, UnsetRoomRole)


def second_look(
    plan: Plan,
    outcomes: Sequence[Outcome],
    managed: Managed,
    remote: Remote,
    ledger: Ledger,
    *,
    joins: bool,
) -> None:
    """Tell the ledger what is confirmed. What is not, the next run looks at with suspicion.

    `joins`: also whether those who were let in are in, so that whoever never was is not taken for
    somebody who left.
    """
    done = [one.operation for one in outcomes if one.result is Result.DONE]
    shut_out = {one.user_id for one in done if isinstance(one, Deactivate)}
    checked = [
        one
        for one in done
        if isinstance(one, CHECKED)
        and not (isinstance(one, RemoveMember) and one.user_id in shut_out)
    ]
    joined = [one for one in done if joins and isinstance(one, AddMembers)]
    if not (checked or joined):
        return
    look = _Look(managed, remote, _expected_counts(plan, outcomes, managed))
    try:
        if checked:
            ledger.confirmed(list(look.confirmed(checked)))
        if joined:
            ledger.suspected(list(look.suspected(joined)))
    except RocketChatError as problem:
        logger.warning("second look failed, operations=%d: %s", len(done), type(problem).__name__)


def _expected_counts(
    plan: Plan, outcomes: Iterable[Outcome], managed: Managed
) -> dict[int, int | None]:
    """Group id -> the members that the server is to count now, None where that is not known."""
    counts = {group: link.users_count for group, link in managed.channels.items()}
    counts |= {look.group_id: look.users_count for look in plan.observed}
    for outcome in outcomes:
        match outcome:
            case Outcome(AddMembers(group_id=group), Result.DONE):
                counts[group] = outcome.users_count
            case Outcome(AddMembers(group_id=group) | RemoveMember(group_id=group), in_doubt=True):
                counts[group] = None
            case Outcome(RemoveMember(group_id=group), Result.DONE):
                known = counts.get(group)
                counts[group] = None if known is None else known - 1
            case _:
                pass
    return counts


@dataclass(frozen=True, slots=True)
class _Look:
    managed: Managed
    remote: Remote
    expected: Mapping[int, int | None]

    def confirmed(self, done: Sequence[Checked]) -> Iterator[Operation]:
        rooms = {one.room_id for one in done if not isinstance(one, Activate | UnsetRoomRole)}
        seen = self.remote.look_again(
            accounts={one.account_id for one in done if isinstance(one, Activate)},
            rooms={room_id for room_id in rooms if room_id},
        )
        unclear: list[RemoveMember | UnsetRoomRole] = []
        for one in done:
            if isinstance(one, RemoveMember | UnsetRoomRole):
                if isinstance(one, RemoveMember) and self._counts_one_less(one, seen):
                    yield one
                else:
                    unclear.append(one)
            elif _is_seen(one, seen):
                yield one
        if unclear:
            yield from self._among_members(unclear)

    def suspected(self, joined: Sequence[AddMembers]) -> Iterator[AddMembers]:
        """Those after which the server counts fewer members than it said."""
        seen = self.remote.look_again(rooms={one.room_id for one in joined if one.room_id})
        for one in joined:
            room = seen.channels.get(one.room_id or "")
            count, expected = room.users_count if room else None, self.expected.get(one.group_id)
            if count is not None and expected is not None and count < expected:
                yield one

    def _counts_one_less(self, operation: RemoveMember, seen: RemoteState) -> bool:
        room = seen.channels.get(operation.room_id or "")
        expected = self.expected.get(operation.group_id)
        return room is not None and expected is not None and room.users_count == expected

    def _among_members(
        self, unclear: Sequence[RemoveMember | UnsetRoomRole]
    ) -> Iterator[Operation]:
        """Who is not listed and active is not in; who is deactivated may be."""
        rooms = {one.room_id for one in unclear if one.room_id}
        seen = self.remote.look_again(
            accounts={one.account_id for one in unclear if isinstance(one, RemoveMember)},
            rooms=rooms,
            members_of=rooms,
        )
        for one in unclear:
            room = seen.channels.get(one.room_id or "")
            if room is None:
                continue
            if isinstance(one, UnsetRoomRole):
                link = self.managed.accounts.get(one.user_id)
                roles = room.roles if link else None
                if link and roles is not None and roles.get(link.account_id) is not one.role:
                    yield one
            elif room.members is not None and one.account_id not in room.members:
                account = seen.accounts.get(one.account_id)
                if account is None or account.active:
                    yield one


def _is_seen(operation: Activate | SetTexts | Unarchive | UnsetReadOnly, seen: RemoteState) -> bool:
    if isinstance(operation, Activate):
        account = seen.accounts.get(operation.account_id)
        return account is not None and account.active
    room = seen.channels.get(operation.room_id or "")
    if room is None:
        return False
    match operation:
        case SetTexts():
            return room.texts._asdict() | operation.new == room.texts._asdict()
        case Unarchive():
            return not room.archived
        case UnsetReadOnly():
            return not room.read_only
