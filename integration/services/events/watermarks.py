"""Changes on a site without a log, found by the modification times of Moodle's tables.

Removals leave no row behind, so only a full pass finds them; the cursor's `problem` says so. Call
inside `read_whole`. Plain SQL, because these columns are used nowhere else.
"""

from collections.abc import Collection

from django.db import connections

from integration.services.events.hints import Hint
from moodle.models import table
from moodle.router import MOODLE

IN_COURSES = (
    "SELECT courseid, NULL FROM {groups} WHERE timemodified > %s",
    """SELECT e.courseid, ue.userid FROM {user_enrolments} ue
       JOIN {enrol} e ON e.id = ue.enrolid WHERE ue.timemodified > %s""",
    """SELECT g.courseid, gm.userid FROM {groups_members} gm
       JOIN {groups} g ON g.id = gm.groupid WHERE gm.timeadded > %s""",
    "SELECT courseid, NULL FROM {enrol} WHERE timemodified > %s",
    "SELECT id, NULL FROM {course} WHERE timemodified > %s",
    """SELECT c.instanceid, ra.userid FROM {role_assignments} ra
       JOIN {context} c ON c.id = ra.contextid AND c.contextlevel = 50
       WHERE ra.timemodified > %s""",
)
PEOPLE = "SELECT id FROM {user} WHERE timemodified > %s"
TABLES = (
    "groups",
    "groups_members",
    "user_enrolments",
    "enrol",
    "course",
    "role_assignments",
    "context",
    "user",
)


def changed_since(since: int, courses: Collection[int]) -> set[Hint]:
    """Hints for rows made or changed after `since` (unix seconds)."""
    hints: set[Hint] = set()
    with connections[MOODLE].cursor() as cursor:
        for query in IN_COURSES:
            cursor.execute(_named(query), [since])
            hints |= {Hint(course, user) for course, user in cursor.fetchall() if course in courses}
        cursor.execute(_named(PEOPLE), [since])
        hints |= {Hint(None, user) for (user,) in cursor.fetchall()}
    return hints


def _named(query: str) -> str:
    quote = connections[MOODLE].ops.quote_name
    return query.format(**{name: quote(table(name)) for name in TABLES})
