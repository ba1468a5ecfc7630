"""The chain of "Why?" in words: one function for each of its stations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from integration.domain.days import day_of
from integration.domain.errors import PatternTimeout
from integration.domain.messages import msg
from integration.domain.operations import ROLES, Operation
from integration.domain.policy import Policy
from integration.domain.state import (
    Course,
    Ending,
    Enrolment,
    Group,
    Managed,
    MoodleState,
    Person,
    RemoteState,
    RoomRole,
)
from integration.models import AccountLink, ChannelLink
from integration.services.admin import why_levels
from integration.services.sync.desired import Desired, choose
from integration.services.sync.eligibility import Eligibility, is_active, unusable_because
from integration.services.sync.endings import course_ending, read_only_until_begin
from integration.services.sync.grace import Waiting
from integration.services.sync.plan import Plan
from integration.translation import in_words, local


@dataclass(frozen=True, slots=True)
class Sentence:
    """One link of the chain. `mood` is good, bad, warn or plain."""

    text: str
    mood: str = "plain"


@dataclass(slots=True)
class Findings:
    """Everything that one look gathered. `remote` and `plan` are None where Rocket.Chat did not
    answer.
    """

    moodle: MoodleState
    policy: Policy
    managed: Managed
    desired: Desired
    remote: RemoteState | None = None
    plan: Plan | None = None
    waiting: tuple[Waiting, ...] = ()
    problem: str = ""
    eligibility: Eligibility = field(init=False)

    def __post_init__(self) -> None:
        self.eligibility = self.desired.eligibility


def account_sentence(person: Person) -> Sentence:
    reason = local(unusable_because(person))
    values = {"username": person.username, "email": person.email or "—", "reason": reason}
    if reason:
        text = gettext("Username %(username)s, e-mail %(email)s. Not usable: %(reason)s.")
        return Sentence(text % values, "bad")
    return Sentence(
        gettext("Username %(username)s, e-mail %(email)s. The account is usable.") % values, "good"
    )


def enrolments(findings: Findings, user_id: int) -> list[Sentence]:
    found = [
        _enrolment(findings, course_id, row)
        for course_id, rows in sorted(findings.moodle.enrolments.items())
        for row in rows.get(user_id, ())
    ]
    return found or [Sentence(gettext("Not enrolled in any integrated course."), "bad")]


def _enrolment(findings: Findings, course_id: int, row: Enrolment) -> Sentence:
    course = findings.moodle.courses.get(course_id)
    values = {
        "course": course.shortname if course else course_id,
        "method": row.method,
        "since": _day(row.timestart) or gettext("none"),
        "until": _day(row.timeend) or gettext("none"),
    }
    text = (
        gettext("%(course)s: enrolment method %(method)s, start: %(since)s, end: %(until)s.")
        % values
    )
    if is_active(row, findings.moodle.read_at):
        return Sentence(" ".join((text, gettext("Active."))), "good")
    if row.method_status:
        because = gettext("The method is switched off in the course.")
    elif row.status:
        because = gettext("The enrolment is suspended.")
    else:
        because = gettext("Today is outside these dates.")
    return Sentence(f"{text} {because}", "bad")


def roles(findings: Findings, user_id: int) -> list[Sentence]:
    sentences = []
    for course in findings.moodle.courses.values():
        included = findings.desired.policies.of(course.course_id).roles
        held = {
            role: context
            for context in course.context_ids
            for role in findings.moodle.roles.get(context, {}).get(user_id, ())
        }
        for role, context in held.items():
            values = {
                "course": course.shortname,
                "role": findings.moodle.role_names.get(role, str(role)),
                "where": _where(course.context_ids, context),
                "room_role": local(ROLES[included.get(role, RoomRole.MEMBER)]),
            }
            if role in included:
                text = gettext("%(course)s: %(role)s, %(where)s. Included, as %(room_role)s.")
            else:
                text = gettext("%(course)s: %(role)s, %(where)s. Not among the included roles.")
            decided = why_levels.decided_by(findings.desired.policies, course.course_id, "roles")
            mood = "good" if role in included else "plain"
            sentences.append(Sentence(" ".join([text % values, *decided]), mood))
    return sentences or [Sentence(gettext("Holds no role in any integrated course."), "bad")]


def _where(contexts: Sequence[int], context: int) -> str:
    if contexts and context == contexts[-1]:
        return gettext("given in the course")
    if contexts and context == contexts[0]:
        return gettext("given for the whole site")
    return gettext("given in a category above the course")


def groups(findings: Findings, user_id: int) -> list[Sentence]:
    sentences = []
    for group_id, users in sorted(findings.moodle.group_members.items()):
        group = findings.moodle.groups[group_id]
        if user_id not in users:
            continue
        sentences.append(pattern_sentence(findings, group))
        if (
            group_id in findings.desired.channels
            and user_id not in findings.desired.channels[group_id].members
        ):
            reason = local(findings.eligibility.why_not_member(group_id, user_id))
            text = gettext("Not a member of this channel: %(reason)s.") % {"reason": reason}
            sentences.append(Sentence(text, "bad"))
    return sentences or [Sentence(gettext("Member of no group in an integrated course."), "bad")]


def pattern_sentence(findings: Findings, group: Group | None) -> Sentence:
    if group is None:
        return Sentence(gettext("The group does not exist in Moodle any more."), "bad")
    course = findings.moodle.courses[group.course_id]
    policies = findings.desired.policies
    try:
        chosen, reason = choose(group, policies.of(group.course_id))
    except PatternTimeout as error:
        return Sentence(in_words(error), "bad")
    values = {"group": group.name, "course": course.shortname, "reason": local(reason)}
    field = "whole_course" if group.of_course else "patterns"
    if group.of_course:
        text = gettext("The whole of %(course)s: %(reason)s.") % values
    else:
        text = gettext("Group “%(group)s” of %(course)s: %(reason)s.") % values
    decided = why_levels.decided_by(policies, group.course_id, field)
    return Sentence(" ".join([text, *decided]), "good" if chosen else "bad")


def remote_account(findings: Findings, user_id: int) -> list[Sentence]:
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    if link is None:
        return [Sentence(gettext("Not linked to a Rocket.Chat account yet."))]
    made = gettext("created by rcsync") if link.created else gettext("existed before, adopted")
    values = {"username": link.username, "made": made}
    sentences = [Sentence(gettext("Linked to %(username)s (%(made)s).") % values, "good")]
    if findings.remote is not None:
        account = findings.remote.accounts.get(link.rocketchat_user_id)
        if account is None:
            sentences.append(
                Sentence(gettext("Rocket.Chat does not have this account any more."), "bad")
            )
        elif not account.active:
            sentences.append(Sentence(gettext("The account is deactivated in Rocket.Chat."), "bad"))
    wanted = findings.desired.accounts.get(user_id)
    if wanted and wanted.active is not None:
        text = (
            gettext("Should be active: %(reason)s.")
            if wanted.active
            else gettext("Should not be active: %(reason)s.")
        )
        sentences.append(
            Sentence(text % {"reason": local(wanted.reason)}, "good" if wanted.active else "bad")
        )
    return sentences


def channels_now(user_id: int) -> list[Sentence]:
    link = AccountLink.objects.filter(moodle_user_id=user_id).first()
    if link is None:
        return [Sentence(gettext("In no channel that rcsync knows."))]
    rows = link.memberships.select_related("channel").order_by("channel__name")
    found = [
        Sentence(
            (
                gettext("%(channel)s, added by rcsync.")
                if row.ours
                else gettext("%(channel)s, added by hand: never removed by rcsync.")
            )
            % {"channel": row.channel.name}
        )
        for row in rows
    ]
    return found or [Sentence(gettext("In no channel that rcsync knows."))]


def channel_now(findings: Findings, link: ChannelLink | None) -> list[Sentence]:
    if link is None:
        return [Sentence(gettext("There is no channel yet."))]
    count = link.memberships.count()
    sentences = [
        Sentence(
            gettext("%(name)s, with %(count)s people whom rcsync knows.")
            % {"name": link.name, "count": count}
        )
    ]
    if link.ended:
        sentences.append(Sentence(str(link.get_ended_display()), "bad"))
    if findings.remote is not None and link.room_id not in findings.remote.channels:
        sentences.append(Sentence(gettext("Rocket.Chat does not have this room any more."), "bad"))
    return sentences


def course_sentence(findings: Findings, course_id: int) -> Sentence:
    course = findings.moodle.courses.get(course_id)
    if course_id not in findings.moodle.integrated:
        return Sentence(gettext("The course is not among the integrated ones."), "bad")
    if course is None:
        return Sentence(gettext("The course does not exist in Moodle any more."), "bad")
    values = {"fullname": course.fullname, "shortname": course.shortname}
    text = gettext("%(fullname)s (%(shortname)s) is integrated.") % values
    dates = _outside_dates(findings, course)
    if course.visible:
        return Sentence(" ".join((text, *dates)), "warn" if dates else "good")
    hidden = gettext("It is hidden in Moodle.")
    return Sentence(" ".join((text, hidden, *dates)))


def _outside_dates(findings: Findings, course: Course) -> list[str]:
    """That the course has not begun or has ended, where its channels are read-only for that."""
    moodle, policies = findings.moodle, findings.desired.policies
    policy = policies.of(course.course_id)
    begins = read_only_until_begin(course, moodle.read_at, moodle.time_zone, policy)
    if begins:
        text = gettext("Its channels are read-only: %(reason)s.") % {"reason": local(begins)}
        return [text, *why_levels.decided_by(policies, course.course_id, "on_course_not_begun")]
    ending = course_ending(course, moodle.read_at, policy)
    if ending is None or not ending.by_date:
        return []
    text = local(msg("It ended on {day}.", day=day_of(course.enddate, moodle.time_zone)))
    return [text, *why_levels.decided_by(policies, course.course_id, "on_course_ended")]


def members(findings: Findings, group: Group | None) -> list[tuple[int, str, str]]:
    if group is None:
        return []
    wanted = findings.desired.channels.get(group.group_id)
    rows = []
    for user_id in findings.moodle.group_members.get(group.group_id, ()):
        person = findings.moodle.people.get(user_id)
        inside = wanted is not None and user_id in wanted.members
        why = (
            findings.eligibility.why_member(group, user_id)
            if inside
            else findings.eligibility.why_not_member(group.group_id, user_id)
        )
        sign = "✓" if inside else "✗"
        rows.append((user_id, person.name if person else str(user_id), f"{sign} {local(why)}"))
    return sorted(rows, key=lambda row: row[1].casefold())


def next_steps(
    findings: Findings, *, user_id: int | None = None, group_id: int | None = None
) -> list[Sentence]:
    if findings.plan is None:
        return [Sentence(gettext("Unknown: %(problem)s") % {"problem": findings.problem}, "bad")]
    found = [
        Sentence(f"{local(o.describe())} ({local(o.reason)})")
        for o in findings.plan.operations
        if is_about(o, user_id, group_id)
    ]
    found += [_waits(one) for one in findings.waiting if is_about(one.operation, user_id, group_id)]
    found += [
        Sentence(f"{local(c.moodle_side)}: {local(c.rocketchat_side)}. {local(c.advice)}", "bad")
        for c in findings.plan.conflicts
        if (user_id is not None and c.user_id == user_id)
        or (group_id is not None and c.group_id == group_id)
    ]
    found += [
        Sentence(f"{local(skip.subject)}: {local(skip.reason)}")
        for skip in findings.plan.skips
        if user_id is not None or skip.subject == _channel_name(findings, group_id)
    ]
    found += [
        _closes(findings, group)
        for group in sorted(closing_channels(findings))
        if user_id in findings.managed.members.get(group, {})
    ]
    return found or [Sentence(gettext("The next sync has nothing to change here."), "good")]


def closing_channels(findings: Findings) -> set[int]:
    """Groups whose channel is open and is to be archived or made read-only. A look at one person
    plans that for no channel; the sync of the course does it.
    """
    return {
        group
        for group, end in findings.desired.endings.items()
        if end.ending is not Ending.KEEP
        and findings.managed.channels[group].ended is not end.ending
    }


def _closes(findings: Findings, group: int) -> Sentence:
    values = {
        "name": findings.managed.channels[group].name,
        "reason": local(findings.desired.endings[group].reason),
    }
    text = gettext("The sync of the course closes the channel %(name)s: %(reason)s.")
    return Sentence(text % values, "warn")


def _channel_name(findings: Findings, group_id: int | None) -> str:
    link = findings.managed.channels.get(group_id or 0)
    return link.name if link else ""


def is_about(operation: Operation, user_id: int | None, group_id: int | None) -> bool:
    about = operation.about
    if group_id is not None:
        return about.group_id == group_id
    joins = any(joiner.user_id == user_id for joiner in operation.people)
    return user_id is not None and (about.user_id == user_id or joins)


def _waits(one: Waiting) -> Sentence:
    """What is done when its days of grace are over."""
    values = {
        "what": local(one.operation.describe()),
        "reason": local(one.operation.reason),
        "day": _day(one.due),
    }
    return Sentence(gettext("On %(day)s: %(what)s (%(reason)s).") % values, "warn")


def _day(seconds: int) -> str:
    if not seconds:
        return ""
    return date_format(timezone.localtime(datetime.fromtimestamp(seconds, UTC)), "DATE_FORMAT")
