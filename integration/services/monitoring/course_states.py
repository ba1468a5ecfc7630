"""The state of each course: the only place that computes it.

Made from what the last run over the course found, what failed and is not repaired, what waits for
a person, the open conflicts and the administrator's choices. A fixed number of queries, however
many courses there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Q
from django.utils import timezone

from integration.domain.messages import counted, msg
from integration.domain.outcomes import AWAY
from integration.models import (
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    LevelSettings,
    SyncOperation,
    SyncRun,
)
from integration.services.monitoring.failures import LOOK_BACK, open_failures
from integration.services.monitoring.waiting_runs import WaitingRun, waiting_runs
from integration.services.sync.differences import Difference, DifferenceKind

Status = SyncRun.Status
COULD_NOT = (Status.ERROR, Status.STOPPED, Status.INTERRUPTED)


class CourseState(StrEnum):
    """The worst first: a course is in the first of these states that applies."""

    WAITS = "waits"  # something waits for a person's approval
    UNREACHABLE = "unreachable"  # the last run could not read Moodle or Rocket.Chat
    FAILING = "failing"
    PAUSED = "paused"  # no automatic sync: only a person starts one
    NEVER = "never"  # no sync over the course ever went through
    DIFFERS = "differs"  # Rocket.Chat is not as Moodle asks, for a reason that is known
    IN_STEP = "in_step"


@dataclass(frozen=True, slots=True)
class CourseStatus:
    """`reasons` are in words, the most important first; `run` is the run to look at, 0 = none."""

    state: CourseState
    reasons: tuple[str, ...] = ()
    run: int = 0


@dataclass(frozen=True, slots=True)
class CourseFacts:
    """What the state of one course is made of. Each count is of this course alone."""

    automatic: bool = True
    ever_synced: bool = True
    last_run: int = 0
    last_status: str = ""
    last_cause: str = ""
    last_message: str = ""
    differences: tuple[Difference, ...] = ()
    failures: int = 0  # open ones
    doubted: bool = False  # what failed then counts, because nothing newer is known
    waiting: int = 0  # operations that wait for a person
    waits_in: int = 0  # the run they wait in; also where everything waits and no operation does
    rejected: int = 0  # operations that a person rejected, and no run has done since
    conflicts: int = 0
    choices: tuple[str, ...] = ()  # what the administrator has not chosen yet


def state_of(facts: CourseFacts) -> CourseStatus:
    """Pure. A run that was refused, cancelled or rejected is not among the facts."""
    reasons = tuple(_reasons(facts))
    run = facts.last_run
    if facts.waits_in:
        return CourseStatus(CourseState.WAITS, (_waiting(facts), *reasons), facts.waits_in)
    if facts.last_status in COULD_NOT:
        bad = CourseState.UNREACHABLE if facts.last_cause in AWAY else CourseState.FAILING
        why = facts.last_message or msg("run {run} was interrupted", run=run)
        return CourseStatus(bad, (why, *reasons), run)
    if failed := _failed(facts):
        text = counted("{n} change failed", "{n} changes failed", failed)
        return CourseStatus(CourseState.FAILING, (text, *reasons), run)
    if not facts.automatic:
        return CourseStatus(CourseState.PAUSED, reasons, run)
    if not facts.ever_synced and not _missing(facts):
        return CourseStatus(CourseState.NEVER, reasons, run)
    if reasons:
        return CourseStatus(CourseState.DIFFERS, reasons, run)
    return CourseStatus(CourseState.IN_STEP, (), run)


def _reasons(facts: CourseFacts) -> Iterator[str]:
    """Why it is not as Moodle asks, apart from what failed and what waits."""
    yield from facts.choices
    for one in facts.differences:
        if one.kind is not DifferenceKind.FAILED:
            yield one.in_words()
    if facts.rejected and not facts.waits_in:
        yield counted("{n} change was rejected", "{n} changes were rejected", facts.rejected)
    if facts.conflicts:
        yield counted(
            "{n} conflict is not decided", "{n} conflicts are not decided", facts.conflicts
        )


def _waiting(facts: CourseFacts) -> str:
    if not facts.waiting:
        return msg("run {run} waits for approval", run=facts.waits_in)
    return counted(
        "{n} change of run {run} waits for approval",
        "{n} changes of run {run} wait for approval",
        facts.waiting,
        run=facts.waits_in,
    )


def _failed(facts: CourseFacts) -> int:
    if facts.failures or not facts.doubted:
        return facts.failures
    return sum(one.count for one in facts.differences if one.kind is DifferenceKind.FAILED)


def _missing(facts: CourseFacts) -> bool:
    return any(one.kind is DifferenceKind.NO_COURSE for one in facts.differences)


# --- reading the facts ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class States:
    """`courses`: primary key of the course -> its status. `choices` are those of the site; what
    fails and what waits was read for the states, also where it belongs to no course.
    """

    courses: Mapping[int, CourseStatus] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    failures: int = 0  # open ones
    waiting: tuple[WaitingRun, ...] = ()

    @property
    def counts(self) -> Counter[CourseState]:
        return Counter(status.state for status in self.courses.values())

    def of(self, state: str) -> list[int]:
        """Primary keys of the courses in that state."""
        return [pk for pk, status in self.courses.items() if status.state == state]


def course_states() -> States:
    """Of all integrated courses."""
    shared = _Shared.read()
    rows = IntegratedCourse.objects.select_related("last_run").only(*COLUMNS)
    return States(
        {row.pk: state_of(shared.facts(row)) for row in rows},
        shared.choices,
        shared.failures.total(),
        shared.waiting,
    )


COLUMNS = (
    "course_id",
    "background_sync",
    "event_sync",
    "last_success",
    "differences",
    "last_run__status",
    "last_run__cause",
    "last_run__message",
    "last_run__failing_since",
    "last_run__finished_at",
)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is read once for all courses, by Moodle course id (None: of no course)."""

    failures: Counter[int | None]
    waiting: tuple[WaitingRun, ...]
    rejected: Mapping[tuple[int, int | None], int]  # (run, course)
    conflicts: Counter[int]
    choices: tuple[str, ...]
    now: datetime

    @classmethod
    def read(cls) -> "_Shared":
        return cls(
            failures=open_failures().by_course,
            waiting=tuple(waiting_runs()),
            rejected=_rejected(),
            conflicts=_conflicts(),
            choices=tuple(missing_choices()),
            now=timezone.now(),
        )

    def facts(self, row: IntegratedCourse) -> CourseFacts:
        number, run = row.course_id, row.last_run
        ended = run.finished_at if run else None
        old = ended is not None and self.now - ended > LOOK_BACK
        waits = next((one for one in self.waiting if one.concerns(number)), None)
        return CourseFacts(
            automatic=row.background_sync or row.event_sync,
            ever_synced=row.last_success is not None,
            last_run=run.pk if run else 0,
            last_status=_status(run) if run else "",
            last_cause=run.cause if run else "",
            last_message=run.message if run else "",
            differences=differences_of(row.differences),
            failures=self.failures[number],
            doubted=old or bool(self.failures[None]),
            waiting=waits.by_course[number] if waits else 0,
            waits_in=waits.pk if waits else 0,
            rejected=self.rejected.get((run.pk if run else 0, number), 0),
            conflicts=self.conflicts[number],
            choices=self.choices,
        )


