"""What rcsync manages, read from our tables as one value, in a handful of statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from integration.domain import conflicts
from integration.domain.by_person import ByPerson
from integration.domain.conflicts import ConflictKind
from integration.domain.identities import CourseIdentity, GroupIdentity
from integration.domain.operations import (
    CreateAccount,
    RemoveMember,
    SetTexts,
    Stored,
    Unconfirmed,
    restore,
)
from integration.domain.room_texts import TEXTS
from integration.domain.state import (
    EVERYTHING,
    AskedAccount,
    Ending,
    Managed,
    ManagedAccount,
    ManagedChannel,
    ManagedMember,
    RoomRole,
    Scope,
)
from integration.domain.text import same
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
)
from integration.services.ledger import left_out, managed_part, safety
from integration.services.ledger.bulk import every_row, rows_of
from integration.services.ledger.password_mails import DUE

NO_RUN = 0  # no row has this key: every unfinished operation counts
_UNKNOWN = Q(status=SyncOperation.Status.STARTED) | Q(in_doubt=True)
_UNFINISHED = ("kind", "moodle_group_id", "moodle_user_id", "details")  # as in `_Unfinished`
_ROLES = {role.value: role for role in RoomRole}


def load_managed(scope: Scope, current_run: int, *, part: bool = False) -> Managed:
    """All accounts and channels, and the members of the channels in `scope`; or, of a narrow scope,
    only what it is about (ports.Records).
    """
    accounts, account_keys = _accounts(managed_part.accounts_in(scope) if part else None)
    channels, channel_keys = _channels(
        managed_part.channels_in(scope) if part else ChannelLink.objects.all()
    )
    unfinished = _unfinished(current_run)
    settings = IntegrationSettings.load()
    courses = IntegratedCourse.objects.all()
    return Managed(
        accounts=accounts,
        channels=channels,
        members=_members(scope, account_keys, channel_keys),
        site=managed_part.counts_up_to_many() if part else None,
        ours_in=None if part else _ours_in_courses(),
        courses=_courses(courses.filter(course_id__in=scope.courses or ()) if part else courses),
        server_id=settings.server_id,
        installation=settings.installation,
        sizes={} if part else safety.known_sizes(),
        pending=safety.pending_since(managed_part.about(scope) if part else Q()),
        removed_lately=safety.removed_lately(),
        left_rooms=_left_rooms(),
        unfinished_accounts=_asked_accounts(unfinished),
        unfinished_removals=frozenset(
            (row.group_id, row.user_id)
            for row in unfinished
            if row.kind == RemoveMember.kind and row.group_id and row.user_id
        ),
        left_out=left_out.people(),
        not_made=left_out.channels(),
        unconfirmed=_unconfirmed(current_run, managed_part.about(scope) if part else Q()),
        unfinished_members=frozenset(
            (row.group_id, joiner["user"])
            for row in unfinished
            if row.group_id is not None
            for joiner in row.details.get("joiners", ())
        ),
        unfinished_changes=frozenset(
            (row.kind, row.group_id or row.user_id or 0) for row in unfinished
        ),
        unfinished_texts=frozenset(
            (row.group_id, name)
            for row in unfinished
            if row.kind == SetTexts.kind and row.group_id
            for name in TEXTS
            if row.details.get(name) is not None
        ),
    )


def known_by(
    managed: Managed,
    *,
    accounts: Collection[str] = (),
    rooms: Collection[str] = (),
    usernames: Collection[str] = (),
    names: Collection[str] = (),
    values: Collection[str] = (),
) -> Managed:
    """See ports.Records. What is known already stays as it was read."""
    people = managed_part.accounts_by(accounts, usernames, values)
    channels = managed_part.channels_by(rooms, names)
    if people is not None:
        managed = replace(managed, accounts={**_accounts(people)[0], **managed.accounts})
    if channels is not None:
        managed = replace(managed, channels={**_channels(channels)[0], **managed.channels})
    return managed


def accounts_asked_elsewhere(user_id: int, worker: str) -> frozenset[AskedAccount]:
    """What processes other than `worker` asked for to be this person's account without having told
    how it ended: they died, or got no answer. If it is there, it is ours.
    """
    rows = SyncOperation.objects.filter(
        _UNKNOWN, kind=CreateAccount.kind, moodle_user_id=user_id
    ).exclude(run__worker=worker)
    found = [_Unfinished(*row) for row in rows.order_by().values_list(*_UNFINISHED)]
    return _asked_accounts(found).get(user_id, frozenset())


def _asked_accounts(unfinished: list["_Unfinished"]) -> dict[int, frozenset[AskedAccount]]:
    asked: dict[int, set[AskedAccount]] = defaultdict(set)
    for row in unfinished:
        if row.kind == CreateAccount.kind and row.user_id:
            details = row.details
            asked[row.user_id].add(
                AskedAccount(str(details.get("username", "")), str(details.get("email", "")))
            )
    return {user_id: frozenset(accounts) for user_id, accounts in asked.items()}


def _left_rooms() -> dict[int, conflicts.Conflict]:
    """Also those that a person ignores: no channel is made for them either."""
    kind = ConflictKind.PLUGIN_ROOM
    rows = Conflict.objects.unsolved().filter(kind=kind, moodle_group_id__isnull=False)
    return {
        row.moodle_group_id or 0: conflicts.Conflict(
            kind,
            None,
            row.moodle_group_id,
            row.moodle_side,
            row.rocketchat_side,
            row.remote_id,
            row.advice,
        )
        for row in rows
    }


def _unconfirmed(current_run: int, about: Q) -> tuple[Unconfirmed, ...]:
    rows = SyncOperation.objects.filter(about, unconfirmed=True).exclude(run_id=current_run)
    columns = ("pk", "kind", "moodle_user_id", "moodle_group_id", "moodle_course_id")
    found = (
        Unconfirmed(row, operation)
        for row, *stored in rows.order_by("pk").values_list(*columns, "reason", "details")
        if (operation := restore(Stored(*stored))) is not None
    )
    return tuple(found)


def load_course(course_id: int) -> Managed:
    """The channels of one course (Moodle id) and what the course is known as; no accounts and no
    members.
    """
    channels, _keys = _channels(ChannelLink.objects.filter(moodle_course_id=course_id))
    courses = _courses(IntegratedCourse.objects.filter(course_id=course_id))
    return Managed(channels=channels, courses=courses)


class LookOnly:
    """The ledger for callers that only read (ports.Records)."""

    def managed(self, scope: Scope, *, part: bool = False) -> Managed:
        return load_managed(scope, NO_RUN, part=part)

    def integrated(self) -> set[int]:
        return integrated_courses()

    def known_by(self, managed: Managed, **asked: Collection[str]) -> Managed:
        return known_by(managed, **asked)

    def counted(self, managed: Managed) -> Managed:
        return managed_part.counted(managed)


def _ours_in_courses() -> dict[int, int]:
    """Number of memberships that are ours, by course: what limits are measured by, also in small
    runs.
    """
    rows = ManagedMembership.objects.filter(ours=True).order_by()
    counts = rows.values_list("channel__moodle_course_id").annotate(number=Count("pk"))
    return dict(counts)


def integrated_courses(scope: Scope = EVERYTHING) -> set[int]:
    """Moodle course ids of the integrated courses of the scope."""
    rows = IntegratedCourse.objects.order_by().values_list("course_id", flat=True)
    return set(rows if scope.courses is None else rows.filter(course_id__in=scope.courses))


_ACCOUNT = (
    *("moodle_user_id", "rocketchat_user_id", "username", "created", "deactivated"),
    *("address_only", "password_mail"),
    *("moodle_timecreated", "moodle_username", "moodle_email", "moodle_idnumber"),
)


def _accounts(
    links: QuerySet[AccountLink] | None,
) -> tuple[dict[int, ManagedAccount], dict[int, int]]:
    """By user id; and the user id of each primary key. None: all links."""
    accounts: dict[int, ManagedAccount] = {}
    keys: dict[int, int] = {}
    rows = (
        every_row(AccountLink, *_ACCOUNT)
        if links is None
        else rows_of(links.order_by().values_list("pk", *_ACCOUNT))
    )
    for key, user_id, account_id, username, created, off, by_address, mail, *known in rows:
        made, name, *others = known
        accounts[user_id] = ManagedAccount(
            *(user_id, account_id, username, bool(created), bool(off)),
            *(mail == DUE, bool(by_address)),
            *(made, same(name, username), *others),
        )
        keys[key] = user_id
    return accounts, keys


def _courses(rows: QuerySet[IntegratedCourse]) -> dict[int, CourseIdentity]:
    known_ones = rows.filter(known_timecreated__isnull=False).order_by()
    columns = ("course_id", "known_timecreated", "known_shortname", "known_idnumber")
    return {
        course_id: CourseIdentity(*known) for course_id, *known in known_ones.values_list(*columns)
    }


def _channels(
    links: QuerySet[ChannelLink],
) -> tuple[dict[int, ManagedChannel], dict[int, int]]:
    channels: dict[int, ManagedChannel] = {}
    keys: dict[int, int] = {}
    rows = links.order_by().values_list(
        "pk",
        "moodle_group_id",
        "moodle_course_id",
        "room_id",
        "name",
        "topic",
        "users_count",
        "ended",
        "group_timecreated",
        "group_name",
        "group_idnumber",
        "description",
        "announcement",
    )
    for key, group_id, course_id, room_id, name, topic, count, ended, *known in rows_of(rows):
        *identity, description, announcement = known
        channels[group_id] = ManagedChannel(
            group_id,
            course_id,
            room_id,
            name,
            topic,
            count,
            Ending(ended) if ended else None,
            None if identity[0] is None else GroupIdentity(*identity),
            description,
            announcement,
        )
        keys[key] = group_id
    return channels, keys


def _members(
    scope: Scope, account_keys: dict[int, int], channel_keys: dict[int, int]
) -> dict[int, ByPerson[ManagedMember]]:
    columns = ("channel_id", "account_id", "room_role", "ours", "missing")
    if scope == EVERYTHING:
        rows = every_row(ManagedMembership, *columns)
    else:
        rows = rows_of(_memberships_in(scope).values_list("pk", *columns))
    members: dict[int, dict[int, ManagedMember]] = defaultdict(dict)
    kinds = {  # also for 1 and 0, which are equal to True and False
        (role, ours, missing): ManagedMember(_ROLES[role], ours, missing)
        for role in _ROLES
        for ours in (True, False)
        for missing in (True, False)
    }
    for _, channel, account, role, ours, missing in rows:
        if channel in channel_keys and account in account_keys:  # else another run just made them
            members[channel_keys[channel]][account_keys[account]] = kinds[role, ours, missing]
    return {group: ByPerson(members.pop(group)) for group in list(members)}


def _memberships_in(scope: Scope) -> QuerySet[ManagedMembership]:
    rows = ManagedMembership.objects.order_by()
    if scope.courses is not None:
        rows = rows.filter(channel__moodle_course_id__in=scope.courses)
    if scope.users is not None:
        rows = rows.filter(account__moodle_user_id__in=scope.users)
    return rows


class _Unfinished(NamedTuple):
    kind: str
    group_id: int | None
    user_id: int | None
    details: Mapping[str, Any]


def _unfinished(current_run: int) -> list[_Unfinished]:
    """Operations whose outcome is unknown: their process died, or the answer was lost."""
    rows = SyncOperation.objects.filter(_UNKNOWN).exclude(run_id=current_run).order_by()
    return [_Unfinished(*row) for row in rows.values_list(*_UNFINISHED)]
