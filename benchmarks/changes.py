"""Changes in the scaled Moodle, and what they ask for, counted by plain SQL and not by rcsync."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from demo.sample_moodle.scale import FIRST, FIRST_CONTEXT, MADE
from demo.sample_moodle.tables import insert
from moodle.models import Group, GroupMember, RoleAssignment, User, UserEnrolment

GROUPS_AT_ONCE = 5_000
MOVED, SUSPENDED, NEW = 0.5, 0.2, 0.2  # of those who change; the rest get another name
EFFECTIVE = """
SELECT gm.groupid, gm.userid, MAX(r.shortname = 'editingteacher') AS teaches
FROM mdl_groups_members gm
JOIN mdl_groups g ON g.id = gm.groupid
JOIN mdl_enrol e ON e.courseid = g.courseid
JOIN mdl_user_enrolments ue ON ue.enrolid = e.id AND ue.userid = gm.userid
JOIN mdl_user u ON u.id = gm.userid
JOIN mdl_context c ON c.contextlevel = 50 AND c.instanceid = g.courseid
JOIN mdl_role_assignments ra ON ra.contextid = c.id AND ra.userid = gm.userid
JOIN mdl_role r ON r.id = ra.roleid AND r.shortname IN ('student', 'editingteacher')
WHERE u.deleted = 0 AND u.suspended = 0 AND u.confirmed = 1 AND u.auth <> 'nologin'
  AND e.status = 0 AND ue.status = 0 AND ue.timestart < %s AND (ue.timeend = 0 OR ue.timeend > %s)
  AND gm.groupid > %s AND gm.groupid <= %s