def _status(run: SyncRun) -> str:
    """One that failed and waits for its next try has failed."""
    tried = run.failing_since is not None and run.status in (Status.QUEUED, Status.RUNNING)
    return Status.ERROR if tried else run.status


def differences_of(stored: Iterable[tuple[str, int, str]]) -> tuple[Difference, ...]:
    """What `ledger.course_facts` stored of a course, or of a run as a whole."""
    return tuple(Difference(DifferenceKind(kind), count, reason) for kind, count, reason in stored)


def missing_choices() -> Iterator[str]:
    """Without these choices nobody is put into any channel. Where a category or a course has its
    own, what is missing for others is among their differences.
    """
    own = LevelSettings.objects
    roles = IncludedRole.objects.filter(enabled=True)
    if not roles.exists() and not own.filter(roles__isnull=False).exists():
        yield msg("no role is chosen, so nobody is added to a channel")
    include = GroupRegexFilter.objects.filter(enabled=True, kind=GroupRegexFilter.Kind.INCLUDE)
    other = Q(include_patterns__isnull=False) | Q(whole_course=True)
    whole_course = IntegrationSettings.objects.filter(whole_course=True)
    if not (include.exists() or own.filter(other).exists() or whole_course.exists()):
        yield msg("no group pattern is chosen, so no group gets a channel")


def _conflicts() -> Counter[int]:
    """Of each course those that nobody has solved, the ignored ones too."""
    felt = Conflict.objects.unsolved().values_list("courses", flat=True)
    return Counter(course for courses in felt for course in courses)


def _rejected() -> dict[tuple[int, int | None], int]:
    """(run, course) -> what a person rejected in the last run over the course."""
    last_runs = IntegratedCourse.objects.values("last_run")
    held = SyncOperation.objects.filter(
        run__status=Status.REFUSED, run__in=last_runs, status=SyncOperation.Status.HELD
    )
    rows = held.order_by().values_list("run", "moodle_course_id").annotate(number=Count("pk"))
    return {(run, course): number for run, course, number in rows}
