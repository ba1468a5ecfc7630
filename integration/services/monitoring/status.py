"""How rcsync is doing, in one value: for `status`, the health pages and the notifications."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error
from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from integration.domain.errors import SyncError
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    EventCursor,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
)
from integration.services.ledger import heartbeat, moments, pauses
from integration.services.ledger.waiting import oldest_due
from integration.services.monitoring.course_states import CourseState, course_states
from integration.services.monitoring.own_database import explain_own
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection

KEPT_SECONDS = (
    15.0  # a health page that is asked every second does not ask the servers every second
)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that has to work. `problem` is for administrators only; "" = it works."""

    name: str
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class Numbers:
    """From our own tables. Ages are seconds, None = never."""

    clusters: tuple[str, ...] = ()
    heartbeat_age: float | None = None
    last_good_age: float | None = None
    without_success_age: float | None = None  # the same, else since the first run
    queued: int = 0
    running: int = 0
    oldest_queued_age: float | None = None  # of those that could begin
    held_runs: int = 0  # their removals wait for a person
    held_operations: int = 0
    oldest_held_age: float | None = None
    courses: int = 0
    courses_failing: int = 0  # those whose last run could not reach a server among them
    courses_by_state: dict[str, int] = field(default_factory=dict)
    courses_pending: int = 0
    channels: int = 0
    accounts: int = 0
    conflicts: int = 0
    runs: dict[str, int] = field(default_factory=dict)  # by status, in what the history keeps
    event_age: float | None = None  # since the last look at Moodle's events
    event_problem: str = ""
    paused_age: float | None = None  # since everything was paused; None: it is not
    paused: str = ""  # who, since when, why


@dataclass(frozen=True, slots=True)
class Health:
    parts: tuple[Part, ...]
    numbers: Numbers
    warnings: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return all(part.ok for part in self.parts)

    @property
    def counted(self) -> bool:
        """False: our own database, which is the first part, did not tell its numbers."""
        return self.parts[0].ok


def health() -> Health:
    """Never raises: what cannot be asked is a part that does not work."""
    try:
        found = numbers()
        warnings = tuple(_warnings(found))
    except Error as error:
        return Health((Part("database", str(explain_own(error))),), Numbers(), ())
    worker = Part("worker", _worker_problem(found))
    servers = (_kept("moodle", _moodle), _kept("rocketchat", _rocketchat))
    return Health((Part("database"), *servers, worker), found, warnings)


def numbers() -> Numbers:
    """A handful of small queries."""
    now, good = timezone.now(), last_good()
    runs = dict(SyncRun.objects.order_by().values_list("status").annotate(number=Count("pk")))
    held = SyncRun.objects.filter(status=SyncRun.Status.QUARANTINED).aggregate(
        runs=Count("pk"), operations=Sum("held_count"), oldest=Min("started_at")
    )
    courses = IntegratedCourse.objects.all()
    states = course_states().counts
    cursor = EventCursor.objects.filter(pk=1).first()
    pause = pauses.current()
    return Numbers(
        clusters=tuple(heartbeat.live_clusters()),
        heartbeat_age=heartbeat.age(),
        last_good_age=_age(now, good),
        without_success_age=_age(now, good or first_run()),
        queued=runs.get(SyncRun.Status.QUEUED, 0),
        running=runs.get(SyncRun.Status.RUNNING, 0),
        oldest_queued_age=_age(now, oldest_due(now)),
        held_runs=held["runs"],
        held_operations=held["operations"] or 0,
        oldest_held_age=_age(now, held["oldest"]),
        courses=states.total(),
        courses_failing=states[CourseState.FAILING] + states[CourseState.UNREACHABLE],
        courses_by_state={state.value: states[state] for state in CourseState},
        courses_pending=courses.filter(pending_sync=True).count(),
        channels=ChannelLink.objects.count(),
        accounts=AccountLink.objects.count(),
        conflicts=Conflict.objects.filter(status=Conflict.Status.OPEN).count(),
        runs=runs,
        event_age=_age(now, cursor.polled_at if cursor else None),
        event_problem=cursor.problem if cursor else "",
        paused_age=_age(now, pause.since if pause else None),
        paused=pauses.in_words(pause) if pause else "",
    )


def last_good() -> datetime | None:
    """When something last went entirely well. Event runs that found nothing to do leave no row."""
    good = SyncRun.objects.filter(kind=SyncRun.Kind.APPLY, status=SyncRun.Status.DONE)
    run = good.aggregate(last=Max("finished_at"))["last"]
    course = IntegratedCourse.objects.aggregate(last=Max("last_success"))["last"]
    return max((moment for moment in (run, course) if moment), default=None)


def first_run() -> datetime | None:
    """When the first run began."""
    return SyncRun.objects.order_by("pk").values_list("started_at", flat=True).first()


def _age(now: datetime, moment: datetime | None) -> float | None:
    known = moments.passed(moment, now)
    return None if known is None else max(0.0, (now - known).total_seconds())


def _moodle() -> str:
    try:
        MoodleReader().roles()
    except SyncError as error:
        return str(error)
    return ""


def _rocketchat() -> str:
    """Reachable, and an API. Whether it lets us in, the runs tell."""
    try:
        with connect(rocketchat_connection()) as remote:
            remote.client.get("/api/info")
    except SyncError as error:
        return str(error)
    return ""


_answers: dict[str, tuple[float, str]] = {}


def _kept(name: str, ask: Callable[[], str]) -> Part:
    known = _answers.get(name)
    if known is None or time.monotonic() - known[0] > KEPT_SECONDS:
        known = _answers[name] = (time.monotonic(), ask())
    return Part(name, known[1])


def forget() -> None:
    """Ask the servers again."""
    _answers.clear()


def _worker_problem(found: Numbers) -> str:
    if found.clusters:
        return ""
    if found.heartbeat_age is None:
        return "No worker has shown a sign of life. Start one: ./rcsync worker"
    return f"The last sign of life of a worker is {found.heartbeat_age:.0f} seconds old."


def _warnings(found: Numbers) -> list[str]:
    warnings = [str(found.paused)] if found.paused else []
    hours = IntegrationSettings.load().notify_after_hours
    limit = timedelta(hours=hours).total_seconds() if hours else None
    if limit is not None and (found.without_success_age or 0) > limit:
        warnings.append(f"Nothing has gone entirely well for more than {hours} hours.")
    if found.event_problem:
        warnings.append(f"Events: {found.event_problem}")
    if found.courses_failing:
        warnings.append(f"{found.courses_failing} courses are failing.")
    if waiting := found.courses_by_state.get(CourseState.WAITS, 0):
        warnings.append(f"{waiting} courses wait for approval: ./rcsync approve")
    return warnings
