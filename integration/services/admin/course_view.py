"""What the page of one course shows: its groups, and the people who have no account, with reasons.

Reads of Moodle only this course, in the same number of queries however large it is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from integration.domain.chunks import chunks
from integration.domain.errors import SyncError
from integration.domain.messages import msg
from integration.domain.policy import MissingAccounts, Policy
from integration.domain.state import Course, MoodleState, NameRules, Scope
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    SyncRunCourse,
)
from integration.services.admin import moodle_search, why_levels
from integration.services.admin.group_states import (
    GroupState,
    GroupVerdict,
    gone,
    judge,
    with_channel,
)
from integration.services.admin.link_lists import membership_counts
from integration.services.ledger.managed import load_course
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.sync.desired import Desired, desire
from integration.services.sync.eligibility import unusable_because
from integration.translation import in_words

RUNS = 8
CHUNK = 10_000  # ids in one query


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group, or a channel whose group is gone. `members` are people in the channel as rcsync
    knows it, `in_group` the people in the Moodle group; None where there is no such thing.
    """

    group_id: int
    name: str
    verdict: GroupVerdict
    channel: ChannelLink | None
    members: int | None
    in_group: int | None


@dataclass(frozen=True, slots=True)
class NoAccount:
    """People of the course without a linked account, for one reason: (Moodle id, name) by name.

    `reason` is a Message; `conflict` the primary key of what has to be decided, 0 = nothing.
    """

    reason: str
    people: tuple[tuple[int, str], ...]
    conflict: int = 0


@dataclass(frozen=True, slots=True)
class CourseView:
    """`problem` is why Moodle could not be read, "" when it was."""

    category: str = ""
    groups: tuple[GroupLine, ...] = ()
    no_account: tuple[NoAccount, ...] = ()
    problem: str = ""
    own: tuple[str, ...] = ()  # what is not as the site says, in words

    @property
    def people_without_account(self) -> int:
        return sum(len(one.people) for one in self.no_account)


def course_view(course_id: int) -> CourseView:
    """Of the integrated course with this Moodle id. Where Moodle cannot be read: the channels that
    rcsync knows, and the reason.
    """
    links = {row.moodle_group_id: row for row in _channels_of(course_id)}
    by_key = membership_counts("channel", [link.pk for link in links.values()])
    counts = {group_id: by_key.get(link.pk, 0) for group_id, link in links.items()}
    scope = Scope(courses=frozenset({course_id}))
    try:
        source = MoodleReader()
        policy = load_policy(source.roles())
        moodle = source.read(scope, integrated={course_id}, linked_users=())
        desired = desire(moodle, policy, NameRules(), load_course(course_id), scope)
        category = moodle_search.category_of_course(course_id)
    except SyncError as error:
        known = (_lost_line(link, None, counts) for link in links.values())
        return CourseView(groups=_by_name(known), problem=in_words(error))
    moodle = desired.eligibility.moodle
    return CourseView(
        category,
        _by_name(_lines(moodle, desired, links, counts)),
        tuple(_no_account(course_id, moodle, policy, desired)),
        own=tuple(why_levels.sentences(desired.policies.resolved(course_id))),
    )


def last_runs(course: IntegratedCourse) -> list[SyncRunCourse]:
    """The newest first, with the course's own counts."""
    rows = SyncRunCourse.objects.filter(course=course).select_related("run").order_by("-run_id")
    return list(rows[:RUNS])


def conflicts_of(course_id: int) -> list[Conflict]:
    """Those that nobody has solved and because of which the course is not in step."""
    rows = Conflict.objects.unsolved()
    keys = [pk for pk, courses in rows.values_list("pk", "courses") if course_id in courses]
    return list(Conflict.objects.filter(pk__in=keys))


def _channels_of(course_id: int) -> QuerySet[ChannelLink]:
    return ChannelLink.objects.filter(moodle_course_id=course_id)


# --- groups ---------------------------------------------------------------------------------------


