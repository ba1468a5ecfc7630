"""Moodle's rows as values, table by table. Call inside `read_whole()`, which gives all queries
one snapshot.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from integration.domain.errors import SourceError
from integration.domain.messages import msg
from integration.domain.state import Course, Enrolment, Group, ManagedAccount, Person
from integration.domain.text import clean, same
from integration.services.moodle.full_names import USUAL, fields_of, full_name, name_format
from integration.services.moodle.paging import Pager
from integration.services.moodle.versions import WITHOUT_MNET, number_of
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

SITE = 0  # the category of the one course that is the site's front page
COURSE_COLUMNS = (
    *("category", "shortname", "fullname", "visible", "startdate", "enddate"),
    *("timecreated", "idnumber"),
)
NAMES = ("username", "email", "firstname", "lastname", "auth")
SITE_SETTINGS = (
    "version",
    "siteguest",
    "defaultuserroleid",
    "mnet_localhost_id",
    "lang",
    "fullnamedisplay",
)
FLAGS = ("confirmed", "suspended", "deleted")
REMOVED_AUTH = "mnet"  # by Moodle 5.0: who has it cannot log in any more
IDENTITY = ("timecreated", "idnumber")


EnrolmentOf = tuple[int, int, Enrolment]  # course id, user id


class Site(NamedTuple):
    """What mdl_config says about the whole site."""

    guest: int
    default_role: int | None  # held by everybody, without a row
    mnet_host: int  # the host of the site's own people
    without_mnet: bool  # Moodle 5.0 and newer
    language: str
    name_format: str  # full_names.name_format


class Method(NamedTuple):
    """A row of mdl_enrol: one way into one course."""

    course_id: int
    name: str
    status: int


NO_METHOD = Method(SITE, "", 1)  # of a row that outlived it


class Category(NamedTuple):
    """What a row of mdl_course_categories says about its courses. `path`: ids from the top."""

    visible: bool
    path: tuple[int, ...]


class MoodleRows:
    """Reads tables through one pager. Ids that have no row are left out of the answers."""

    def __init__(self, alias: str, page_size: int) -> None:
        self.alias = alias
        self.pager = Pager(alias, page_size)

    def site(self) -> Site:
        """The site's settings. SourceError when this is not, or not yet, a whole Moodle."""
        rows = Config.objects.using(self.alias).filter(name__in=SITE_SETTINGS)
        settings = dict(rows.values_list("name", "value"))
        if "version" not in settings:
            raise not_whole(
                msg("{table} does not contain Moodle's version", table=Config._meta.db_table)
            )
        self._require(User, msg("rows"))
        self._require(CourseRow, msg("the course that is the site itself"), category=SITE)
        language = settings.get("lang") or "en"
        return Site(
            guest=_number(settings.get("siteguest")),
            default_role=_number(settings.get("defaultuserroleid")) or None,
            mnet_host=_number(settings.get("mnet_localhost_id")),
            without_mnet=(number_of(settings["version"]) or 0) >= WITHOUT_MNET,
            language=language,
            name_format=name_format(settings.get("fullnamedisplay", ""), language),
        )

    def _require(self, model: type[MoodleTable], what: str, **row: int) -> None:
        if not model._default_manager.using(self.alias).filter(**row).exists():
            raise not_whole(msg("{table} lacks {what}", table=model._meta.db_table, what=what))

    # --- courses and groups -----------------------------------------------------------------------

    def courses(self, course_ids: Collection[int]) -> dict[int, Course]:
        """The courses by id, with the contexts in the path of their own."""
        contexts = self.pager.by_key(
            Context, "instanceid", course_ids, "path", contextlevel=Context.COURSE
        )
        paths = {course_id: ids_in(path) for course_id, path in contexts}
        rows = list(self.pager.by_id(CourseRow, course_ids, *COURSE_COLUMNS))
        columns = ("visible", "path", "parent")
        found = self.pager.by_id(CourseCategory, {row[1] for row in rows}, *columns)
        categories = {number: _category(number, *values) for number, *values in found}
        return {
            row[0]: _course(
                row, categories.get(row[1], Category(True, (row[1],))), paths.get(row[0], ())
            )
            for row in rows
        }

    def categories(self) -> list[tuple[int, str, tuple[int, ...]]]:
        """Every category: id, name, the ids in its path."""
        rows = self.pager.all(CourseCategory, "name", "path")
        return [(category, name, ids_in(path)) for category, name, path in rows]

    def groups(self, course_ids: Iterable[int]) -> dict[int, Group]:
        rows = self.pager.by_key(
            GroupRow, "courseid", course_ids, "id", "name", "visibility", *IDENTITY
        )
        return {
            group_id: Group(
                group_id,
                course_id,
                clean(name),
                visibility,
                timecreated,
                clean(idnumber or ""),
            )
            for course_id, group_id, name, visibility, timecreated, idnumber in rows
        }

    def memberships(
        self, groups: Collection[int], users: Collection[int] | None
    ) -> Iterator[tuple[int, int]]:
        """(group id, user id) of everybody in these groups, or of these users only."""
        if users is None:
            yield from self.pager.by_key(GroupMember, "groupid", groups, "userid")
        else:
            for user_id, group_id in self.pager.by_key(GroupMember, "userid", users, "groupid"):
                if group_id in groups:
                    yield group_id, user_id

    # --- people and enrolments --------------------------------------------------------------------

    def people(
        self, ids: Mapping[int, int], site: Site, known: Mapping[int, ManagedAccount]
    ) -> dict[int, Person]:
        """Those with these ids, each of which is the number that its person has everywhere. Of a
        `known` person what the link says too is kept once.
        """
        person = _PersonRows(site, known)
        if site.name_format == USUAL:
            rows = self.pager.by_id(User, ids, *NAMES, *FLAGS, *IDENTITY)
            return {ids[row[0]]: person.of(ids[row[0]], row) for row in rows}
        fields, first = fields_of(site.name_format), 1 + len(NAMES) + len(FLAGS) + len(IDENTITY)
        rows = self.pager.by_id(User, ids, *NAMES, *FLAGS, *IDENTITY, *fields)
        return {
            ids[row[0]]: person.of(
                ids[row[0]],
                row[:first],
                full_name(site.name_format, dict(zip(fields, row[first:], strict=True))),
            )
            for row in rows
        }

    def methods(self, course_ids: Collection[int]) -> dict[int, Method]:
        """Every enrolment method of the courses, by its id."""
        rows = self.pager.by_key(Enrol, "courseid", course_ids, "id", "enrol", "status")
        return {number: Method(course, name, status) for course, number, name, status in rows}

    def enrolments_by(self, methods: Mapping[int, Method], now: int) -> Iterator[EnrolmentOf]:
        """Everybody's enrolments by these methods. When one began that did is left out (0): with it
        hardly two people would have the same.
        """
        for number, user_id, status, start, end in self.pager.by_key(
            UserEnrolment, "enrolid", methods, "userid", "status", "timestart", "timeend"
        ):
            course_id, name, on = methods[number]
            to_come = start if start >= now else 0
            yield course_id, user_id, Enrolment(name, status, on, to_come, end)

    def enrolments_of(
        self, user_ids: Collection[int], courses: Collection[int]
    ) -> Iterator[EnrolmentOf]:
        """These people's enrolments in these courses, by whatever method. Only the methods of
        their own rows are read.
        """
        columns = ("enrolid", "status", "timestart", "timeend")
        rows = list(self.pager.by_key(UserEnrolment, "userid", user_ids, *columns))
        used = self.pager.by_id(Enrol, {row[1] for row in rows}, "courseid", "enrol", "status")
        methods = {number: Method(*values) for number, *values in used}
        for user_id, number, status, start, end in rows:
            course_id, name, on = methods.get(number, NO_METHOD)
            if course_id in courses:
                yield course_id, user_id, Enrolment(name, status, on, start, end)

    # --- roles ------------------------------------------------------------------------------------

    def role_names(self) -> dict[int, str]:
        """Every role's short name by its id, in Moodle's order."""
        rows = Role.objects.using(self.alias).order_by("sortorder", "id")
        names = dict(rows.values_list("id", "shortname"))
        if not names:
            raise not_whole(
                msg("{table} lacks {what}", table=Role._meta.db_table, what=msg("rows"))
            )
        return names

    def assignments(
        self, contexts: Collection[int], users: Collection[int] | None
    ) -> Iterator[tuple[int, int, int]]:
        """(context id, user id, role id) of everybody in these contexts, or of these users only."""
        if users is None:
            yield from self.pager.by_key(RoleAssignment, "contextid", contexts, "userid", "roleid")
        else:
            for user_id, context, role in self.pager.by_key(
                RoleAssignment, "userid", users, "contextid", "roleid"
            ):
                if context in contexts:
                    yield context, user_id, role


