"""Why somebody is in no channel of a course, in words for that person: the "Why?" of students.

Reads of Moodle only this course and this person, because a whole class may ask at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from integration.domain.course_policies import CoursePolicies
from integration.domain.errors import PatternTimeout, SyncError
from integration.domain.messages import msg
from integration.domain.policy import MissingAccounts, Policy
from integration.domain.state import Ending, Group, MoodleState, Scope
from integration.models import AccountLink, ChannelLink, Conflict, IntegratedCourse
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.sync.course_groups import with_course_groups
from integration.services.sync.desired import choose
from integration.services.sync.eligibility import Eligibility, unusable_because
from integration.services.sync.endings import course_ending

SECRET = 3  # mdl_groups.visibility: not even its members see it; from 1 on others do not


@dataclass(frozen=True, slots=True)
class Explanation:
    """`reasons` are Messages, addressed to the person. `teacher`: the teacher can repair it, else
    whoever looks after Moodle and Rocket.Chat. `may_sync`: a sync would bring the person in.
    """

    reasons: tuple[str, ...]
    no_account: bool = False
    teacher: bool = True
    may_sync: bool = False


def explain(user_id: int, course_id: int, group_id: int | None = None) -> Explanation:
    """Of all groups of the course, or of one."""
    if not IntegratedCourse.objects.filter(course_id=course_id).exists():
        return Explanation((msg("This course is not connected to Rocket.Chat."),))
    try:
        return _explained(user_id, course_id, group_id)
    except SyncError:
        sorry = msg("Moodle cannot be asked at this moment. Try again in a few minutes.")
        return Explanation((sorry,), teacher=False)


def _explained(user_id: int, course_id: int, group_id: int | None) -> Explanation:
    source = MoodleReader()
    policy = load_policy(source.roles())
    scope = Scope(frozenset({course_id}), frozenset({user_id}))
    moodle = source.read(scope, integrated={course_id}, linked_users=())
    policies = CoursePolicies(policy, moodle.courses)
    policy, moodle = policies.of(course_id), with_course_groups(moodle, policies, (), scope)
    if outside := _outside(Eligibility(moodle, policy.roles), user_id, course_id):
        return Explanation((outside,))
    if ended := course_ending(moodle.courses[course_id], moodle.read_at, policy):
        closed = msg("The channels of this course are closed: {reason}.", reason=ended.reason)
        return Explanation((closed,))
    groups = [
        moodle.groups[number]
        for number, members in sorted(moodle.group_members.items())
        if user_id in members and group_id in (None, number)
    ]
    chosen = [group for group in groups if _is_chosen(group, policy)]
    groups = [one for one in groups if one in chosen or one.visibility < SECRET]
    if not groups:
        return Explanation((_not_in(moodle, group_id),))
    reasons: list[str] = [
        msg("Your group “{group}” has no channel.", group=group.name)
        for group in groups
        if group not in chosen
    ]
    if not chosen:
        return Explanation(tuple(reasons))
    reasons += _waiting(chosen)
    return _with_account(user_id, policy, reasons)


def _outside(eligibility: Eligibility, user_id: int, course_id: int) -> str:
    """What keeps the person out of every channel of the course, "" for nothing."""
    moodle = eligibility.moodle
    person, course = moodle.people.get(user_id), moodle.courses.get(course_id)
    if person is None or course is None:
        return msg("Moodle does not know you in this course.")
    if reason := unusable_because(person):
        return msg("Your Moodle account cannot be used: {reason}.", reason=reason)
    if not eligibility.is_active_in(course_id, user_id):
        reason = eligibility.why_not_active(course_id, user_id)
        return msg("Your enrolment in this course is not active: {reason}.", reason=reason)
    if eligibility.channel_role(course, user_id) is None:
        return msg("Your role in this course is not one of those that have channels.")
    return ""


def _not_in(moodle: MoodleState, group_id: int | None) -> str:
    if group_id is None:
        return msg("You are in no group of this course. Channels belong to groups.")
    group = moodle.groups.get(group_id)
    if group is None:
        return msg("This activity is for a group that this course does not have.")
    if group.visibility:
        return msg("This activity is for a group that you are not in.")
    return msg("This activity is for the group “{group}”, and you are not in it.", group=group.name)


def _is_chosen(group: Group, policy: Policy) -> bool:
    try:
        return choose(group, policy)[0]
    except PatternTimeout:
        return False


def _waiting(groups: list[Group]) -> Iterator[str]:
    """Of groups that are to have a channel: is it there, and only the person missing in it?"""
    linked = ChannelLink.objects.filter(moodle_group_id__in=[group.group_id for group in groups])
    archived = {row.moodle_group_id: row.ended == Ending.ARCHIVE for row in linked}
    for group in groups:
        name = group.name
        if group.of_course:
            yield _of_course(archived.get(group.group_id))
        elif group.group_id not in archived:
            yield msg("The channel of your group “{group}” has not been created yet.", group=name)
        elif archived[group.group_id]:
            yield msg(
                "The channel of your group “{group}” is archived; the next sync opens it again.",
                group=name,
            )
        else:
            yield msg("The channel of your group “{group}” is waiting for you.", group=name)


def _of_course(archived: bool | None) -> str:
    """Of the channel for everybody in the course; None: there is none yet."""
    if archived is None:
        return msg("The channel of this course has not been created yet.")
    if archived:
        return msg("The channel of this course is archived; the next sync opens it again.")
    return msg("The channel of this course is waiting for you.")


def _with_account(user_id: int, policy: Policy, reasons: list[str]) -> Explanation:
    """The person belongs into a channel: what is with the account?"""
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    if Conflict.objects.filter(moodle_user_id=user_id, status=Conflict.Status.OPEN).exists():
        held = msg("An administrator first has to decide which Rocket.Chat account is yours.")
        return Explanation((held, *reasons), no_account=link is None, teacher=False)
    if link is not None and link.deactivated:
        off = msg("Your Rocket.Chat account is deactivated; the next sync activates it.")
        return Explanation((off, *reasons), teacher=False, may_sync=True)
    if link is not None:
        return Explanation(tuple(reasons), teacher=False, may_sync=True)
    if policy.missing_accounts is MissingAccounts.LINK_ONLY:
        first = msg("Sign in to Rocket.Chat once, so that your account exists there.")
    else:
        first = msg("The next sync creates your Rocket.Chat account.")
    return Explanation((first, *reasons), no_account=True, teacher=False, may_sync=True)
