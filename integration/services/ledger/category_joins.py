"""Courses that join by themselves: those that are new in an integrated category."""

from collections.abc import Callable, Collection, Iterable, Mapping

from django.db import transaction

from integration.domain import patterns
from integration.domain.errors import PatternTimeout
from integration.domain.patterns import Pattern
from integration.domain.state import Course
from integration.models import IntegratedCategory, IntegratedCourse
from integration.services.ledger.managed import integrated_courses

CoursesBelow = Callable[[Collection[int], Collection[int]], Mapping[int, Course]]
"""(categories, courses that need not be read) -> the courses in and below the categories."""


def join(courses_below: CoursesBelow) -> list[int]:
    """Integrate every new course that its nearest integrated category does not leave out; their
    ids. Moodle is not asked where no category is integrated.

    A course that leaves a category stays integrated: absence removes nothing.
    """
    rows = {row.category_id: row for row in IntegratedCategory.objects.filter(enabled=True)}
    if not rows:
        return []
    known = integrated_courses()
    found = courses_below(rows.keys(), known)
    new = [
        IntegratedCourse(
            course_id=course.course_id,
            shortname=course.shortname,
            fullname=course.fullname,
            event_sync=row.event_sync,
        )
        for _, course in sorted(found.items())
        if (row := _nearest(course, rows)) and not left_out_because(course, row)
    ]
    IntegratedCourse.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
    return [row.course_id for row in new]


def _nearest(course: Course, rows: Mapping[int, IntegratedCategory]) -> IntegratedCategory | None:
    return next((rows[one] for one in reversed(course.categories) if one in rows), None)


def left_out_because(course: Course, row: IntegratedCategory) -> str:
    """Which rule of the category leaves the course out, "" when none does.

    A short name that could not be decided in time is left out: it joins when it can be decided.
    """
    if course.course_id in row.left_out:
        return "left_out"
    if row.skip_hidden and not (course.visible and course.category_visible):
        return "hidden"
    if row.skip_matching:
        try:
            if patterns.decide(course.shortname, [Pattern(row.skip_matching)]).chosen:
                return "matching"
        except PatternTimeout:
            return "undecided"
    return ""


def leave_out(course_ids: Iterable[int]) -> None:
    """No category takes these courses in again by itself: a person took them out."""
    taken_out = set(course_ids)
    with transaction.atomic():
        for row in IntegratedCategory.objects.select_for_update():
            known = set(row.left_out)
            if not taken_out <= known:
                row.left_out = sorted(known | taken_out)
                row.save()
