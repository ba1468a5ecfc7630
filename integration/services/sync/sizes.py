"""How much Moodle holds for each course, to notice when it suddenly holds much less. Pure.

A source that shrinks from one run to the next is more often broken than a smaller school: rows that
vanished, a table restored in part, another database under the same address.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from integration.domain.messages import msg
from integration.domain.policy import Limits
from integration.domain.state import MoodleState, Scope
from integration.services.sync.guard import Blocks, Breach

COUNTED = {
    "groups": msg("groups"),
    "members": msg("members"),
    "enrolments": msg("enrolments"),
    "roles": msg("roles"),
}
OTHER_NAMES_FROM = 3  # fewer courses than this may all be renamed at once


class Size(NamedTuple):
    """One course as Moodle had it: rows of groups, groups_members, user_enrolments,
    role_assignments.
    """

    name: str
    groups: int
    members: int
    enrolments: int
    roles: int


def sizes(moodle: MoodleState, scope: Scope) -> dict[int, Size]:
    """The courses of the scope. Empty for a run that reads single people only."""
    if scope.users is not None:
        return {}
    groups: dict[int, int] = {}
    members: dict[int, int] = {}
    for group in moodle.groups.values():
        course = group.course_id
        groups[course] = groups.get(course, 0) + 1
        members[course] = members.get(course, 0) + len(moodle.group_members[group.group_id])
    return {
        number: Size(
            course.shortname,
            groups.get(number, 0),
            members.get(number, 0),
            len(moodle.enrolments.get(number, ())),
            len(moodle.roles.get(course.context_ids[-1], ())) if course.context_ids else 0,
        )
        for number, course in moodle.courses.items()
        if scope.has_course(number)
    }


def shrunk(
    now: Mapping[int, Size], before: Mapping[int, Size], scope: Scope, limits: Limits
) -> Iterator[Breach]:
    """What is much smaller than at the last good run, over all courses that are still
    integrated.
    """
    if scope.users is not None:
        return
    known = [number for number in before if scope.has_course(number)]
    for column, rows in COUNTED.items():
        was = sum(getattr(before[number], column) for number in known)
        is_ = sum(getattr(now[number], column) for number in known if number in now)
        if was >= limits.shrink_from and is_ * 100 < was * (100 - limits.shrink_percent):
            what = msg("{rows} that Moodle had at the last good run are missing", rows=rows)
            yield Breach(
                what, was - is_, was, limits.shrink_percent, f"source/{column}", Blocks.EVERYTHING
            )
    other = sum(number not in now or now[number].name != before[number].name for number in known)
    if len(known) >= OTHER_NAMES_FROM and other * 2 > len(known):
        what = msg("courses are missing or have another name (is it the right database?)")
        yield Breach(what, other, len(known), 50, "source/courses", Blocks.EVERYTHING)
