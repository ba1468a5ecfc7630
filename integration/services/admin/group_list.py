"""All Moodle groups of the integrated courses, with what becomes of each: for a page and for CSV.

They are read course by course in the order of the page, so that a page costs what it shows,
however many groups there are. Where a filter finds little, a page ends after LOOK_AT groups and
says where to go on.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from django.utils import timezone

from integration.domain.conflicts import ConflictKind
from integration.domain.course_policies import CoursePolicies
from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.domain.state import Course, Group
from integration.models import ChannelLink, Conflict, IntegratedCourse
from integration.services.admin import moodle_search
from integration.services.admin.group_states import (
    GroupState,
    GroupVerdict,
    judge,
    with_channel,
)
from integration.services.admin.link_lists import membership_counts
from integration.services.ledger.policy import load_policy
from integration.services.moodle.reader import MoodleReader
from integration.services.sync.identity import Identities

PAGE = 50  # groups shown
LOOK_AT = 10_000  # groups looked at for one page
COURSES = 100  # read at once


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """`course` is words of its name or its Moodle id, `category` a Moodle id, `state` a GroupState,
    `search` words of the group's name; "" and None mean all.
    """

    search: str = ""
    course: str = ""
    category: int | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of Moodle. `course_key` is the primary key of its integrated course."""

    group_id: int
    name: str
    course_id: int
    course_key: int
    course: str
    verdict: GroupVerdict
    channel: ChannelLink | None


@dataclass(frozen=True, slots=True)
class GroupPage:
    """`members` has the people in the channel of a group, else in the group itself, by group id.

    `after` is where the next page begins, "" where there is none. `looked_at` is 0 where the page
    is full or at the end, else how many groups were looked at for it.
    """

    rows: tuple[GroupRow, ...]
    members: dict[int, int]
    after: str = ""
    looked_at: int = 0


def group_page(chosen: GroupFilter, after: str = "") -> GroupPage:
    """SyncError where Moodle cannot be read."""
    found: list[GroupRow] = []
    number = 0
    row = None
    for number, row in enumerate(_all_groups(chosen, after), 1):
        if _fits(row, chosen):
            found.append(row)
        if len(found) > PAGE:
            return _page(found[:PAGE], _place(found[PAGE - 1]))
        if number >= LOOK_AT:
            return _page(found, _place(row), number)
    return _page(found)


def all_groups(chosen: GroupFilter) -> Iterator[GroupRow]:
    """Every group that fits. SyncError, also in the middle, where Moodle cannot be read."""
    return (row for row in _all_groups(chosen, "") if _fits(row, chosen))


def _page(rows: list[GroupRow], after: str = "", looked_at: int = 0) -> GroupPage:
    return GroupPage(tuple(rows), _members(rows), after, looked_at)


def _place(row: GroupRow) -> str:
    return f"{row.course_id}-{row.group_id}"


def _fits(row: GroupRow, chosen: GroupFilter) -> bool:
    if chosen.state and row.verdict.state != chosen.state:
        return False
    name = row.name.casefold()
    return all(word in name for word in chosen.search.casefold().split())


def _members(rows: Iterable[GroupRow]) -> dict[int, int]:
    by_key = membership_counts("channel", [row.channel.pk for row in rows if row.channel])
    sizes = moodle_search.group_sizes([row.group_id for row in rows if not row.channel])
    return {
        row.group_id: by_key.get(row.channel.pk, 0) if row.channel else sizes.get(row.group_id, 0)
        for row in rows
    }


# --- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rules:
    """What is the same for all groups."""

    policy: Policy
    identities: Identities
    now: int  # unix seconds
    zone: str

    @classmethod
    def load(cls, source: MoodleReader) -> "_Rules":
        now = int(timezone.now().timestamp())
        zone = timezone.get_default_timezone_name()
        return cls(load_policy(source.roles()), _held(), now, zone)