GROUP BY gm.groupid, gm.userid
"""


class Effective(NamedTuple):
    """Who is to be in which channel: (group, person), and where somebody teaches."""

    members: frozenset[tuple[int, int]]
    teaching: frozenset[tuple[int, int]]

    @property
    def people(self) -> set[int]:
        return {user_id for _, user_id in self.members}

    def as_counts(self) -> dict[str, int]:
        return {
            "people": len(self.people),
            "memberships": len(self.members),
            "roles": len(self.teaching),
        }


def effective(connection: BaseDatabaseWrapper) -> Effective:
    """By plain SQL, some groups at a time: of half a million people one answer takes too long."""
    now, rows = int(time.time()), []
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(id) FROM mdl_groups")
        for before in range(0, cursor.fetchone()[0] or 0, GROUPS_AT_ONCE):
            cursor.execute(EFFECTIVE, [now, now, before, before + GROUPS_AT_ONCE])
            rows += cursor.fetchall()
    return Effective(
        frozenset((group, user) for group, user, _ in rows),
        frozenset((group, user) for group, user, teaches in rows if teaches),
    )


def one_percent(connection: BaseDatabaseWrapper, people: int, rng: random.Random) -> dict[str, Any]:
    """Of a hundredth of the people half change group, others are suspended, new, or renamed."""
    before = effective(connection)
    changing = max(10, people // 100)
    moved, suspended, new = (round(changing * share) for share in (MOVED, SUSPENDED, NEW))
    chosen = rng.sample(sorted(before.people), changing - new)
    renamed = chosen[moved + suspended :]
    move(connection, sorted(before.members), chosen[:moved])
    set_values(connection, "mdl_user", "suspended", dict.fromkeys(chosen[moved:][:suspended], 1))
    set_values(
        connection, "mdl_user", "lastname", {number: f"Renamed{number}" for number in renamed}
    )
    _newcomers(connection, people, new, rng)
    return _asked_for(before, effective(connection), len(renamed), suspended)


def one_person(connection: BaseDatabaseWrapper) -> tuple[int, int]:
    """Somebody changes group: course id and user id."""
    group_id, user_id = max(effective(connection).members)
    move(connection, [(group_id, user_id)], [user_id])
    return course_of_groups(connection)[group_id], user_id


def one_group(connection: BaseDatabaseWrapper) -> int:
    """A group gets another name: course id."""
    group_id, course_id = max(course_of_groups(connection).items())
    set_values(connection, "mdl_groups", "name", {group_id: "Another name"})
    return course_id


def _asked_for(before: Effective, after: Effective, renamed: int, suspended: int) -> dict[str, Any]:
    """The operations that cannot be merged; all joiners of a channel are one."""
    joined, left = after.members - before.members, before.members - after.members
    operations = {
        "create_account": len(after.people - before.people),
        "add_members": len({group for group, _ in joined}),
        "set_room_role": len(after.teaching - before.teaching),
        "remove_member": len(left),
        "update_account": renamed,
        "deactivate": suspended,
    }
    return {"operations": operations, "total": sum(operations.values())}


def move(
    connection: BaseDatabaseWrapper, members: Sequence[tuple[int, int]], users: Sequence[int]
) -> None:
    """Each of the users leaves one group for another of the same course."""
    group_of = {user: group for group, user in members}
    course_of = course_of_groups(connection)
    siblings: dict[int, list[int]] = {}
    for group, course in sorted(course_of.items()):
        siblings.setdefault(course, []).append(group)
    with connection.cursor() as cursor:
        for user in users:
            group = group_of[user]
            of_course = siblings[course_of[group]]
            target = of_course[(of_course.index(group) + 1) % len(of_course)]
            cursor.execute(
                "UPDATE mdl_groups_members SET groupid = %s WHERE groupid = %s AND userid = %s",
                [target, group, user],
            )


def _newcomers(
    connection: BaseDatabaseWrapper, people: int, count: int, rng: random.Random
) -> None:
    """New students, each in three courses and one group of each."""
    course_of = course_of_groups(connection)
    groups = {}
    for user in range(FIRST + people, FIRST + people + count):
        by_course = {course_of[group]: group for group in rng.sample(sorted(course_of), 3)}
        groups[user] = list(by_course.values())
    new_students(connection, groups)


def new_students(connection: BaseDatabaseWrapper, groups: Mapping[int, Sequence[int]]) -> None:
    """People whom Moodle did not have: user id -> their groups, each of another course."""
    course_of = course_of_groups(connection)
    columns = ("id", "confirmed", "mnethostid", "username", "firstname", "lastname", "email")
    rows = [(n, 1, 1, f"new{n}", "New", f"Person{n}", f"new{n}@scale.invalid") for n in groups]
    insert(connection, User, columns, rows)
    joins = [(user, course_of[group], group) for user, theirs in groups.items() for group in theirs]
    insert(connection, UserEnrolment, ("enrolid", "userid"), [(c, u) for u, c, _ in joins])
    insert(connection, GroupMember, ("groupid", "userid"), [(g, u) for u, _, g in joins])
    student = _role(connection, "student")
    assigned = [(student, FIRST_CONTEXT + c, u) for u, c, _ in joins]
    insert(connection, RoleAssignment, ("roleid", "contextid", "userid"), assigned)


def large_group(connection: BaseDatabaseWrapper, people: int, members: int) -> int:
    """One more group in the first course, with so many new students: its id."""
    group = max(course_of_groups(connection)) + 1
    columns = ("id", "courseid", "name", "timecreated")
    insert(connection, Group, columns, [(group, FIRST, "Everybody", MADE)])
    first = FIRST + people
    new_students(connection, {user: [group] for user in range(first, first + members)})
    return group


def set_values(
    connection: BaseDatabaseWrapper, table: str, column: str, values: Mapping[int, Any]
) -> None:
    with connection.cursor() as cursor:
        for number, value in values.items():
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, number])


def course_of_groups(connection: BaseDatabaseWrapper) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, courseid FROM mdl_groups")
        return dict(cursor.fetchall())


def _role(connection: BaseDatabaseWrapper, shortname: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM mdl_role WHERE shortname = %s", [shortname])
        return int(cursor.fetchone()[0])
