"""A large invented Moodle, for benchmarks: real proportions, plain names, made in seconds.

Of N people, each studies in three courses of about 150 and is in one group of about 30 in each: N /
10 groups, 3 N memberships. 3 % are staff, some enrolments are suspended, ended or not begun.
"""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from demo.sample_moodle.builder import DAY, MoodleBuilder
from demo.sample_moodle.tables import create_tables, insert, one_transaction, reset_sequences
from moodle.models import (
    Context,
    Course,
    Enrol,
    Group,
    GroupMember,
    RoleAssignment,
    User,
    UserEnrolment,
)

COURSES_EACH = 3
GROUP_SIZE = 30
GROUPS_PER_COURSE = 5
STAFF = 0.03
SUSPENDED = 0.02
ENDED = 0.02
NOT_BEGUN = 0.01
FIRST = 101  # ids of people, courses and groups: behind those of the fresh Moodle
FIRST_CONTEXT = 1000
MADE = 1_600_000_000  # unix seconds at which everything was made


class Scaled(NamedTuple):
    """What was made."""

    people: int
    courses: int
    groups: int
    memberships: int


class Membership(NamedTuple):
    """One person in one course and one of its groups."""

    user_id: int
    course_id: int
    group_id: int


def create_scaled_moodle(connection: BaseDatabaseWrapper, people: int, now: int) -> Scaled:
    """Fill an empty database over a writing connection. Equal arguments give equal rows."""
    rng = random.Random(people)
    world = MoodleBuilder(now)
    category = world.category("Everything")
    path = world.context_path(Context.CATEGORY, category)
    groups = max(1, people * COURSES_EACH // GROUP_SIZE)
    courses = -(-groups // GROUPS_PER_COURSE)
    members = list(_memberships(people, courses, groups))
    create_tables(connection)
    world.save(connection)
    with one_transaction(connection):
        _people(connection, people)
        _courses(connection, courses, category, path)
        _groups(connection, groups)
        _enrolments(connection, members, now, rng)
        _roles(connection, members, world.roles)
        reset_sequences(connection)
    return Scaled(people, courses, groups, len(members))


def _memberships(people: int, courses: int, groups: int) -> Iterator[Membership]:
    """Person n is in the groups n, n + 1/3 and n + 2/3 around the circle of all groups."""
    step = max(1, groups // COURSES_EACH)
    for number in range(people):
        places = {(number + part * step) % groups for part in range(COURSES_EACH)}
        by_course = {place % courses: place for place in sorted(places)}
        for course, group in by_course.items():
            yield Membership(FIRST + number, FIRST + course, FIRST + group)


def _people(connection: BaseDatabaseWrapper, people: int) -> None:
    names = ("username", "firstname", "lastname", "email")
    columns = ("id", "confirmed", "mnethostid", "timecreated", *names)
    rows = (
        (
            *(FIRST + n, 1, 1, MADE),
            *(f"person{n}", f"First{n % 997}", f"Last{n}", f"person{n}@scale.invalid"),
        )
        for n in range(people)
    )
    insert(connection, User, columns, rows)


def _courses(connection: BaseDatabaseWrapper, courses: int, category: int, path: str) -> None:
    """Each with its context, and the method manual; a method's id is that of its course."""
    ids = range(FIRST, FIRST + courses)
    named = ((number, category, f"C{number}", f"Course {number}", MADE) for number in ids)
    columns = ("id", "category", "shortname", "fullname", "timecreated")
    insert(connection, Course, columns, named)
    contexts = ((FIRST_CONTEXT + n, Context.COURSE, n, f"{path}/{FIRST_CONTEXT + n}") for n in ids)
    insert(connection, Context, ("id", "contextlevel", "instanceid", "path"), contexts)
    insert(connection, Enrol, ("id", "enrol", "courseid"), ((n, "manual", n) for n in ids))


def _groups(connection: BaseDatabaseWrapper, groups: int) -> None:
    courses = -(-groups // GROUPS_PER_COURSE)
    rows = ((FIRST + n, FIRST + n % courses, f"Group {n:05}", MADE) for n in range(groups))
    insert(connection, Group, ("id", "courseid", "name", "timecreated"), rows)


def _enrolments(
    connection: BaseDatabaseWrapper, members: list[Membership], now: int, rng: random.Random
) -> None:
    rows = ((row.course_id, row.user_id, *_window(rng.random(), now)) for row in members)
    columns = ("enrolid", "userid", "status", "timestart", "timeend")
    insert(connection, UserEnrolment, columns, rows)
    joined = ((row.group_id, row.user_id) for row in members)
    insert(connection, GroupMember, ("groupid", "userid"), joined)


def _window(lot: float, now: int) -> tuple[int, int, int]:
    """Status, start and end of an enrolment."""
    if lot < SUSPENDED:
        return 1, 0, 0
    if lot < SUSPENDED + ENDED:
        return 0, 0, now - DAY
    if lot < SUSPENDED + ENDED + NOT_BEGUN:
        return 0, now + DAY, 0
    return 0, now - 30 * DAY, now + 90 * DAY


def _roles(
    connection: BaseDatabaseWrapper, members: list[Membership], roles: dict[str, int]
) -> None:
    every = round(1 / STAFF)
    student, teacher = roles["student"], roles["editingteacher"]

    def rows() -> Iterator[tuple[Any, ...]]:
        for row in members:
            role = teacher if row.user_id % every == 0 else student
            yield role, FIRST_CONTEXT + row.course_id, row.user_id

    insert(connection, RoleAssignment, ("roleid", "contextid", "userid"), rows())
