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
from integration.services.admin import account_search, moodle_search
from integration.services.moodle.reader import MoodleReader

MOST_PEOPLE = 2000  # found for one search, in Moodle and in each other way

Channels = QuerySet[ChannelLink]
Accounts = QuerySet[AccountLink]
Memberships = QuerySet[ManagedMembership]


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


@dataclass(frozen=True, slots=True)
class AccountsFound:
    """`moodle_asked`: Moodle, which knows the names, could be read. `is_cut`: there may be more."""

    rows: Accounts
    moodle_asked: bool = True
    is_cut: bool = False


# --- search ---------------------------------------------------------------------------------------


def search_channels(rows: Channels, text: str) -> Channels:
    """With every word in the name of the channel, its group or its course, or as an id."""
    for word in text.split():
        number = whole_number(word)
        by_id = Q(moodle_group_id=number) | Q(moodle_course_id=number) if number else Q()
        rows = rows.filter(account_search.channel_has(word) | by_id)
    return rows


def search_accounts(rows: Accounts, text: str) -> AccountsFound:
    """Whose username or address begins with the words, who is called so in Moodle, or is in a
    channel with the words in its name, its group or its course.
    """
    words = text.split()
    if not words:
        return AccountsFound(rows)
    keys, asked = account_search.found(words, MOST_PEOPLE), True
    is_cut = len(keys) >= MOST_PEOPLE
    try:
        called = moodle_search.people_ids(words, MOST_PEOPLE)
    except SyncError:
        called, asked = [], False
    linked = AccountLink.objects.filter(moodle_user_id__in=called).order_by()
    keys.update(linked.values_list("pk", flat=True))
    is_cut = is_cut or len(called) == MOST_PEOPLE
    return AccountsFound(rows.filter(pk__in=keys), asked, is_cut)


def search_memberships(rows: Memberships, text: str) -> tuple[Memberships, bool]:
    """With every word in the account or in the channel's name; and whether there may be more."""
    words = text.split()
    if not words:
        return rows, False
    keys = account_search.memberships_found(words, MOST_PEOPLE)
    return rows.filter(pk__in=keys), len(keys) >= MOST_PEOPLE


def search_courses(text: str, limit: int) -> list[IntegratedCourse]:
    """Integrated courses that every word is found in, or whose Moodle id it is."""
    number = whole_number(text)
    by_id = Q() if number is None else Q(course_id=number)
    return list(IntegratedCourse.objects.filter(is_called(text) | by_id)[:limit])


def is_called(text: str) -> Q:
    """Of integrated courses with every word in their names."""
    return Q(*(account_search.course_has(word) for word in text.split()))


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
