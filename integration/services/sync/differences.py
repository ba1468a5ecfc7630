"""What stays different between Moodle and Rocket.Chat although a run looked at it. Pure.

The state of a course is green only where nothing of this is left.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from integration.domain.conflicts import Conflict, ConflictKey, Skip
from integration.domain.messages import counted, msg
from integration.domain.state import MoodleState, Scope
from integration.services.sync.desired import Desired
from integration.services.sync.endings import missing_choice
from integration.services.sync.grace import Waiting
from integration.services.sync.plan import Plan


class DifferenceKind(StrEnum):
    """Why a course is not in step."""

    NO_COURSE = "no_course"  # Moodle does not have it
    NO_CHOICE = "no_choice"  # neither the site nor a level of it chose patterns, or roles
    KEPT = "kept"  # a setting, or somebody in Rocket.Chat, keeps it as it is
    GRACE = "grace"  # is done when its days of grace are over
    PLANNED = "planned"  # found by a run that was not to write
    FAILED = "failed"  # failed, or was not tried because something else failed
    UNDONE = "undone"  # was turned back by a person


@dataclass(frozen=True, slots=True)
class Difference:
    """`count` things that are not as Moodle asks, for one reason ("" where the kind says it)."""

    kind: DifferenceKind
    count: int
    reason: str = ""

    def in_words(self) -> str:
        n = self.count
        match self.kind:
            case DifferenceKind.NO_COURSE | DifferenceKind.NO_CHOICE | DifferenceKind.UNDONE:
                return self.reason
            case DifferenceKind.KEPT:
                return counted("{n} channel: {why}", "{n} channels: {why}", n, why=self.reason)
            case DifferenceKind.GRACE:
                return counted(
                    "{n} change waits until its days of grace are over",
                    "{n} changes wait until their days of grace are over",
                    n,
                )
            case DifferenceKind.PLANNED:
                return counted(
                    "{n} change was found, but not made ({run})",
                    "{n} changes were found, but not made ({run})",
                    n,
                    run=self.reason,
                )
            case DifferenceKind.FAILED:
                return counted("{n} change failed", "{n} changes failed", n)
            case _:
                assert_never(self.kind)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a run leaves as it is.

    `courses`: every integrated course that was looked at as a whole -> its differences, () where
    there are none. `conflicts`: each conflict of the plan -> the courses in which it is felt.
    """

    courses: Mapping[int, tuple[Difference, ...]] = field(default_factory=dict)
    conflicts: Mapping[ConflictKey, tuple[int, ...]] = field(default_factory=dict)

    def together(self) -> list[Difference]:
        """Those of all courses, the most frequent first."""
        total: Counter[tuple[DifferenceKind, str]] = Counter()
        for differences in self.courses.values():
            for one in differences:
                total[one.kind, one.reason] += one.count
        return [Difference(kind, n, reason) for (kind, reason), n in total.most_common()]


def remaining(
    scope: Scope, moodle: MoodleState, desired: Desired, plan: Plan, waiting: Iterable[Waiting]
) -> Remaining:
    """What the plan leaves out. A run for single people says nothing about whole courses."""
    found = _conflict_courses(plan.conflicts, desired)
    if scope.users is not None:
        return Remaining(conflicts=found)
    kept = _kept(plan.skips)
    later = Counter(one.operation.about.course_id for one in waiting)
    return Remaining(
        {
            course: (
                *_missing(course, moodle),
                *_not_chosen(course, desired),
                *kept.get(course, ()),
                *_later(later[course]),
            )
            for course in moodle.integrated
            if scope.has_course(course)
        },
        found,
    )


def _missing(course: int, moodle: MoodleState) -> tuple[Difference, ...]:
    if course in moodle.courses:
        return ()
    text = msg("Moodle has no course with the id {id}", id=course)
    return (Difference(DifferenceKind.NO_COURSE, 1, text),)


def _not_chosen(course: int, desired: Desired) -> tuple[Difference, ...]:
    """Where only some levels have patterns or roles. What is missing for the whole site is told of
    the site (monitoring/course_states).
    """
    policies = desired.policies
    policy = policies.of(course)
    text = missing_choice(policy) if policies.site.own and not policy.whole_course else ""
    return (Difference(DifferenceKind.NO_CHOICE, 1, text),) if text else ()


def _kept(skips: Iterable[Skip]) -> dict[int, list[Difference]]:
    reasons: dict[int, Counter[str]] = defaultdict(Counter)
    for skip in skips:
        if skip.course_id is not None and skip.differs:
            reasons[skip.course_id][skip.reason] += 1
    return {
        course: [
            Difference(DifferenceKind.KEPT, number, reason)
            for reason, number in counts.most_common()
        ]
        for course, counts in reasons.items()
    }


def _later(number: int) -> tuple[Difference, ...]:
    return (Difference(DifferenceKind.GRACE, number),) if number else ()


def _conflict_courses(
    conflicts: Iterable[Conflict], desired: Desired
) -> dict[ConflictKey, tuple[int, ...]]:
    conflicts = list(conflicts)
    people = {conflict.user_id for conflict in conflicts if conflict.user_id is not None}
    felt: dict[int, set[int]] = defaultdict(set)
    if people:
        for channel in desired.channels.values():
            for user_id in people & channel.members.keys():
                felt[user_id].add(channel.course_id)
    found: dict[ConflictKey, tuple[int, ...]] = {}
    for conflict in conflicts:
        group = desired.eligibility.moodle.groups.get(conflict.group_id or 0)
        courses = {group.course_id} if group else felt.get(conflict.user_id or 0, set())
        if conflict.course_id is not None:
            courses = {conflict.course_id}
        found[conflict.key] = tuple(sorted(courses))
    return found
