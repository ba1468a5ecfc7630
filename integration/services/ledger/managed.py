"""What rcsync manages, read from our tables as one value, in a handful of statements whatever the size."""

from collections import defaultdict

from django.db.models import Q, QuerySet

from integration.models import (
    AccountLink,
    ChannelLink,
    IntegratedCourse,
    ManagedMembership,
    SyncOperation,
)
from integration.services.operations import (
    AddMembers,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    RenameChannel,
    SetReadOnly,
)
from integration.services.state import (
    Ending,
    Managed,
    ManagedAccount,
    ManagedChannel,
    ManagedMember,
    RoomRole,
    Scope,
)

_ROLES = {role.value: role for role in RoomRole}


def load_managed(scope: Scope, current_run: int) -> Managed:
    """All accounts and channels, and the members of the channels in `scope`."""
    accounts, account_keys = _accounts()
    channels, channel_keys = _channels()
    unfinished = _unfinished(current_run)
    return Managed(
        accounts=accounts,
        channels=channels,
        members=_members(scope, account_keys, channel_keys),
        unfinished_accounts=frozenset(
            unfinished.filter(kind=CreateAccount.kind).values_list("moodle_user_id", flat=True)
        ),
        unfinished_members=_unfinished_members(unfinished),
        unfinished_endings=_unfinished_endings(unfinished),
    )


def integrated_courses() -> set[int]:
    """Moodle course ids of every integrated course."""
    return set(IntegratedCourse.objects.values_list("course_id", flat=True))


def _accounts() -> tuple[dict[int, ManagedAccount], dict[int, int]]:
    accounts: dict[int, ManagedAccount] = {}
    keys: dict[int, int] = {}
    rows = AccountLink.objects.order_by().values_list(
        "pk", "moodle_user_id", "rocketchat_user_id", "username", "created", "deactivated"
    )
    for key, user_id, account_id, username, created, deactivated in rows.iterator(5000):
        accounts[user_id] = ManagedAccount(user_id, account_id, username, created, deactivated)
        keys[key] = user_id
    return accounts, keys


def _channels() -> tuple[dict[int, ManagedChannel], dict[int, int]]:
    channels: dict[int, ManagedChannel] = {}
    keys: dict[int, int] = {}
    rows = ChannelLink.objects.order_by().values_list(
        "pk", "moodle_group_id", "moodle_course_id", "room_id", "name", "topic", "users_count", "ended"
    )
    for key, group_id, course_id, room_id, name, topic, users_count, ended in rows.iterator(5000):
        channels[group_id] = ManagedChannel(
            group_id, course_id, room_id, name, topic, users_count, Ending(ended) if ended else None
        )
        keys[key] = group_id
    return channels, keys


def _members(
    scope: Scope, account_keys: dict[int, int], channel_keys: dict[int, int]
) -> dict[int, dict[int, ManagedMember]]:
    rows = ManagedMembership.objects.order_by()
    if scope.courses is not None:
        rows = rows.filter(channel__moodle_course_id__in=scope.courses)
    if scope.users is not None:
        rows = rows.filter(account__moodle_user_id__in=scope.users)
    members: dict[int, dict[int, ManagedMember]] = defaultdict(dict)
    kinds = {(role, ours): ManagedMember(_ROLES[role], ours) for role in _ROLES for ours in (True, False)}
    values = rows.values_list("channel_id", "account_id", "room_role", "ours")
    for channel, account, role, ours in values.iterator(5000):
        members[channel_keys[channel]][account_keys[account]] = kinds[role, ours]
    return members


def _unfinished(current_run: int) -> QuerySet[SyncOperation]:
    """Operations whose outcome is unknown: their process died, or the answer was lost."""
    return SyncOperation.objects.filter(
        Q(status=SyncOperation.Status.STARTED) | Q(in_doubt=True)
    ).exclude(run_id=current_run)


def _unfinished_endings(unfinished: QuerySet[SyncOperation]) -> frozenset[tuple[str, int]]:
    endings = (Deactivate.kind, Archive.kind, SetReadOnly.kind, RenameChannel.kind)
    rows = unfinished.filter(kind__in=endings).values_list("kind", "moodle_group_id", "moodle_user_id")
    return frozenset((kind, group_id or user_id) for kind, group_id, user_id in rows)


def _unfinished_members(unfinished: QuerySet[SyncOperation]) -> frozenset[tuple[int, int]]:
    return frozenset(
        (group_id, joiner["user"])
        for group_id, details in unfinished.filter(
            kind__in=[AddMembers.kind, CreateChannel.kind]
        ).values_list("moodle_group_id", "details")
        if group_id is not None
        for joiner in details.get("joiners", ())
    )
