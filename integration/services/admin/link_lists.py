"""The lists of channels, accounts and courses: how they are searched, and what the rows of one page
show besides their own columns. Nothing is computed for rows that are not shown.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Count, Max, Q, QuerySet

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.domain.state import Person
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from integration.services.admin import moodle_search
from integration.services.moodle.reader import MoodleReader

MOST_PEOPLE = 2000  # found in Moodle for one search

Channels = QuerySet[ChannelLink]
Accounts = QuerySet[AccountLink]


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """`course` is None where the course is not integrated any more. `differences` is what the last
    full check found in the channel, 0 also where there was none.
    """

    course: IntegratedCourse | None
    members: int
    differences: int


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """`person` is None where Moodle has no row of the person, or cannot be read. `changed` is when
    rcsync last did something to or for the person.
    """

    person: Person | None
    channels: int
    changed: object  # a datetime, None = never


# --- search ---------------------------------------------------------------------------------------


def search_channels(rows: Channels, text: str) -> Channels:
    """With every word in the name of the channel, its group or its course, or as an id."""
    for word in text.split():
        number = whole_number(word)
        by_id = Q(moodle_group_id=number) | Q(moodle_course_id=number) if number else Q()
        rows = rows.filter(_channel_has(word) | by_id)
    return rows


def search_accounts(rows: Accounts, text: str) -> tuple[Accounts, bool]:
    """With every word in a name, username, e-mail address, or in the group or course of one of its
    channels. And whether Moodle, which knows the names, could be asked.
    """
    words = text.split()
    if not words:
        return rows, True
    known = rows.filter(*(_account_has(word) for word in words)).values("pk")
    try:
        called = moodle_search.people_ids(words, MOST_PEOPLE)
    except SyncError:
        return rows.filter(pk__in=known), False
    return rows.filter(Q(pk__in=known) | Q(moodle_user_id__in=called)), True


def search_courses(text: str, limit: int) -> list[IntegratedCourse]:
    """Integrated courses that every word is found in, or whose Moodle id it is."""
    number = whole_number(text)
    by_id = Q() if number is None else Q(course_id=number)
    return list(IntegratedCourse.objects.filter(is_called(text) | by_id)[:limit])


def is_called(text: str) -> Q:
    """Of integrated courses with every word in their names."""
    return Q(*(_course_has(word) for word in text.split()))


def _course_has(word: str) -> Q:
    return Q(shortname__icontains=word) | Q(fullname__icontains=word)


def _channel_has(word: str) -> Q:
    courses = IntegratedCourse.objects.filter(_course_has(word)).order_by()
    return (
        Q(name__icontains=word)
        | Q(group_name__icontains=word)
        | Q(moodle_course_id__in=courses.values("course_id"))
    )


def _account_has(word: str) -> Q:
    channels = ChannelLink.objects.filter(_channel_has(word)).order_by()
    members = ManagedMembership.objects.filter(channel__in=channels.values("pk")).order_by()
    number = whole_number(word)
    return (
        Q(username__icontains=word)
        | Q(moodle_username__icontains=word)
        | Q(moodle_email__icontains=word)
        | Q(pk__in=members.values("account"))
        | (Q(moodle_user_id=number) if number else Q())
    )


# --- one page of rows -----------------------------------------------------------------------------


def channel_facts(rows: Sequence[ChannelLink]) -> dict[int, ChannelFacts]:
    """By primary key, in four queries."""
    courses = {
        course.course_id: course
        for course in IntegratedCourse.objects.filter(
            course_id__in={row.moodle_course_id for row in rows}
        )
    }
    members = membership_counts("channel", [row.pk for row in rows])
    differences = _differences([row.moodle_group_id for row in rows])
    return {
        row.pk: ChannelFacts(
            courses.get(row.moodle_course_id),
            members.get(row.pk, 0),
            differences.get(row.moodle_group_id, 0),
        )
        for row in rows
    }


def account_facts(rows: Sequence[AccountLink]) -> dict[int, AccountFacts]:
    """By primary key, in two queries and those of Moodle's people."""
    ids = [row.moodle_user_id for row in rows]
    people = people_named(ids)
    channels = membership_counts("account", [row.pk for row in rows])
    entries = AuditEntry.objects.filter(moodle_user_id__in=ids).order_by()
    changed = dict(entries.values_list("moodle_user_id").annotate(last=Max("at")))
    return {
        row.pk: AccountFacts(
            people.get(row.moodle_user_id), channels.get(row.pk, 0), changed.get(row.moodle_user_id)
        )
        for row in rows
    }


def people_named(user_ids: Collection[int]) -> dict[int, Person]:
    """Nobody where Moodle cannot be read: the pages then show usernames alone."""
    try:
        return dict(MoodleReader().people(user_ids))
    except SyncError:
        return {}


def membership_counts(side: Literal["channel", "account"], keys: Collection[int]) -> dict[int, int]:
    """Primary key of a channel or account -> its memberships; those without any are left out."""
    rows = ManagedMembership.objects.filter(**{f"{side}__in": keys}).order_by()
    return dict(rows.values_list(side).annotate(number=Count("pk")))


def _differences(groups: Collection[int]) -> dict[int | None, int]:
    """Moodle group id -> what the last full check would have changed."""
    check = SyncRun.objects.filter(
        kind=SyncRun.Kind.FULL_CHECK, status=SyncRun.Status.PLANNED
    ).first()
    if check is None:
        return {}
    rows = SyncOperation.objects.filter(run=check, moodle_group_id__in=groups).order_by()
    return dict(rows.values_list("moodle_group_id").annotate(number=Count("pk")))


# --- one channel, one account ---------------------------------------------------------------------


def members_of(channel: ChannelLink) -> QuerySet[ManagedMembership]:
    rows = ManagedMembership.objects.filter(channel=channel).select_related("account")
    return rows.order_by("account__username")


def channels_of(account: AccountLink) -> QuerySet[ManagedMembership]:
    rows = ManagedMembership.objects.filter(account=account).select_related("channel")
    return rows.order_by("channel__name")


def history_of(*, user_id: int | None = None, group_id: int | None = None) -> QuerySet[AuditEntry]:
    """The newest first, without the long columns."""
    about = {"moodle_user_id": user_id} if user_id is not None else {"moodle_group_id": group_id}
    return AuditEntry.objects.filter(**about).defer("before", "after", "error")


def conflicts_of_person(user_id: int) -> QuerySet[Conflict]:
    """Those that nobody has solved."""
    return Conflict.objects.unsolved().filter(moodle_user_id=user_id)