def _lines(
    moodle: MoodleState,
    desired: Desired,
    links: Mapping[int, ChannelLink],
    counts: Mapping[int, int],
) -> Iterator[GroupLine]:
    for group in moodle.groups.values():
        course = moodle.courses[group.course_id]
        policy = desired.policies.of(group.course_id)
        verdict = judge(
            *(group, course, policy, moodle.read_at, moodle.time_zone), desired.identities
        )
        if verdict.state is GroupState.COMING and group.group_id not in desired.channels:
            verdict = GroupVerdict(GroupState.EMPTY, msg("nobody in it belongs in a channel"))
        link = links.get(group.group_id)
        yield GroupLine(
            group.group_id,
            group.name,
            with_channel(verdict, link),
            link,
            counts.get(group.group_id, 0) if link else None,
            len(moodle.group_members.get(group.group_id, ())),
        )
    for number in links.keys() - moodle.groups.keys():
        yield _lost_line(links[number], gone(links[number]), counts)


def _lost_line(
    link: ChannelLink, verdict: GroupVerdict | None, counts: Mapping[int, int]
) -> GroupLine:
    """Of a channel whose group was not read."""
    number = link.moodle_group_id
    now = GroupState.CLOSED if link.ended else GroupState.CHANNEL
    name = link.group_name or link.name
    return GroupLine(
        number, name, verdict or GroupVerdict(now, ""), link, counts.get(number, 0), None
    )


def _by_name(lines: Iterable[GroupLine]) -> tuple[GroupLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.name.casefold(), line.group_id)))


# --- people ---------------------------------------------------------------------------------------


def _no_account(
    course_id: int, moodle: MoodleState, policy: Policy, desired: Desired
) -> Iterator[NoAccount]:
    """The reasons of most people first; what a person has to decide before all others."""
    course = moodle.courses.get(course_id)
    if course is None:
        return
    everybody = set(moodle.enrolments.get(course_id, ()))
    everybody.update(*moodle.group_members.values())
    without = everybody - _linked(everybody)
    conflicts = _conflicts_of_people(without)
    found: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for user_id in without & moodle.people.keys():
        conflict = conflicts.get(user_id)
        if conflict is None:
            key = 0, _why_no_account(user_id, course, policy, desired)
        else:
            key = conflict.pk, str(conflict.get_kind_display())
        found[key].append((user_id, moodle.people[user_id].name))
    for (pk, reason), people in sorted(
        found.items(), key=lambda one: (not one[0][0], -len(one[1]))
    ):
        ordered = sorted(people, key=lambda one: (one[1].casefold(), one[0]))
        yield NoAccount(reason, tuple(ordered), pk)


def _why_no_account(user_id: int, course: Course, policy: Policy, desired: Desired) -> str:
    """The first thing that keeps the person from having one."""
    eligibility = desired.eligibility
    if reason := unusable_because(eligibility.moodle.people[user_id]):
        return reason
    if not eligibility.is_active_in(course.course_id, user_id):
        return eligibility.why_not_active(course.course_id, user_id)
    if eligibility.channel_role(course, user_id) is None:
        return eligibility.why_no_role(course, user_id)
    account = desired.accounts.get(user_id)
    if account is None or not account.wanted:
        return msg("is in no group that has a channel")
    if policy.missing_accounts is MissingAccounts.LINK_ONLY:
        return msg("has no account in Rocket.Chat yet, and by the settings rcsync creates none")
    return msg("gets an account at the next sync")


def _linked(people: Collection[int]) -> set[int]:
    """Those who have a linked account."""
    rows = AccountLink.objects.order_by().values_list("moodle_user_id", flat=True)
    found = (rows.filter(moodle_user_id__in=some) for some in chunks(sorted(people), CHUNK))
    return {number for numbers in found for number in numbers}


def _conflicts_of_people(people: Collection[int]) -> dict[int, Conflict]:
    waiting = Conflict.objects.unsolved().filter(moodle_user_id__isnull=False).order_by("-pk")
    return {row.moodle_user_id or 0: row for row in waiting if row.moodle_user_id in people}
