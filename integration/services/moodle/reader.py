"""Reads Moodle: one complete reading of a scope in a handful of queries.

The number of queries does not depend on the number of courses, groups or people, but for the pages
of rows. Nothing is decided here: `sync/eligibility` says who counts.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from integration.domain.by_person import ByPerson
from integration.domain.errors import ConfigurationError, SourceError
from integration.domain.messages import msg
from integration.domain.state import (
    Course,
    Enrolment,
    Group,
    ManagedAccount,
    MoodleState,
    Person,
    Scope,
)
from integration.services.moodle.connection import read_whole
from integration.services.moodle.log_evidence import taken_out
from integration.services.moodle.paging import PAGE_SIZE
from integration.services.moodle.rows import SITE, EnrolmentOf, MoodleRows
from moodle.models import Context, User
from moodle.models import Course as CourseRow
from moodle.router import MOODLE

Value = TypeVar("Value")
NOBODY: Mapping[int, ManagedAccount] = {}
Enrolments = dict[int, ByPerson[tuple[Enrolment, ...]]]  # course id -> user id -> rows
Roles = dict[int, ByPerson[tuple[int, ...]]]  # context id -> user id -> role ids


class MoodleReader:
    """Implements ports.Source, and the small look-ups of pages and commands."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        alias: str = MOODLE,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._clock = clock
        self._alias = alias
        self._rows = MoodleRows(alias, page_size)

    def read(
        self,
        scope: Scope,
        *,
        integrated: Collection[int],
        linked_users: Collection[int],
        known: Mapping[int, ManagedAccount] = NOBODY,
    ) -> MoodleState:
        """See ports.Source. With `scope.users`, members, people and roles are only theirs."""
        courses = frozenset(integrated)
        return read_whole(lambda: self._read(scope, courses, linked_users, known), self._alias)

    def taken_out(self, users: Collection[int], since: int) -> frozenset[tuple[int, int]] | None:
        """See ports.Source."""
        return read_whole(lambda: taken_out(self._alias, users, since), self._alias)

    def _read(
        self,
        scope: Scope,
        integrated: frozenset[int],
        linked: Collection[int],
        known: Mapping[int, ManagedAccount],
    ) -> MoodleState:
        """An event needs the courses where its people are enrolled, besides those that it names;
        everything else the integrated ones.
        """
        read_at = int(self._clock())
        site = self._rows.site()
        ids = _each(linked)  # whom the scope concerns: one number for all their rows
        theirs = list(self._rows.enrolments_of(scope.users or (), integrated))
        asked = integrated
        if scope.is_narrow and scope.courses is not None:
            asked &= scope.courses.union(course_id for course_id, _, _ in theirs)
        courses = self._rows.courses(asked)
        looked_at = [course for course in courses.values() if scope.has_course(course.course_id)]
        _require_contexts(looked_at)
        groups = self._rows.groups(course.course_id for course in looked_at)
        members = _collected(groups, self._rows.memberships(groups, scope.users), ids)
        if scope.users is None:
            enrolments = self._enrolments(scope, courses, ids, read_at)
        else:
            enrolments = _by_course((row for row in theirs if row[0] in courses), ids)
        roles = self._roles_held(courses.values() if scope.reads_every_role else looked_at, scope)
        asked_for = ids if scope.users is None else _each(scope.users)
        people = self._rows.people(asked_for, site, known)
        return MoodleState(
            read_at=read_at,
            integrated=integrated,
            courses=courses,
            groups=groups,
            group_members=_only(people, members),
            people=people,
            enrolments=_theirs(people, enrolments),
            roles=roles,
            role_names=self._rows.role_names(),
            default_role_id=site.default_role,
            language=site.language,
            time_zone=timezone.get_default_timezone_name(),
        )

    def _enrolments(
        self, scope: Scope, courses: Collection[int], ids: dict[int, int], now: int
    ) -> Enrolments:
        """Of whom the scope concerns, in all these courses. Those people are in `ids` afterwards.

        Before, that has the members of the scope's groups and the linked people. Of a scope of
        single courses, the rows are looked up by person: most of the others' would be of no use.
        """
        here = self._rows.methods({number for number in courses if scope.has_course(number)})
        rows = self._rows.enrolments_by(here, now)
        if scope.courses is None:
            return _by_course(rows, ids)
        ids.update((user_id, user_id) for _, user_id, _ in rows)
        return _by_course(self._rows.enrolments_of(ids, courses), ids)

    def _roles_held(self, courses: Iterable[Course], scope: Scope) -> Roles:
        """Roles in the contexts of the courses, each once."""
        contexts = {context for course in courses for context in course.context_ids}
        rows = self._rows.assignments(contexts, scope.users)  # of everybody: by context
        if scope.users is not None:
            rows = iter(sorted(rows))
        nobody: ByPerson[tuple[int, ...]] = ByPerson({})
        found = {
            context: ByPerson(_role_ids(of_context))
            for context, of_context in groupby(rows, key=itemgetter(0))
        }
        return dict.fromkeys(contexts, nobody) | found

    # --- look-ups ---------------------------------------------------------------------------------

    def roles(self) -> Mapping[int, str]:
        """Every role of the site: id -> short name, in Moodle's order."""
        return read_whole(self._rows.role_names, self._alias)

    def language(self) -> str:
        """The site's own language: "en", "zh_cn"."""
        return read_whole(self._rows.site, self._alias).language

    def categories(self) -> Mapping[int, str]:
        """Every category: id -> its name after those of its parents ("Science / Year 1")."""
        rows = read_whole(self._rows.categories, self._alias)
        names = {category: name for category, name, _ in rows}
        return {
            category: " / ".join(names[parent] for parent in path if parent in names)
            for category, _, path in rows
        }

    def people(self, user_ids: Collection[int]) -> Mapping[int, Person]:
        """The people by id, called what the site calls them; ids without a row are left out."""
        if not user_ids:
            return {}
        ids = _each(user_ids)
        return read_whole(lambda: self._rows.people(ids, self._rows.site(), NOBODY), self._alias)

    def groups_of(
        self, course_ids: Collection[int]
    ) -> tuple[Mapping[int, Course], Mapping[int, Group]]:
        """The courses and their groups, by id, without members. Courses that Moodle does not have
        are left out.
        """
        return read_whole(
            lambda: (self._rows.courses(course_ids), self._rows.groups(course_ids)), self._alias
        )

    def category_paths(self) -> Mapping[int, tuple[int, ...]]:
        """Every category: id -> the ids from the top down to it."""
        rows = read_whole(self._rows.categories, self._alias)
        return {category: path or (category,) for category, _, path in rows}

    def courses(self, course_ids: Collection[int]) -> Mapping[int, Course]:
        """Those of these courses that Moodle has."""
        return read_whole(lambda: self._rows.courses(course_ids), self._alias)

    def courses_below(
        self, categories: Collection[int], without: Collection[int]
    ) -> Mapping[int, Course]:
        """Every course in these categories or below them, but for those in `without`."""
        return read_whole(lambda: self._courses_below(set(categories), without), self._alias)

    def find_courses(
        self, search: str = "", *, category: int | None = None, limit: int = 50
    ) -> tuple[Course, ...]:
        """The first courses, by id, with every word of `search` in a name or number, in any case.

        With `category`: only courses in it or below it.
        """
        words = search.casefold().split()
        return read_whole(lambda: self._find_courses(words, category, limit), self._alias)

    def resolve_course(self, text: str) -> int | None:
        """The course with this id or exactly this short name; None if there is none.

        "id:7" and "shortname:7" mean one of the two. ConfigurationError where several are meant.
        """
        found = read_whole(lambda: self._resolve_course(*_kind_and_name(text)), self._alias)
        return _the_only_one(text, found, "shortname")

    def resolve_user(self, text: str) -> int | None:
        """The person with this id or exactly this user name (at this site, not by MNet); None if
        there is none.

        "id:7" and "username:7" mean one of the two. ConfigurationError where several are meant.
        """
        found = read_whole(lambda: self._resolve_user(*_kind_and_name(text)), self._alias)
        return _the_only_one(text, found, "username")

    def _find_courses(
        self, words: list[str], category: int | None, limit: int
    ) -> tuple[Course, ...]:
        inside = {number for number, _, path in self._rows.categories() if category in path}
        found: list[int] = []
        columns = ("category", "shortname", "fullname", "idnumber")
        for course_id, its_category, *names in self._rows.pager.all(CourseRow, *columns):
            text = "\n".join(names).casefold()
            here = its_category != SITE and (category is None or its_category in inside)
            if len(found) < limit and here and all(word in text for word in words):
                found.append(course_id)
        return tuple(self._rows.courses(found).values())

    def _courses_below(
        self, categories: set[int], without: Collection[int]
    ) -> Mapping[int, Course]:
        inside = {
            number
            for number, _, path in self._rows.categories()
            if not categories.isdisjoint((*path, number))
        }
        rows = self._rows.pager.by_key(CourseRow, "category", inside - {SITE}, "id")
        return self._rows.courses({course for _, course in rows} - set(without))

    def _resolve_course(self, kind: str, name: str) -> dict[int, str]:
        """Course id -> short name."""
        courses = CourseRow.objects.using(self._alias).exclude(category=SITE)
        return _named(courses, "shortname", kind, name)

    def _resolve_user(self, kind: str, name: str) -> dict[int, str]:
        """User id -> user name."""
        users = User.objects.using(self._alias)
        found = {} if kind == "username" else _named(users, "username", ID, name)
        if kind != ID:
            here = users.filter(mnethostid=self._rows.site().mnet_host)
            found |= _named(here, "username", "username", name)
        return found


