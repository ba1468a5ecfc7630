"""The rows of memberships, by Moodle's ids. Knows primary keys of links once it has seen them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from integration.domain.chunks import chunks
from integration.domain.state import RoomRole
from integration.models import AccountLink, ChannelLink, ManagedMembership
from integration.services.ledger import bulk


class MembershipRows:
    """A member is a (group id, user id)."""

    def __init__(self) -> None:
        self._roles: dict[tuple[int, int], RoomRole] = {}  # given or taken in this run
        self._account_keys: dict[int, int] = {}
        self._channel_keys: dict[int, int] = {}

    def forget_keys(self) -> None:
        """A transaction was rolled back: keys of rows that it made do not exist."""
        self._account_keys.clear()
        self._channel_keys.clear()

    def set_role(self, members: Sequence[tuple[int, int]], role: RoomRole) -> None:
        """Also of members whose row is inserted later in this run."""
        self.of(members).update(room_role=role)
        self._roles.update(dict.fromkeys(members, role))

    def insert(self, members: Sequence[tuple[int, int, bool]]) -> None:
        """Insert (group id, user id, ours) where there is no such row yet."""
        if not members:
            return
        channels, accounts = self._primary_keys([(group, user) for group, user, _ in members])
        rows = (
            (
                channels[group],
                accounts[user],
                ours,
                self._roles.get((group, user), RoomRole.MEMBER).value,
            )
            for group, user, ours in members
            if user in accounts and group in channels
        )
        columns = ("channel_id", "account_id", "ours", "room_role")
        bulk.insert_missing(ManagedMembership, columns, rows)

    def of(self, members: Sequence[tuple[int, int]]) -> QuerySet[ManagedMembership]:
        """The rows of these (group id, user id)."""
        channels, accounts = self._primary_keys(members)
        wanted = Q(pk__in=[])
        for group, user in members:
            if group in channels and user in accounts:
                wanted |= Q(channel=channels[group], account=accounts[user])
        return ManagedMembership.objects.filter(wanted)

    def _primary_keys(
        self, members: Sequence[tuple[int, int]]
    ) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """Of the channels by group id, and of the accounts by user id."""
        groups, users = {group for group, _ in members}, {user for _, user in members}
        return (
            _keys(ChannelLink, "moodle_group_id", groups, self._channel_keys),
            _keys(AccountLink, "moodle_user_id", users, self._account_keys),
        )


def _keys(model: Any, column: str, wanted: set[int], cache: dict[int, int]) -> Mapping[int, int]:
    """Moodle id -> primary key of its link, for those of `wanted` that have one."""
    for missing in chunks(list(wanted - cache.keys()), 500):
        rows = model.objects.filter(**{f"{column}__in": missing})
        cache.update(rows.values_list(column, "pk"))
    return cache
