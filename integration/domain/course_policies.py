"""The policy of each course: the site's, with what its categories and the course itself say. Pure.

The nearest level wins, field by field: course, its category, the categories above it, the site.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from integration.domain.levels import SITE, Level, LevelKind
from integration.domain.policy import Policy
from integration.domain.state import Course, RoomRole


@dataclass(frozen=True, slots=True)
class CoursePolicy:
    """`origins`: field of Policy -> the level that decided it; what is not in it, the site did."""

    policy: Policy
    origins: Mapping[str, Level] = field(default_factory=dict)

    def origin(self, name: str) -> Level:
        return self.origins.get(name, SITE)


def resolve(site: Policy, categories: Sequence[int], course_id: int | None) -> CoursePolicy:
    """The policy of a course, or of a category itself (`course_id` None).

    `categories` are the ids in the path of the category, from the top. Levels without settings of
    their own are passed over, so a category that nobody knows inherits from its parents.
    """
    known = {own.level.key: own for own in site.own}
    keys = [(LevelKind.CATEGORY, number) for number in categories]
    if course_id is not None:
        keys.append((LevelKind.COURSE, course_id))
    values: dict[str, Any] = {}
    origins: dict[str, Level] = {}
    for own in (known[key] for key in keys if key in known):
        values |= own.values
        origins |= dict.fromkeys(own.values, own.level)
    return CoursePolicy(replace(site, **values) if values else site, origins)


class CoursePolicies:
    """The policies of all courses, each computed once. A course that Moodle does not have has no
    categories.
    """

    def __init__(self, site: Policy, courses: Mapping[int, Course]) -> None:
        self.site = site
        self._courses = courses
        self._usual = CoursePolicy(site)
        self._known: dict[int, CoursePolicy] = {}

    def of(self, course_id: int) -> Policy:
        return self.resolved(course_id).policy

    def resolved(self, course_id: int) -> CoursePolicy:
        if not self.site.own:
            return self._usual
        found = self._known.get(course_id)
        if found is None:
            course = self._courses.get(course_id)
            found = resolve(self.site, course.categories if course else (), course_id)
            self._known[course_id] = found
        return found

    def own_roles(self) -> dict[int, Mapping[int, RoomRole]]:
        """The included roles of the courses that do not have the site's, by course id."""
        return {
            course_id: self.of(course_id).roles
            for course_id in self._courses
            if "roles" in self.resolved(course_id).origins
        }


def variants(site: Policy) -> Iterator[Policy]:
    """The site's policy, and what each level makes of it: together all that can come of it."""
    yield site
    for own in site.own:
        yield replace(site, **own.values)
