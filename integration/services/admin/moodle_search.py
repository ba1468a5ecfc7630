"""Moodle's roles, courses, groups and people for choosers and searches. Reads only."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import connections
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from integration.domain.chunks import chunks
from integration.domain.numbers import whole_number
from integration.domain.state import Course, Group
from integration.models import IncludedRole, IntegratedCourse
from integration.services.ledger.managed import integrated_courses
from integration.services.moodle.connection import read_whole
from integration.services.moodle.reader import MoodleReader
from integration.services.moodle.rows import ids_in
from integration.services.moodle.versions import readable
from moodle.models import Context, CourseCategory, GroupMember, Role, RoleAssignment, User
from moodle.models import Course as CourseRow
from moodle.models import Group as GroupRow
from moodle.router import MOODLE

FOUND = 200  # courses in one answer
QUERY_CHUNK = 500
T = TypeVar("T")

MOODLES_OWN_NAMES = {
    "manager": _("Manager"),
    "coursecreator": _("Course creator"),
    "editingteacher": _("Teacher"),
    "teacher": _("Non-editing teacher"),
    "student": _("Student"),
    "guest": _("Guest"),
    "user": _("Authenticated user"),
    "frontpage": _("Authenticated user on the site home"),
}


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A role of Moodle, how many people hold it, and what we make of it ("" = nothing).

    `holders` are counted in integrated courses; in all courses as long as none is integrated.
    """

    role_id: int
    shortname: str
    name: str
    holders: int
    room_role: str


@dataclass(frozen=True, slots=True)
class CourseChoice:
    course: Course
    category: str
    groups: int
    integrated: bool


@dataclass(frozen=True, slots=True)
class SearchHit:
    """Somebody or something that a search found. `kind` is "person" or "channel"."""

    kind: str
    number: int
    title: str
    note: str


# --- roles ----------------------------------------------------------------------------------------


def role_choices() -> list[RoleChoice]:
    """Every role of the site in Moodle's order."""
    rows, holders = read_whole(lambda: (_roles(), _holders(integrated_courses() or _all_courses())))
    ours = list(IncludedRole.objects.filter(enabled=True))
    by_id = {row.role_id: row.room_role for row in ours if row.role_id is not None}
    by_name = {row.shortname: row.room_role for row in ours if row.role_id is None}
    return [
        RoleChoice(
            number,
            shortname,
            str(name or MOODLES_OWN_NAMES.get(shortname, shortname)),
            holders.get(number, 0),
            by_id.get(number) or by_name.get(shortname, ""),
        )
        for number, shortname, name in rows
    ]


def include_roles(chosen: dict[int, str]) -> None:
    """Make `chosen` (role id -> channel role) the included roles. Rows of other roles are
    switched off.
    """
    names = dict(read_whole(lambda: list(_role_rows().values_list("id", "shortname"))))
    IncludedRole.objects.filter(role_id__isnull=True, shortname__in=names.values()).delete()
    IncludedRole.objects.exclude(role_id__in=chosen).update(enabled=False)
    for number, room_role in chosen.items():
        IncludedRole.objects.update_or_create(
            role_id=number,
            defaults={"shortname": names.get(number, ""), "room_role": room_role, "enabled": True},
        )


def _role_rows() -> QuerySet[Role, Role]:
    return Role._default_manager.using(MOODLE).order_by("sortorder", "id")


def _roles() -> list[tuple[int, str, str]]:
    return list(_role_rows().values_list("id", "shortname", "name"))


def _holders(courses: Collection[int]) -> dict[int, int]:
    """Role id -> number of people who hold it in one of the courses or above it."""
    contexts: set[int] = set()
    for chunk in _chunks(courses):
        paths = Context._default_manager.using(MOODLE).filter(
            contextlevel=Context.COURSE, instanceid__in=chunk
        )
        for path in paths.values_list("path", flat=True):
            contexts.update(int(part) for part in (path or "").split("/") if part)
    pairs: set[tuple[int, int]] = set()
    for chunk in _chunks(contexts):
        rows = RoleAssignment._default_manager.using(MOODLE).filter(contextid__in=chunk)
        pairs.update(rows.values_list("roleid", "userid").distinct())
    counts: dict[int, int] = {}
    for role, _user in pairs:
        counts[role] = counts.get(role, 0) + 1
    return counts