ID = "id"


def _kind_and_name(text: str) -> tuple[str, str]:
    """("id", "7") of "id:7", ("", "BIO101") of "BIO101"."""
    kind, colon, name = text.strip().partition(":")
    if colon and kind in (ID, "shortname", "username"):
        return kind, name.strip()
    return "", text.strip()


def _named(rows: QuerySet[Any], column: str, kind: str, name: str) -> dict[int, str]:
    """Rows with this id or exactly this name (`kind` says which, "" both); id -> name."""
    found: dict[int, str] = {}
    if kind in ("", ID) and _is_id(name):
        found.update(rows.filter(id=int(name)).values_list("id", column))
    if kind in ("", column):
        alike = rows.filter(**{column: name}).order_by("id").values_list("id", column)
        found.update((number, text) for number, text in alike if text == name)
    return found


def _the_only_one(text: str, found: Mapping[int, str], column: str) -> int | None:
    if len(found) < 2:
        return next(iter(found), None)
    several = ", ".join(f"id {number} ({column} '{name}')" for number, name in found.items())
    raise ConfigurationError(
        msg("'{text}' is ambiguous: {several}.", text=text, several=several),
        hint=msg("Name one, for example id:{number}.", number=min(found)),
    )


def _require_contexts(courses: Iterable[Course]) -> None:
    """Without its context nobody would seem to hold a role in a course: all would leave it."""
    for course in courses:
        if not course.context_ids:
            raise SourceError(
                msg(
                    "Course {id} ({course}) has no path in {table}, so nobody's roles in it can be "
                    "known.",
                    id=course.course_id,
                    course=course.shortname,
                    table=Context._meta.db_table,
                ),
                hint=msg(
                    "Let Moodle's cron run (its task 'Cleanup contexts' builds missing paths), or "
                    "take the course out of the integrated ones."
                ),
            )


