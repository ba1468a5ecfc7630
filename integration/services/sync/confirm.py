"""What earlier runs were told was done, and no look has seen since. Pure.

A server that says yes has not always done it. Where a comparison of the ledger with the next look
would not find that by itself, the operation stays unconfirmed (`Operation.seen_later`) until a look
sees it, at the end of the same run (second_look.py) or in a later one, or shows that it never
happened. What was asked for twice and is not kept is not asked for again.
"""

from collections import defaultdict
from collections.abc import Container, Iterator
from typing import TypeVar

from integration.domain.operations import (
    AccountOperation,
    ChannelOperation,
    JoinOperation,
    MemberOperation,
    Operation,
    RemoveMember,
    RenameChannel,
    SetTexts,
    UnsetRoomRole,
    UpdateAccount,
)
from integration.domain.state import Managed, RemoteAccount, RemoteChannel, RemoteState, Scope

Kind = TypeVar("Kind", bound=Operation)
TRIES = 2  # yes was said so often without effect: the server does not keep it


class Claims:
    """The unconfirmed operations by what they are about."""

    def __init__(self, managed: Managed) -> None:
        self._of_user: dict[int, list[AccountOperation]] = defaultdict(list)
        self._of_group: dict[int, list[ChannelOperation]] = defaultdict(list)
        for _, operation in managed.unconfirmed:
            if isinstance(operation, AccountOperation):
                self._of_user[operation.user_id].append(operation)
            elif isinstance(operation, ChannelOperation):
                self._of_group[operation.group_id].append(operation)

    def of_user(self, kind: type[Kind], user_id: int) -> Iterator[Kind]:
        return (one for one in self._of_user.get(user_id, ()) if isinstance(one, kind))

    def of_group(self, kind: type[Kind], group_id: int) -> Iterator[Kind]:
        return (one for one in self._of_group.get(group_id, ()) if isinstance(one, kind))

    def groups(self) -> frozenset[int]:
        """Moodle group ids of the channels that something is claimed of."""
        return frozenset(self._of_group)

    def people(self, group_id: int) -> frozenset[int]:
        """Moodle user ids of those who were put in, taken out or given another role."""
        single = (one.user_id for one in self.of_group(MemberOperation, group_id))
        return self.joined(group_id).union(single)

    def removed(self, group_id: int) -> frozenset[int]:
        """Moodle user ids."""
        return frozenset(one.user_id for one in self.of_group(RemoveMember, group_id))

    def joined(self, group_id: int) -> frozenset[int]:
        """Moodle user ids."""
        return frozenset(
            joiner.user_id
            for one in self.of_group(JoinOperation, group_id)
            for joiner in one.joiners
        )

    def role_taken(self, group_id: int, user_id: int) -> UnsetRoomRole | None:
        """The last one."""
        taken = [one for one in self.of_group(UnsetRoomRole, group_id) if one.user_id == user_id]
        return taken[-1] if taken else None

    def not_kept(self, operation: UpdateAccount) -> tuple[bool, bool]:
        """Whether name and address were asked for so often that it is no use to ask again."""
        earlier = list(self.of_user(UpdateAccount, operation.user_id))
        names = sum(one.name == operation.name for one in earlier)
        emails = sum(one.email == operation.email for one in earlier)
        return (
            operation.name is not None and names >= TRIES,
            operation.email is not None and emails >= TRIES,
        )

    def renamed_in_vain(self, group_id: int, name: str) -> bool:
        asked = sum(one.name == name for one in self.of_group(RenameChannel, group_id))
        return asked >= TRIES

    def retitled_in_vain(self, group_id: int, name: str, text: str) -> bool:
        """`name`: of one of the texts."""
        asked = sum(one.new.get(name) == text for one in self.of_group(SetTexts, group_id))
        return asked >= TRIES


def confirmed(
    managed: Managed, remote: RemoteState, scope: Scope, concerned: Container[int]
) -> frozenset[int]:
    """Rows that are settled by this look. `concerned`: whose accounts the run was about."""
    return frozenset(
        row
        for row, operation in managed.unconfirmed
        if _is_settled(operation, managed, remote, scope, concerned)
    )


def _is_settled(
    operation: Operation,
    managed: Managed,
    remote: RemoteState,
    scope: Scope,
    concerned: Container[int],
) -> bool:
    if isinstance(operation, AccountOperation):
        link = managed.accounts.get(operation.user_id)
        account = remote.accounts.get(link.account_id) if link else None
        if link is None:
            return True
        if operation.user_id not in concerned:
            return False  # perhaps it was not read
        if account is None:
            return link.account_id not in remote.not_understood
        return not _is_open_account(operation, account)
    if not isinstance(operation, ChannelOperation):
        return True
    channel = managed.channels.get(operation.group_id)
    if channel is None or not scope.has_course(operation.course_id):
        return channel is None
    if scope.users is not None:
        return False
    room = remote.channels.get(channel.room_id)
    if room is None:
        return channel.room_id not in remote.not_understood
    return not _is_open_channel(operation, room, channel.users_count)


def _is_open_account(operation: AccountOperation, account: RemoteAccount) -> bool:
    """Whether it still waits to be seen. What was not activated is planned anew."""
    if not isinstance(operation, UpdateAccount):
        return False
    name = operation.name is not None and account.name == operation.old_name
    address = account.emails[0] if account.emails else ""
    email = operation.email is not None and address == operation.old_email
    return name or email


def _is_open_channel(
    operation: ChannelOperation, room: RemoteChannel, known_count: int | None
) -> bool:
    match operation:
        case RenameChannel():
            return room.name == operation.old_name != operation.name
        case SetTexts():
            old, there = operation.old, room.texts._asdict()
            return any(there[name] == old[name] != new for name, new in operation.new.items())
        case UnsetRoomRole():
            return room.roles is None
        case MemberOperation() | JoinOperation():
            return room.members is None and (
                room.users_count is None or room.users_count != known_count
            )
        case _:
            return False