# --- courses --------------------------------------------------------------------------------------


def course_choices(search: str, category: int | None) -> list[CourseChoice]:
    reader = MoodleReader()
    courses = reader.find_courses(search, category=category, limit=FOUND)
    ids = [course.course_id for course in courses]
    known = integrated_courses()
    category_of, counts = read_whole(lambda: (_category_of(ids), _group_counts(ids)))
    names = reader.categories()
    return [
        CourseChoice(
            course,
            names.get(category_of.get(course.course_id, 0), ""),
            counts.get(course.course_id, 0),
            course.course_id in known,
        )
        for course in courses
    ]


def categories() -> list[tuple[int, str]]:
    return sorted(MoodleReader().categories().items(), key=lambda item: item[1].casefold())


def integrate(course_ids: Collection[int], *, event_sync: bool = False) -> int:
    """Add these Moodle courses; the answer is how many are new. `event_sync` is the switch of the
    new ones.
    """
    rows = read_whole(
        lambda: [
            row
            for chunk in _chunks(course_ids)
            for row in CourseRow._default_manager.using(MOODLE)
            .filter(id__in=chunk)
            .exclude(category=0)
            .values_list("id", "shortname", "fullname")
        ]
    )
    known = integrated_courses()
    new = [
        IntegratedCourse(
            course_id=number, shortname=shortname, fullname=fullname, event_sync=event_sync
        )
        for number, shortname, fullname in rows
        if number not in known
    ]
    IntegratedCourse.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    return len(new)


def integrate_category(category: int, *, event_sync: bool = False) -> int:
    """Add every course in the category or below it."""
    found = MoodleReader().find_courses("", category=category, limit=100_000)
    return integrate([course.course_id for course in found], event_sync=event_sync)


def course_named(course_id: int) -> tuple[str, str] | None:
    """(short name, full name), None where Moodle has no such course. The site home is none."""
    rows = CourseRow._default_manager.using(MOODLE).filter(id=course_id).exclude(category=0)
    return read_whole(lambda: rows.values_list("shortname", "fullname").first())


def category_of_course(course_id: int) -> str:
    """Its category after those above it ("Science / Year 1"); "" where there is no such course."""
    number = read_whole(lambda: _category_of([course_id])).get(course_id, 0)
    return MoodleReader().categories().get(number, "")


def courses_in_category(category: int) -> set[int]:
    """Moodle ids of the courses in the category or below it."""
    return read_whole(lambda: _courses_below(category))


def group_sizes(group_ids: Collection[int]) -> dict[int, int]:
    """Moodle group id -> people in it; groups of nobody are left out."""
    return read_whole(lambda: _sizes(group_ids))


def _courses_below(category: int) -> set[int]:
    rows = CourseCategory._default_manager.using(MOODLE).values_list("id", "path")
    below = [number for number, path in rows if category in ids_in(path)]
    courses = CourseRow._default_manager.using(MOODLE)
    found = (courses.filter(category__in=chunk) for chunk in _chunks(below))
    return {number for rows in found for number in rows.values_list("id", flat=True)}


def _sizes(group_ids: Collection[int]) -> dict[int, int]:
    members = GroupMember._default_manager.using(MOODLE).order_by()
    counted: dict[int, int] = {}
    for chunk in _chunks(group_ids):
        rows = members.filter(groupid__in=chunk).values_list("groupid")
        counted.update(rows.annotate(number=Count("id")))
    return counted


def _all_courses() -> set[int]:
    rows = CourseRow._default_manager.using(MOODLE).exclude(category=0)
    return set(rows.values_list("id", flat=True))


def _category_of(course_ids: Collection[int]) -> dict[int, int]:
    rows = CourseRow._default_manager.using(MOODLE).filter(id__in=course_ids)
    return dict(rows.values_list("id", "category"))


