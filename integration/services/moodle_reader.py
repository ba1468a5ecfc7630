"""Moodle, read only: one complete reading of a scope in a handful of queries.

How many queries does not depend on the number of courses, groups or people, but for the pages of
the rows themselves. Nothing is decided here: who counts is for `standing` and `desired` to say.
"""

import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from integration.services.errors import SourceError
from integration.services.state import Course, Enrolment, Group, MoodleState, Person, Scope
from moodle.models import (
    Config,
    Context,
    CourseCategory,
    Enrol,
    GroupMember,
    MoodleTable,
    Role,
    RoleAssignment,
    User,
    UserEnrolment,
)
from moodle.models import Course as CourseRow
from moodle.models import Group as GroupRow
from moodle.paging import PAGE_SIZE, Pager
from moodle.reading import read_whole
from moodle.router import MOODLE

SITE = 0  # the category of the one course that is the site's front page
PERSON_COLUMNS = (
    "username",
    "email",
    "firstname",
    "lastname",
    "auth",
    "confirmed",
    "suspended",
    "deleted",
)


class Method(NamedTuple):
    """A row of mdl_enrol: one way into one course."""

    course_id: int
    name: str
    status: int


class Site(NamedTuple):
    """What mdl_config says about roles and accounts of the whole site."""

    guest: int
    default_role: int | None
    mnet_host: int


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
        self._pager = Pager(alias, page_size)

    # --- the reading ------------------------------------------------------------------------------

    def read(
        self, scope: Scope, *, integrated: Collection[int], linked_users: Collection[int]
    ) -> MoodleState:
        """See ports.Source. Where `scope.users` is set, members, people and roles are only theirs."""
        wanted, linked = frozenset(integrated), frozenset(linked_users)
        with _garbage_collector_paused():
            return read_whole(lambda: self._read(scope, wanted, linked), self._alias)

    def _read(
        self, scope: Scope, integrated: frozenset[int], linked: frozenset[int]
    ) -> MoodleState:
        read_at = int(self._clock())
        site = self._site()
        courses = self._courses(integrated)
        looked_at = [course for course in courses.values() if scope.has_course(course.course_id)]
        _require_contexts(looked_at)
        groups = self._groups(looked_at)
        members = self._members(groups, scope)
        known = linked.union(*members.values())
        rows, user_ids = self._enrolments(scope, courses, known)
        people = self._people(user_ids, site.guest)
        return MoodleState(
            read_at=read_at,
            integrated=integrated,
            courses=courses,
            groups=groups,
            group_members=_only(people, members),
            people=people,
            enrolments=_by_course(row for row in rows if row.user_id in people),
            roles=self._roles_held(looked_at, scope),
            role_names=self._role_names(),
            default_role_id=site.default_role,
        )

    def _site(self) -> Site:
        """The site's settings. SourceError when this is not, or not yet, a whole Moodle."""
        names = ("version", "siteguest", "defaultuserroleid", "mnet_localhost_id")
        rows = Config.objects.using(self._alias).filter(name__in=names)
        settings = dict(rows.values_list("name", "value"))
        if "version" not in settings:
            raise _half(f"{Config._meta.db_table} does not say Moodle's version")
        self._require(User)
        self._require(CourseRow, category=SITE)
        return Site(
            guest=_number(settings.get("siteguest")),
            default_role=_number(settings.get("defaultuserroleid")) or None,
            mnet_host=_number(settings.get("mnet_localhost_id")),
        )

    def _require(self, model: type[MoodleTable], **row: int) -> None:
        if not model._default_manager.using(self._alias).filter(**row).exists():
            what = "the course that is the site itself" if row else "rows"
            raise _half(f"{model._meta.db_table} lacks {what}")

    # --- courses and groups -----------------------------------------------------------------------

    def _courses(self, course_ids: Collection[int]) -> dict[int, Course]:
        """The courses that exist, by id, with the contexts in the path of their own."""
        paths = dict(
            self._pager.by_key(
                Context, "instanceid", course_ids, "path", contextlevel=Context.COURSE
            )
        )
        columns = ("category", "shortname", "fullname", "visible", "enddate")
        rows = list(self._pager.by_id(CourseRow, course_ids, *columns))
        categories = self._pager.by_id(CourseCategory, {row[1] for row in rows}, "visible")
        hidden = {category for category, visible in categories if not visible}
        return {
            course_id: Course(
                course_id=course_id,
                shortname=shortname,
                fullname=fullname,
                visible=bool(visible),
                category_visible=category not in hidden,
                enddate=enddate,
                context_ids=_ids(paths.get(course_id)),
            )
            for course_id, category, shortname, fullname, visible, enddate in rows
        }

    def _groups(self, courses: Iterable[Course]) -> dict[int, Group]:
        course_ids = [course.course_id for course in courses]
        rows = self._pager.by_key(GroupRow, "courseid", course_ids, "id", "name", "visibility")
        return {
            group_id: Group(group_id, course_id, name, visibility)
            for course_id, group_id, name, visibility in rows
        }

    def _members(self, groups: Iterable[int], scope: Scope) -> dict[int, list[int]]:
        """mdl_groups_members: group id -> user ids."""
        members: dict[int, list[int]] = {group_id: [] for group_id in groups}
        if scope.users is None:
            for group_id, user_id in self._pager.by_key(GroupMember, "groupid", members, "userid"):
                members[group_id].append(user_id)
            return members
        for user_id, group_id in self._pager.by_key(GroupMember, "userid", scope.users, "groupid"):
            if group_id in members:
                members[group_id].append(user_id)
        return members

    # --- people and enrolments --------------------------------------------------------------------

    def _enrolments(
        self, scope: Scope, courses: Collection[int], known: frozenset[int]
    ) -> tuple[list[Enrolment], Collection[int]]:
        """Enrolments in all these courses, and whose they are: of everybody whom the scope
        concerns.

        `known` are members of the scope's groups and linked people.
        """
        methods = self._methods(courses)
        if scope.users is not None:
            return self._enrolments_of(scope.users, methods), scope.users
        in_scope = {
            number: method
            for number, method in methods.items()
            if scope.has_course(method.course_id)
        }
        rows = self._enrolments_by(in_scope)
        people = known.union(row.user_id for row in rows)
        if scope.courses is not None:
            rows = self._enrolments_of(people, methods)
        return rows, people

    def _methods(self, course_ids: Collection[int]) -> dict[int, Method]:
        rows = self._pager.by_key(Enrol, "courseid", course_ids, "id", "enrol", "status")
        return {number: Method(course, name, status) for course, number, name, status in rows}

    def _enrolments_by(self, methods: Mapping[int, Method]) -> list[Enrolment]:
        columns = ("userid", "status", "timestart", "timeend")
        return [
            _enrolment(methods[number], user_id, status, start, end)
            for number, user_id, status, start, end in self._pager.by_key(
                UserEnrolment, "enrolid", methods, *columns
            )
        ]

    def _enrolments_of(
        self, user_ids: Collection[int], methods: Mapping[int, Method]
    ) -> list[Enrolment]:
        columns = ("enrolid", "status", "timestart", "timeend")
        return [
            _enrolment(methods[number], user_id, status, start, end)
            for user_id, number, status, start, end in self._pager.by_key(
                UserEnrolment, "userid", user_ids, *columns
            )
            if number in methods
        ]

    def _people(self, user_ids: Collection[int], guest: int) -> dict[int, Person]:
        rows = self._pager.by_id(User, user_ids, *PERSON_COLUMNS)
        return {row[0]: _person(row, guest) for row in rows}

    # --- roles ------------------------------------------------------------------------------------

    def _roles_held(
        self, courses: Iterable[Course], scope: Scope
    ) -> dict[int, dict[int, tuple[int, ...]]]:
        """Roles in the contexts of the courses: context id -> user id -> role ids, each once."""
        held: dict[int, dict[int, tuple[int, ...]]] = {
            context: {} for course in courses for context in course.context_ids
        }
        for context, user_id, role in self._assignments(held, scope):
            roles = held[context].get(user_id, ())
            if role not in roles:
                held[context][user_id] = (*roles, role)
        return held

    def _assignments(
        self, contexts: Collection[int], scope: Scope
    ) -> Iterator[tuple[int, int, int]]:
        """mdl_role_assignments in these contexts: (context id, user id, role id)."""
        if scope.users is None:
            columns = ("userid", "roleid")
            for context, user_id, role in self._pager.by_key(
                RoleAssignment, "contextid", contexts, *columns
            ):
                yield context, user_id, role
            return
        columns = ("contextid", "roleid")
        for user_id, context, role in self._pager.by_key(
            RoleAssignment, "userid", scope.users, *columns
        ):
            if context in contexts:
                yield context, user_id, role

    def _role_names(self) -> dict[int, str]:
        rows = Role.objects.using(self._alias).order_by("sortorder", "id")
        names = dict(rows.values_list("id", "shortname"))
        if not names:
            raise _half(f"{Role._meta.db_table} lacks rows")
        return names

    # --- look-ups ---------------------------------------------------------------------------------

    def roles(self) -> Mapping[int, str]:
        """Every role of the site: id -> short name, in Moodle's order."""
        return read_whole(self._role_names, self._alias)

    def categories(self) -> Mapping[int, str]:
        """Every category: id -> its name after those of its parents ("Science / Year 1")."""
        return read_whole(lambda: _full_names(self._category_rows()), self._alias)

    def find_courses(
        self, search: str = "", *, category: int | None = None, limit: int = 50
    ) -> tuple[Course, ...]:
        """The first courses, by id, that have every word of `search` in a name or number, in any
        case.

        With `category`: only courses in it or below it.
        """
        words = search.casefold().split()
        return read_whole(lambda: self._find_courses(words, category, limit), self._alias)

    def resolve_course(self, text: str) -> int | None:
        """The id of the course with this id or exactly this short name; None if there is none."""
        return read_whole(lambda: self._resolve_course(text), self._alias)

    def resolve_user(self, text: str) -> int | None:
        """The id of the person with this id or exactly this user name (at this site, not by MNet)."""
        return read_whole(lambda: self._resolve_user(text), self._alias)

    def _find_courses(
        self, words: list[str], category: int | None, limit: int
    ) -> tuple[Course, ...]:
        below = None if category is None else _below(category, self._category_rows())
        found: list[int] = []
        columns = ("category", "shortname", "fullname", "idnumber")
        for course_id, its_category, *names in self._pager.all(CourseRow, *columns):
            text = "\n".join(names).casefold()
            if len(found) == limit:
                break
            if its_category != SITE and (below is None or its_category in below):
                if all(word in text for word in words):
                    found.append(course_id)
        return tuple(self._courses(found).values())

    def _category_rows(self) -> list[tuple[int, str, str]]:
        return [(row[0], row[1], row[2]) for row in self._pager.all(CourseCategory, "name", "path")]

    def _resolve_course(self, text: str) -> int | None:
        courses = CourseRow.objects.using(self._alias).exclude(category=SITE)
        if _is_id(text) and courses.filter(id=int(text)).exists():
            return int(text)
        alike = courses.filter(shortname=text).order_by("id").values_list("id", "shortname")
        return next((number for number, shortname in alike if shortname == text), None)

    def _resolve_user(self, text: str) -> int | None:
        users = User.objects.using(self._alias)
        if _is_id(text) and users.filter(id=int(text)).exists():
            return int(text)
        here = users.filter(mnethostid=self._site().mnet_host, username=text)
        alike = here.order_by("id").values_list("id", "username")
        return next((number for number, username in alike if username == text), None)


