"""Whole courses as groups: everybody in the course is a member of one that Moodle has no row of.

Everything else (names, members, marks, ownership, guard, undo) treats it as any other group. Its id
is the course's with a minus, so that no group of Moodle ever has it. Pure.
"""

from collections.abc import Container
from dataclasses import replace

from integration.domain.course_policies import CoursePolicies
from integration.domain.state import Course, Group, MoodleState, Scope


def course_group_id(course_id: int) -> int:
    """The id that stands for everybody in a course. Moodle's own ids are never negative."""
    return -course_id


def with_course_groups(
    moodle: MoodleState, policies: CoursePolicies, managed: Container[int], scope: Scope
) -> MoodleState:
    """The reading with a group for each course that is to have, or has (`managed`: ids of groups
    with a channel), a channel of its own.

    Its members are all who have an enrolment, also one that does not count now: eligibility says
    who counts, and why not, as it does of members of a group.
    """
    found = [
        _group(course)
        for course in moodle.courses.values()
        if scope.has_course(course.course_id)
        and (policies.of(course.course_id).whole_course or _id(course) in managed)
    ]
    if not found:
        return moodle
    members = {
        group.group_id: tuple(
            user for user in moodle.enrolments.get(group.course_id, ()) if user in moodle.people
        )
        for group in found
    }
    return replace(
        moodle,
        groups={**moodle.groups, **{group.group_id: group for group in found}},
        group_members={**moodle.group_members, **members},
    )


def _id(course: Course) -> int:
    return course_group_id(course.course_id)


def _group(course: Course) -> Group:
    """Known by what the course is known by."""
    return Group(
        _id(course), course.course_id, course.shortname, 0, course.timecreated, course.idnumber
    )