def _group_counts(course_ids: Collection[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    rows = GroupRow._default_manager.using(MOODLE).filter(courseid__in=course_ids)
    for course in rows.values_list("courseid", flat=True):
        counts[course] = counts.get(course, 0) + 1
    return counts


# --- groups and people ----------------------------------------------------------------------------


def groups_of_integrated(limit: int) -> tuple[list[tuple[Group, Course]], bool]:
    """Groups of integrated courses with their course, by course; and whether there are more than
    `limit`.

    As long as no course is integrated: of all courses, so that there is something to try patterns
    on.
    """
    return read_whole(lambda: _groups_of(integrated_courses() or _all_courses(), limit))


def search_people_and_channels(text: str, limit: int = 20) -> list[SearchHit]:
    """People by name, username, e-mail or id; groups of integrated courses by name or id."""
    words = text.split()
    if not words:
        return []
    return read_whole(lambda: [*_people(words, limit), *_groups_named(words, limit)])


def group_row(group_id: int) -> tuple[int, str] | None:
    """(course id, name), None where Moodle has no such group any more."""
    rows = GroupRow._default_manager.using(MOODLE).filter(id=group_id)
    return read_whole(lambda: rows.values_list("courseid", "name").first())


def _groups_of(courses: Collection[int], limit: int) -> tuple[list[tuple[Group, Course]], bool]:
    named = {
        number: Course(number, shortname, fullname, bool(visible), True, 0, ())
        for chunk in _chunks(courses)
        for number, shortname, fullname, visible in CourseRow._default_manager.using(MOODLE)
        .filter(id__in=chunk)
        .values_list("id", "shortname", "fullname", "visible")
    }
    found: list[tuple[Group, Course]] = []
    columns = readable(connections[MOODLE], GroupRow, ("id", "courseid", "name", "visibility"))
    for chunk in _chunks(named):
        rows = GroupRow._default_manager.using(MOODLE).filter(courseid__in=chunk)
        for number, course, name, visibility in rows.order_by("courseid", "name").values_list(
            *columns
        )[: limit + 1 - len(found)]:
            found.append((Group(number, course, name, visibility), named[course]))
    return found[:limit], len(found) > limit


def people_ids(words: Collection[str], limit: int) -> list[int]:
    """Moodle ids of the first people who have every word in a name, username or address."""
    rows = User._default_manager.using(MOODLE).filter(_is_called(words)).order_by("id")
    return read_whole(lambda: list(rows.values_list("id", flat=True)[:limit]))


def _is_called(words: Collection[str]) -> Q:
    condition = Q()
    for word in words:
        condition &= (
            Q(username__icontains=word)
            | Q(firstname__icontains=word)
            | Q(lastname__icontains=word)
            | Q(email__icontains=word)
            | Q(id=whole_number(word) or 0)
        )
    return condition


def _people(words: list[str], limit: int) -> Iterator[SearchHit]:
    found = User._default_manager.using(MOODLE).filter(_is_called(words))
    rows = found.order_by("lastname", "firstname")
    for number, username, first, last, email in rows.values_list(
        "id", "username", "firstname", "lastname", "email"
    )[:limit]:
        yield SearchHit(
            "person", number, f"{first} {last}".strip() or username, f"{username} · {email}"
        )


def _groups_named(words: list[str], limit: int) -> Iterator[SearchHit]:
    condition = Q()
    for word in words:
        condition &= Q(name__icontains=word) | Q(id=whole_number(word) or 0)
    courses = {row.course_id: str(row) for row in IntegratedCourse.objects.all()}
    rows = GroupRow._default_manager.using(MOODLE).filter(condition).order_by("name", "id")
    found = 0
    for number, course, name in rows.values_list("id", "courseid", "name").iterator():
        if course in courses:
            yield SearchHit("channel", number, name, courses[course])
            found += 1
            if found == limit:
                return


def _chunks(values: Collection[int]) -> Iterator[Sequence[int]]:
    return chunks(sorted(values), QUERY_CHUNK)