def _held() -> Identities:
    """Groups and courses about which a person has to decide first."""
    rows = Conflict.objects.unsolved()
    kinds = (ConflictKind.GROUP_CHANGED, ConflictKind.COURSE_CHANGED)
    found = list(rows.filter(kind__in=kinds).values_list("moodle_group_id", "moodle_course_id"))
    return Identities(
        held_groups=frozenset(group for group, _ in found if group is not None),
        held_courses=frozenset(course for _, course in found if course is not None),
    )


def _all_groups(chosen: GroupFilter, after: str) -> Iterator[GroupRow]:
    """By course, then by name; from behind the place `after` on."""
    first, _, last_group = after.partition("-")
    courses = _courses(chosen)
    begin = next((n for n, row in enumerate(courses) if str(row.course_id) == first), None)
    rows = _read(courses[begin or 0 :])
    if begin is None:
        return rows
    return _behind(rows, int(first), last_group)


def _behind(rows: Iterator[GroupRow], course_id: int, group: str) -> Iterator[GroupRow]:
    """Without the groups of the course up to the one named; all of them where it is gone."""
    of_course: list[GroupRow] = []
    follows: list[GroupRow] = []
    for row in rows:
        if row.course_id != course_id:
            follows.append(row)
            break
        of_course.append(row)
    place = next((n for n, row in enumerate(of_course) if str(row.group_id) == group), -1)
    yield from of_course[place + 1 :]
    yield from follows
    yield from rows


def _courses(chosen: GroupFilter) -> list[IntegratedCourse]:
    """Those that fit, by short name."""
    rows = IntegratedCourse.objects.only("course_id", "shortname", "fullname")
    wanted = chosen.course.casefold().split()
    inside = None
    if chosen.category is not None:
        inside = moodle_search.courses_in_category(chosen.category)
    return [
        row
        for row in rows.order_by("shortname", "course_id")
        if (inside is None or row.course_id in inside) and _is_named(row, wanted)
    ]


def _is_named(row: IntegratedCourse, words: Collection[str]) -> bool:
    text = f"{row.shortname}\n{row.fullname}".casefold()
    return list(words) == [str(row.course_id)] or all(word in text for word in words)


def _read(courses: list[IntegratedCourse]) -> Iterator[GroupRow]:
    source = MoodleReader()
    rules = _Rules.load(source)
    left = iter(courses)
    while chunk := list(islice(left, COURSES)):
        yield from _rows_of(chunk, source, rules)


def _rows_of(
    chunk: list[IntegratedCourse], source: MoodleReader, rules: _Rules
) -> Iterator[GroupRow]:
    ids = [row.course_id for row in chunk]
    courses, groups = source.groups_of(ids)
    links = {
        link.moodle_group_id: link for link in ChannelLink.objects.filter(moodle_course_id__in=ids)
    }
    order = {row.course_id: (n, row) for n, row in enumerate(chunk)}
    verdicts = _verdicts(courses, groups, links, rules)
    for group in sorted(
        groups.values(), key=lambda g: (order[g.course_id][0], g.name.casefold(), g.group_id)
    ):
        row, link = order[group.course_id][1], links.get(group.group_id)
        if group.course_id in courses:
            verdict = with_channel(verdicts[group.group_id], link)
            names = (group.group_id, group.name, group.course_id, row.pk, str(row))
            yield GroupRow(*names, verdict, link)


def _verdicts(
    courses: Mapping[int, Course],
    groups: Mapping[int, Group],
    links: Collection[int],
    rules: _Rules,
) -> dict[int, GroupVerdict]:
    policies = CoursePolicies(rules.policy, courses)
    verdicts = {
        group.group_id: judge(
            group,
            courses[group.course_id],
            policies.of(group.course_id),
            rules.now,
            rules.zone,
            rules.identities,
        )
        for group in groups.values()
        if group.course_id in courses
    }
    if rules.policy.empty_channels:
        return verdicts
    coming = [
        number
        for number, verdict in verdicts.items()
        if verdict.state is GroupState.COMING and number not in links
    ]
    sizes = moodle_search.group_sizes(coming)
    empty = GroupVerdict(GroupState.EMPTY, msg("nobody is in the group"))
    return verdicts | {number: empty for number in coming if not sizes.get(number)}