def ids_in(path: str | None) -> tuple[int, ...]:
    """The ids in a path such as /1/11/12, from the top; none where Moodle has not built it yet."""
    return tuple(int(part) for part in (path or "").split("/") if part)


def not_whole(finding: str) -> SourceError:
    return SourceError(
        msg("This is not a complete Moodle: {finding}.", finding=finding),
        hint=msg(
            "Check that MOODLE_DATABASE_URL and MOODLE_DB_PREFIX name the right database, and "
            "that it was restored completely."
        ),
    )


def _category(number: int, visible: int, path: str, parent: int) -> Category:
    """Where Moodle has not built the path yet, the parent is all that is known above it."""
    above = ids_in(path)
    if number not in above:
        above = (parent, number) if parent else (number,)
    return Category(bool(visible), above)


def _course(row: tuple[Any, ...], category: Category, contexts: tuple[int, ...]) -> Course:
    course_id, _, shortname, fullname, visible, start, end, timecreated, idnumber = row
    return Course(
        course_id=course_id,
        shortname=clean(shortname),
        fullname=clean(fullname),
        visible=bool(visible),
        category_visible=category.visible,
        enddate=end,
        context_ids=contexts,
        timecreated=timecreated,
        idnumber=clean(idnumber or ""),
        categories=category.path,
        startdate=start,
    )


class _PersonRows:
    """Makes persons of rows of mdl_user."""

    def __init__(self, site: Site, known: Mapping[int, ManagedAccount]) -> None:
        self._site, self._known = site, known
        self._often: dict[str, str] = {}  # first names and ways to log in: many people share one

    def of(self, user_id: int, row: tuple[Any, ...], shown: str = "") -> Person:
        _, username, email, first, last, auth, *flags, timecreated, idnumber = row
        username, email, idnumber = clean(username), clean(email), clean(idnumber or "")
        first, often, site = clean(first), self._often, self._site
        link = self._known.get(user_id)
        if link is not None:
            timecreated = same(timecreated, link.known_timecreated)
            username, email = same(username, link.known_username), same(email, link.known_email)
            idnumber = same(idnumber, link.known_idnumber)
        confirmed, suspended, deleted = flags
        return Person(
            user_id,
            username,
            email,
            often.setdefault(first, first),
            clean(last),
            often.setdefault(auth, auth),
            bool(confirmed),
            bool(suspended),
            bool(deleted),
            user_id == site.guest,
            site.without_mnet and auth == REMOVED_AUTH,
            clean(shown),
            timecreated,
            idnumber,
        )


def _number(value: str | None) -> int:
    return int(value) if value and value.strip().isdigit() else 0
