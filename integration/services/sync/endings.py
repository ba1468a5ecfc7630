"""What becomes of channels whose reason to exist is gone: which ending, and why. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from integration.domain.course_policies import CoursePolicies
from integration.domain.days import day_of
from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.domain.state import (
    Course,
    Ending,
    Group,
    Managed,
    ManagedChannel,
    MoodleState,
    Scope,
)


@dataclass(frozen=True, slots=True)
class DesiredEnding:
    """A managed channel whose reason to exist is gone.

    A channel that is kept stays, with those who are still entitled to it.
    """

    ending: Ending
    reason: str
    frozen: bool = False  # no choice was made: nobody is put in or taken out
    by_date: bool = False  # Moodle said long before that it would come


def missing_choice(policy: Policy, group: Group | None = None) -> str:
    """What a policy without a choice lacks, "" when it has one. Nobody chose to empty channels.

    Patterns are not needed for `group` where that is a whole course.
    """
    if not policy.roles:
        return msg("no role is included")
    if group is not None and group.of_course:
        return ""
    if all(pattern.exclude for pattern in policy.patterns):
        return msg("there is no include pattern")
    return ""


def course_ending(course: Course, now: int, policy: Policy) -> DesiredEnding | None:
    """What the course itself does to all of its channels; the first that applies."""
    if not course.visible and policy.on_course_hidden:
        return DesiredEnding(policy.on_course_hidden, msg("the course is hidden"))
    if not course.category_visible and policy.on_category_hidden:
        return DesiredEnding(policy.on_category_hidden, msg("the course category is hidden"))
    if 0 < course.enddate < now and policy.on_course_ended:
        return DesiredEnding(policy.on_course_ended, msg("the course has ended"), by_date=True)
    return None


def read_only_until_begin(course: Course, now: int, zone: str, policy: Policy) -> str:
    """Why the channels of the course are read-only for now, "" where they are not.

    It is no ending: the channels are made and filled as any other. `now` in unix seconds, `zone`
    is the one in which days are said.
    """
    if policy.on_course_not_begun is not Ending.READ_ONLY or course.startdate <= now:
        return ""
    return msg("the course begins on {day}", day=day_of(course.startdate, zone))


def all_endings(
    moodle: MoodleState,
    policies: CoursePolicies,
    managed: Managed,
    scope: Scope,
    unchosen: Mapping[int, DesiredEnding],
    channels: Collection[int],
    undecided: Mapping[int, str],
) -> dict[int, DesiredEnding]:
    endings: dict[int, DesiredEnding] = {}
    for group_id, channel in sorted(managed.channels.items()):
        if group_id in channels or group_id in undecided or not scope.has_course(channel.course_id):
            continue
        policy = policies.of(channel.course_id)
        ending = unchosen.get(group_id) or _gone(channel, moodle, policy)
        missing = bool(missing_choice(policy, moodle.groups.get(group_id)))
        endings[group_id] = replace(ending, frozen=ending.frozen or missing)
    return endings


def _gone(channel: ManagedChannel, moodle: MoodleState, policy: Policy) -> DesiredEnding:
    if channel.course_id not in moodle.integrated:
        return DesiredEnding(policy.on_course_removed, msg("the course is not integrated any more"))
    if channel.course_id not in moodle.courses:
        return DesiredEnding(policy.on_course_deleted, msg("the course was deleted in Moodle"))
    return DesiredEnding(policy.on_group_deleted, msg("the group was deleted in Moodle"))