def _each(user_ids: Iterable[int]) -> dict[int, int]:
    return {user_id: user_id for user_id in user_ids}


def _collected(
    groups: Iterable[int], rows: Iterable[tuple[int, int]], ids: dict[int, int]
) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {group_id: [] for group_id in groups}
    for group_id, user_id in rows:
        members[group_id].append(ids.setdefault(user_id, user_id))
    return members


def _only(people: Collection[int], members: dict[int, list[int]]) -> dict[int, tuple[int, ...]]:
    """Without ids that have no row in mdl_user: nothing can be said about them. `members` is empty
    afterwards.
    """
    return {
        group_id: tuple(user_id for user_id in members.pop(group_id) if user_id in people)
        for group_id in list(members)
    }


def _role_ids(rows: Iterable[tuple[int, int, int]]) -> dict[int, tuple[int, ...]]:
    """User id -> role ids, of the rows of one context."""
    found: dict[int, tuple[int, ...]] = {}
    alone: dict[int, tuple[int, ...]] = {}  # one tuple for the many who hold just this role
    for _, user_id, role in rows:
        others = found.get(user_id)
        if others is None:
            found[user_id] = alone.setdefault(role, (role,))
        elif role not in others:
            found[user_id] = (*others, role)
    return found


def _by_course(rows: Iterable[EnrolmentOf], ids: dict[int, int]) -> Enrolments:
    found: dict[int, dict[int, tuple[Enrolment, ...]]] = {}
    alike: dict[Enrolment, tuple[Enrolment, ...]] = {}  # what most people share is there once
    for course_id, user_id, row in rows:
        of_course = found.setdefault(course_id, {})
        others = of_course.get(user_id)
        of_course[ids.setdefault(user_id, user_id)] = (
            alike.setdefault(row, (row,)) if others is None else (*others, row)
        )
    return _small(found)


def _theirs(people: Mapping[int, Person], enrolments: Enrolments) -> Enrolments:
    """Without people who have no row in mdl_user, and without courses of only such."""
    found: Enrolments = {}
    for course_id, of_course in enrolments.items():
        known = of_course
        if not all(user_id in people for user_id in of_course):
            known = ByPerson({n: rows for n, rows in of_course.items() if n in people})
        if known:
            found[course_id] = known
    return found


def _small(found: dict[int, dict[int, Value]]) -> dict[int, ByPerson[Value]]:
    """The same; `found` is empty afterwards, so that hardly anything is there twice."""
    return {key: ByPerson(found.pop(key)) for key in list(found)}


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
