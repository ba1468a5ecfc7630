"""The safety guard: how much may be taken away without asking. Pure.

Memberships, accounts, channels and new names of channels are counted apart, in the run (in all
parts of a pass together), in each course, and together with what went in the last 24 hours. Over a
limit the removals, or the renames, wait for a person; where the server or Moodle does not seem to
be the one we know, everything waits.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from integration.domain.messages import listed, msg
from integration.domain.operations import AdoptAccount, CreateAccount, Operation
from integration.domain.policy import Limits, Removal, Window
from integration.domain.state import Managed, Scope
from integration.services.sync.held_renames import held_renames, renames_of
from integration.services.sync.plan import Plan


class Blocks(StrEnum):
    """What has to wait when a limit is passed."""

    REMOVALS = "removals"
    RENAMES = "renames"  # and what needs a name that they would give up
    EVERYTHING = "everything"  # this may be the wrong server, or half a Moodle


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit that a plan passes: `count` of `managed` things. `code` names it for machines."""

    what: str
    count: int
    managed: int
    percent: int | None  # the limit, None where only the number is limited
    code: str = ""
    blocks: Blocks = Blocks.REMOVALS
    absolute: int | None = None
    final: bool = False  # neither force nor an approval lets it pass

    def __str__(self) -> str:
        return str(self.in_words())

    def in_words(self) -> str:
        if self.final:
            return self.what
        limits = [f"{self.percent} %"] if self.percent is not None else []
        limits += [str(self.absolute)] if self.absolute is not None else []
        return msg(
            "{count} of {managed} {what} ({share} %); the limit is {limit}",
            count=self.count,
            managed=self.managed,
            what=self.what,
            share=100 * self.count // max(self.managed, 1),
            limit=listed(limits),
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """What was approved: keys of operations, and for limits that block the whole run the count that
    was seen (`code -> count`).
    """

    operations: frozenset[str] = frozenset()
    limits: dict[str, int] = field(default_factory=dict)

    def covers(self, breach: Breach) -> bool:
        """The suspicion was seen, and is not worse now. Removals are approved one by one
        instead.
        """
        if breach.final or breach.blocks is not Blocks.EVERYTHING:
            return False
        return breach.count <= self.limits.get(breach.code, -1)


GONE_ACCOUNTS, GONE_CHANNELS = "vanished/accounts", "vanished/channels"
GONE = {
    GONE_ACCOUNTS: (
        Removal.ACCOUNTS,
        msg(
            "managed accounts do not exist on this server any more and would be created "
            "or found again"
        ),
    ),
    GONE_CHANNELS: (
        Removal.CHANNELS,
        msg("managed channels do not exist any more on this server"),
    ),
}
SERVER_CHANGED = "server/changed"
SAY_WHICH_SERVER = msg(
    "Nothing was changed. Say on the start page, or with ./rcsync server, whether the workspace "
    "moved or is a new one."
)
NOTHING_APPROVED = Approval()


def is_about_server(breaches: Iterable[Mapping[str, Any]]) -> bool:
    """Whether stored breaches ask which workspace it is, which no approval answers."""
    return any(breach["code"] == SERVER_CHANGED for breach in breaches)


def are_about_renames(breaches: Iterable[Mapping[str, Any]]) -> bool:
    """Whether stored breaches hold nothing but renames."""
    return {breach["holds"] for breach in breaches} == {Blocks.RENAMES}


@dataclass(frozen=True, slots=True)
class Split:
    go: tuple[Operation, ...]
    held: tuple[Operation, ...]


def split(
    plan: Plan, passed: Iterable[Breach], limits: Limits, approved: Collection[str] = ()
) -> Split:
    """What goes on and what is held. Without a breach everything goes on."""
    blocks = {breach.blocks for breach in passed}
    if not blocks:
        return Split(plan.operations, ())
    removals = Blocks.REMOVALS in blocks
    if Blocks.EVERYTHING in blocks or (removals and not limits.additions_go_on):
        return Split((), plan.operations)
    renamed = held_renames(plan, approved) if Blocks.RENAMES in blocks else frozenset()
    go: list[Operation] = []
    held: list[Operation] = []
    for operation in plan.operations:
        waits = removals and operation.takes_away and operation.key not in approved
        (held if waits or operation in renamed else go).append(operation)
    return Split(tuple(go), tuple(held))


WORDS = {
    Removal.MEMBERSHIPS: msg("managed memberships would be removed"),
    Removal.ACCOUNTS: msg("managed accounts would be deactivated"),
    Removal.CHANNELS: msg("managed channels would be archived or become read-only"),
    Removal.RENAMES: msg("managed channels would be renamed"),
}


@dataclass(frozen=True, slots=True)
class WholePass:
    """The pass that a run is a part of: its limits count what all parts take, of what all of them
    are about.

    `taken` is what the other parts take away by their plans, `gone` what of that had happened when
    the ledger was read (`Removal`, or the code of a breach -> number).
    """

    scope: Scope
    taken: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)

    def yet_to_go(self, what: str) -> int:
        return max(self.taken.get(what, 0) - self.gone.get(what, 0), 0)