# --- small parts ----------------------------------------------------------------------------------


@contextmanager
def _garbage_collector_paused() -> Iterator[None]:
    """A reading makes many values and no cycles; looking for cycles all the while takes 40 % of its
    time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _person(row: tuple[Any, ...], guest: int) -> Person:
    user_id, username, email, first, last, auth, confirmed, suspended, deleted = row
    flags = bool(confirmed), bool(suspended), bool(deleted)
    return Person(user_id, username, email, first, last, auth, *flags, guest=user_id == guest)


def _enrolment(method: Method, user_id: int, status: int, start: int, end: int) -> Enrolment:
    return Enrolment(method.course_id, user_id, method.name, status, method.status, start, end)


def _by_course(rows: Iterable[Enrolment]) -> dict[int, dict[int, tuple[Enrolment, ...]]]:
    found: dict[int, dict[int, tuple[Enrolment, ...]]] = {}
    for row in rows:
        of_course = found.setdefault(row.course_id, {})
        of_course[row.user_id] = (*of_course.get(row.user_id, ()), row)
    return found


def _only(
    people: Collection[int], members: Mapping[int, Iterable[int]]
) -> dict[int, tuple[int, ...]]:
    """Without ids that have no row in mdl_user: nothing can be said about them."""
    return {
        group_id: tuple(user_id for user_id in user_ids if user_id in people)
        for group_id, user_ids in members.items()
    }


def _require_contexts(courses: Iterable[Course]) -> None:
    """Without its context, nobody would seem to hold a role in a course, and everybody would be
    removed.
    """
    for course in courses:
        if not course.context_ids:
            raise SourceError(
                f"Course {course.course_id} ({course.shortname}) has no path in "
                f"{Context._meta.db_table}, so its roles cannot be read.",
                hint="Let Moodle's cron run (its task 'Cleanup contexts' builds missing paths), or "
                "take the course out of the integrated ones.",
            )


def _full_names(rows: Iterable[tuple[int, str, str]]) -> dict[int, str]:
    rows = list(rows)
    names = {number: name for number, name, _ in rows}
    return {
        number: " / ".join(names[parent] for parent in _ids(path) if parent in names)
        for number, _, path in rows
    }


def _below(category: int, rows: Iterable[tuple[int, str, str]]) -> frozenset[int]:
    return frozenset(number for number, _, path in rows if category in _ids(path))


def _ids(path: str | None) -> tuple[int, ...]:
    """The ids in a path such as /1/11/12, from the top; none where Moodle has not built it yet."""
    return tuple(int(part) for part in (path or "").split("/") if part)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _number(value: str | None) -> int:
    return int(value) if value and value.strip().isdigit() else 0


def _half(finding: str) -> SourceError:
    return SourceError(
        f"This is not a whole Moodle: {finding}.",
        hint="Check that MOODLE_DATABASE_URL and MOODLE_DB_PREFIX name the right database, and that "
        "it was restored completely.",
    )
