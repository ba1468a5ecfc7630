"""The states of courses, asked of the one place that computes them."""

from integration.models import IntegratedCourse
from integration.services.monitoring.course_states import CourseState, CourseStatus, course_states


def status_of_course(course_id: int) -> CourseStatus:
    pk = IntegratedCourse.objects.values_list("pk", flat=True).get(course_id=course_id)
    return course_states().courses[pk]


def states() -> dict[int, CourseState]:
    """By Moodle course id."""
    found = course_states().courses
    numbers = IntegratedCourse.objects.values_list("course_id", "pk")
    return {course_id: found[pk].state for course_id, pk in numbers}