def taking(plan: Plan, approved: Collection[str] = ()) -> Counter[str]:
    """What the plan takes away and renames, as `WholePass` counts it, without what was approved."""
    counts: Counter[str] = Counter(str(one.counts_as) for one in _counted(plan, approved))
    counts[GONE_ACCOUNTS] = _again(plan)
    counts[GONE_CHANNELS] = len(plan.missing_channels)
    return +counts


def _counted(plan: Plan, approved: Collection[str]) -> list[Operation]:
    counted = [one for one in plan.operations if one.counts_as is not Removal.RENAMES]
    counted += renames_of(plan)
    return [one for one in counted if one.counts_as and one.key not in approved]


def breaches(
    plan: Plan,
    managed: Managed,
    scope: Scope,
    limits: Limits,
    approved: Collection[str] = (),
    explained: Collection[str] = (),
    whole: WholePass | None = None,
    course_names: Mapping[int, str] = MappingProxyType({}),
) -> list[Breach]:
    """Every limit that the plan passes; an empty list means that it is safe to apply.

    `approved` are keys of operations that a person has let pass: they do not count. `explained` are
    those of which Moodle itself tells why: they do not count in their course, which may end or be
    emptied on one day, unless the administrator has set a limit for courses.
    """
    whole = whole or WholePass(scope)
    removals = _counted(plan, approved)
    if _is_one_renamed_course(removals, whole, limits):
        removals = [one for one in removals if one.counts_as is not Removal.RENAMES]
    return [
        *_in_run(removals, managed, whole, limits),
        *_in_courses(removals, managed, limits, explained, course_names),
        *_in_a_day(removals, managed, whole, limits),
        *_wrong_server(plan, managed, whole, limits),
    ]


def _is_one_renamed_course(removals: Iterable[Operation], whole: WholePass, limits: Limits) -> bool:
    """A course that is renamed in Moodle renames all its channels, and that is ordinary; another
    template renames those of several courses. A limit of one's own counts every rename.
    """
    own = any(what is Removal.RENAMES for what, _span in limits.special)
    if own or whole.taken.get(Removal.RENAMES):
        return False
    courses = {one.about.course_id for one in removals if one.counts_as is Removal.RENAMES}
    return len(courses) == 1


def _in_run(
    removals: Iterable[Operation], managed: Managed, whole: WholePass, limits: Limits
) -> Iterator[Breach]:
    count = Counter(operation.counts_as for operation in removals)
    if not count:
        return
    total = managed_counts(managed, whole.scope)
    for what in Removal:
        if count[what]:
            number = count[what] + whole.taken.get(what, 0)
            before = _before(total, what, whole.gone)
            yield from _over(limits, what, Window.RUN, number, before, WORDS[what])


def _in_courses(
    removals: Iterable[Operation],
    managed: Managed,
    limits: Limits,
    explained: Collection[str],
    course_names: Mapping[int, str],
) -> Iterator[Breach]:
    count = Counter(
        (operation.about.course_id, operation.counts_as)
        for operation in removals
        if operation.key not in explained or (operation.counts_as, Window.COURSE) in limits.special
    )
    for (course, what), number in sorted(count.items(), key=str):
        if course is None or what is None:
            continue
        total = managed_counts(managed, Scope(courses=frozenset({course})))
        words = msg(
            "{what} in course {course}", what=WORDS[what], course=course_names.get(course) or course
        )
        yield from _over(limits, what, Window.COURSE, number, total[what], words)


