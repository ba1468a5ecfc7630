"""The start page: state at a glance, what is missing, what changed lately. A handful of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from integration.domain.errors import ConfigurationError
from integration.domain.operations import kinds
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    SyncRun,
)
from integration.services.admin.runs import UNFINISHED
from integration.services.ledger import heartbeat
from integration.services.monitoring.course_states import CourseState, States, course_states
from integration.services.monitoring.failures import Outage, broken_runs, outage
from integration.services.monitoring.status import last_good
from integration.services.monitoring.waiting_runs import WaitingRun
from integration.services.runs import connection_test
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.runs.connection_test import ConnectionTest

DAYS = 14
TOTALS = (1, 7, DAYS)  # days that are summed up
LAST_RUNS = 6
GOOD_RUN_MAX_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """What the runs of one day did, by kind of change."""

    day: date
    added: int
    removed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Total:
    """What the runs of the last days did; `days` 1 = today."""

    days: int
    added: int
    removed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Steps:
    """What has been set up. Each is a fact that can be looked up, not a box somebody ticked."""

    moodle: bool
    rocketchat: bool  # the last test of the connection as it is set now went well
    chat_problem: str  # what that test found, "" where there was none
    roles: bool
    patterns: bool
    courses: bool
    previewed: bool
    synced: bool
    background: bool

    @property
    def complete(self) -> bool:
        """All but background sync: whether the worker runs is a state, and shown as one."""
        later = ("background", "chat_problem")
        return all(getattr(self, name) for name in self.__slots__ if name not in later)


@dataclass(frozen=True, slots=True)
class Overview:
    states: States
    outage: Outage | None
    channels: int
    accounts: int
    conflicts: int
    last_good: datetime | None
    worker: bool
    worker_known: bool  # there has been one: that it is gone is worse than that there is none yet
    broken_runs: int
    running: SyncRun | None
    runs: list[SyncRun]
    days: list[Day]
    steps: Steps
    stale: bool = field(default=False)

    @property
    def courses(self) -> int:
        return len(self.states.courses)

    @property
    def failures(self) -> int:
        return self.states.failures

    @property
    def waiting_runs(self) -> tuple[WaitingRun, ...]:
        return self.states.waiting

    @property
    def in_step(self) -> int:
        return self.states.counts[CourseState.IN_STEP]

    @property
    def failing(self) -> int:
        """Also those that could not be looked at, because a server does not answer."""
        counts = self.states.counts
        return counts[CourseState.FAILING] + counts[CourseState.UNREACHABLE]

    @property
    def just_now(self) -> bool:
        return self.last_good is not None and timezone.now() - self.last_good < timedelta(minutes=1)

    @property
    def totals(self) -> list[Total]:
        return [
            Total(
                number,
                sum(day.added for day in self.days[-number:]),
                sum(day.removed for day in self.days[-number:]),
                sum(day.failed for day in self.days[-number:]),
            )
            for number in TOTALS
        ]

    @property
    def has_changes(self) -> bool:
        return any(day.added or day.removed or day.failed for day in self.days)


def overview() -> Overview:
    states = course_states()
    runs = list(SyncRun.objects.all()[:LAST_RUNS])
    good = last_good()
    worker = worker_alive()
    steps = _steps(bool(states.courses), worker)
    return Overview(
        states=states,
        outage=outage(),
        channels=ChannelLink.objects.count(),
        accounts=AccountLink.objects.count(),
        conflicts=open_conflicts(),
        last_good=good,
        worker=worker,
        worker_known=heartbeat.age() is not None,
        broken_runs=sum(broken.number for broken in broken_runs()),
        running=next((run for run in runs if run.status in UNFINISHED), None),
        runs=runs,
        days=_days(),
        steps=steps,
        stale=good is None or timezone.now() - good > GOOD_RUN_MAX_AGE,
    )


def open_conflicts() -> int:
    return Conflict.objects.filter(status=Conflict.Status.OPEN).count()


def worker_alive() -> bool:
    """Whether a background worker shows signs of life."""
    return heartbeat.worker_alive()


def _steps(courses: bool, worker: bool) -> Steps:
    test = last_test()
    runs = SyncRun.objects.exclude(status__in=(SyncRun.Status.ERROR, *UNFINISHED))
    kinds = set(runs.order_by().values_list("kind", flat=True).distinct())
    return Steps(
        moodle=bool(settings.MOODLE_CONFIGURED),
        rocketchat=test is not None and test.ok,
        chat_problem=test.problem if test else "",
        roles=IncludedRole.objects.filter(enabled=True).exists(),
        patterns=GroupRegexFilter.objects.filter(
            enabled=True, kind=GroupRegexFilter.Kind.INCLUDE
        ).exists(),
        courses=courses,
        previewed=bool(kinds),
        synced=SyncRun.Kind.APPLY in kinds,
        background=worker and IntegratedCourse.objects.filter(background_sync=True).exists(),
    )


def last_test() -> ConnectionTest | None:
    """Of the connection as it is set now; None where it is not set, or was not tested since."""
    try:
        return connection_test.recall(rocketchat_connection())
    except (ConfigurationError, ImproperlyConfigured):  # the latter: a secret cannot be read
        return None


def _days() -> list[Day]:
    first = timezone.localdate() - timedelta(days=DAYS - 1)
    counts: dict[date, list[int]] = {
        first + timedelta(days=number): [0, 0, 0] for number in range(DAYS)
    }
    giving = [kind for kind, operation in kinds().items() if operation.gives]
    taking = [kind for kind, operation in kinds().items() if operation.takes_away]
    writing = (SyncRun.Kind.APPLY, SyncRun.Kind.UNDO)
    midnight = timezone.make_aware(datetime.combine(first, time()))
    rows = SyncRun.objects.filter(kind__in=writing, parent=None, started_at__gte=midnight)
    for started, applied, failed in rows.order_by().values_list(
        "started_at", "applied", "failed_count"
    ):
        of_day = counts.get(timezone.localdate(started))
        if of_day is not None:
            of_day[0] += _sum(applied, giving)
            of_day[1] += _sum(applied, taking)
            of_day[2] += failed
    return [Day(day, *numbers) for day, numbers in sorted(counts.items())]


def _sum(applied: Mapping[str, Any], kinds: Iterable[str]) -> int:
    return sum(int(applied.get(kind, 0)) for kind in kinds)