def _in_a_day(
    removals: Iterable[Operation], managed: Managed, whole: WholePass, limits: Limits
) -> Iterator[Breach]:
    count = Counter(operation.counts_as for operation in removals)
    if not count:
        return
    total = managed_counts(managed, Scope())
    for what in Removal:
        lately = managed.removed_lately.get(what, 0) + whole.yet_to_go(what)
        if count[what] and lately:
            words = msg("{what} within 24 hours", what=WORDS[what])
            before = _before(total, what, managed.removed_lately)
            yield from _over(limits, what, Window.DAY, count[what] + lately, before, words)


def _before(total: Mapping[Removal, int], what: Removal, gone: Mapping[str, int]) -> int:
    """How much there was before that went: only memberships leave the ledger with it."""
    return total[what] + (gone.get(what, 0) if what is Removal.MEMBERSHIPS else 0)


def managed_counts(managed: Managed, scope: Scope) -> dict[Removal, int]:
    """How much there is that could be taken or renamed: of everybody, for a run about one person
    too.
    """
    groups = [
        group_id
        for group_id, channel in managed.channels.items()
        if scope.has_course(channel.course_id)
    ]
    channels, memberships = len(groups), _memberships(managed, groups, scope)
    if managed.site is not None and scope.courses is None:
        channels, memberships = managed.site.channels, managed.site.memberships
    return {
        Removal.MEMBERSHIPS: memberships,
        Removal.ACCOUNTS: managed.counts.accounts,
        Removal.CHANNELS: channels,
        Removal.RENAMES: channels,
    }


def _memberships(managed: Managed, groups: Iterable[int], scope: Scope) -> int:
    if managed.ours_in is not None:
        return sum(n for course, n in managed.ours_in.items() if scope.has_course(course))
    members = (managed.members.get(group_id, {}) for group_id in groups)
    return sum(member.ours for people in members for member in people.values())


def another_server(managed: Managed, server_id: str) -> Iterator[Breach]:
    """The workspace is not the one that all links are about. "" on either side proves nothing.

    A person says whether it moved or is a new one (services/admin/server_decisions.py); no approval
    of a run does.
    """
    links = managed.counts.accounts + managed.counts.channels
    if links and managed.server_id and server_id and managed.server_id != server_id:
        what = msg(
            "This is another Rocket.Chat workspace ({now}) than the one that all links are about "
            "({before})",
            now=server_id,
            before=managed.server_id,
        )
        code, blocks = SERVER_CHANGED, Blocks.EVERYTHING
        yield Breach(what, links, links, None, code, blocks, final=True)


def _wrong_server(
    plan: Plan, managed: Managed, whole: WholePass, limits: Limits
) -> Iterator[Breach]:
    gone = {GONE_ACCOUNTS: _again(plan), GONE_CHANNELS: len(plan.missing_channels)}
    if not any(gone.values()):
        return
    total = managed_counts(managed, whole.scope)
    for code, (what, words) in GONE.items():
        if gone[code]:
            count = gone[code] + whole.taken.get(code, 0)
            yield from _over(limits, what, Window.RUN, count, total[what], words, code)


def _over(
    limits: Limits, what: Removal, span: Window, count: int, total: int, words: str, code: str = ""
) -> Iterator[Breach]:
    limit = limits.of(what, span)
    if limit.percent is None and limit.absolute is None:
        return
    percent = limit.percent if limit.percent is not None else 100
    too_much = limit.absolute is not None and count > limit.absolute
    if count >= limits.from_count and count * 100 > total * percent:
        too_much = True
    if too_much:
        held = Blocks.RENAMES if what is Removal.RENAMES else Blocks.REMOVALS
        blocks = Blocks.EVERYTHING if code else held
        yield Breach(
            words, count, total, limit.percent, code or f"{what}/{span}", blocks, limit.absolute
        )


def _again(plan: Plan) -> int:
    """Vanished accounts of people who still need one. What else vanished harms nobody."""
    missing_remotely = set(plan.missing_accounts)
    return sum(
        isinstance(operation, CreateAccount | AdoptAccount)
        and operation.user_id in missing_remotely
        for operation in plan.operations
    )
