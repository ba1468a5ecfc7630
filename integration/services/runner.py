"""Wiring for the entry points: one run from the settings to its stored report."""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from integration.models import SyncRun
from integration.services.connections import rocketchat_connection
from integration.services.errors import Busy, SyncError
from integration.services.ledger import leases, runs
from integration.services.ledger.journal import RunLedger
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.policy import gaps, load_policy
from integration.services.moodle_reader import MoodleReader
from integration.services.reconcile import reconcile
from integration.services.report import RunReport
from integration.services.rocketchat import connect
from integration.services.state import EVERYTHING, MoodleState, Scope

logger = logging.getLogger(__name__)

RENEW_SECONDS = leases.SECONDS / 3


@dataclass(frozen=True, slots=True)
class Order:
    """What one run is to do. `kind` and `trigger` are values of SyncRun.Kind and SyncRun.Trigger."""

    kind: str
    trigger: str
    scope: Scope = EVERYTHING
    actor: str = ""
    audit: bool = False  # read the members of every channel
    force: bool = False
    expect_digest: str = ""
    keep_plan: bool = False  # store the operations of a preview too, so that a person can look at them

    @property
    def writes(self) -> bool:
        return self.kind == SyncRun.Kind.APPLY


@dataclass(slots=True)
class Finished:
    """A run that has ended. `report` is None when it could not do its work; `run` says why."""

    run: SyncRun
    report: RunReport | None
    seconds: float
    notes: list[str] = field(default_factory=list)


def begin(order: Order) -> SyncRun:
    """The run's row, for whoever has to know its number before `execute` does the work."""
    return runs.begin(
        kind=order.kind,
        trigger=order.trigger,
        actor=order.actor,
        forced=order.force,
        scope=order.scope,
    )


def execute(
    order: Order,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    run: SyncRun | None = None,
) -> Finished:
    """Carry out one run. Never raises SyncError: what went wrong is in the run's row."""
    started = time.monotonic()
    run = run or begin(order)
    finished = Finished(run, None, 0.0)
    try:
        _execute(order, run, finished, on_progress)
    except SyncError as error:
        logger.warning("run=%d could not run: %s", run.pk, error)
        runs.fail(run, error, order.scope)
    except BaseException:
        runs.fail(
            run,
            SyncError(
                "The run ended by an unexpected error.", hint="The log holds the details; please report it."
            ),
            order.scope,
        )
        raise
    finished.seconds = time.monotonic() - started
    logger.info(
        "run=%d kind=%s trigger=%s status=%s seconds=%.1f",
        run.pk, run.kind, run.trigger, run.status, finished.seconds,
    )  # fmt: skip
    return finished


def _execute(
    order: Order, run: SyncRun, finished: Finished, on_progress: Callable[[int, int], None]
) -> None:
    source = _NamingReader()
    policy = load_policy(source.roles())
    finished.notes = gaps(policy)
    ledger = RunLedger(run, order.scope, on_progress)
    owner = f"run {run.pk}"
    courses = _lease(owner, order.scope) if order.writes else set()
    try:
        connection = rocketchat_connection()
        with connect(connection) as remote:
            report = reconcile(
                order.scope,
                policy,
                source,
                remote,
                ledger,
                dry_run=not order.writes,
                audit=order.audit,
                force=order.force,
                expect_digest=order.expect_digest,
                workers=connection.max_connections,
                should_stop=_Watch(run, owner, courses) if order.writes else lambda: "",
            )
        requests = {"total": remote.stats.total, "by_endpoint": dict(remote.stats.by_endpoint)}
        if not order.writes and order.keep_plan:
            ledger.planned(report.plan)
        if report.outcomes or order.writes:
            ledger.close()
        runs.name_courses(source.courses)
        runs.finish(run, report, order.scope, requests, finished.notes)
        finished.report = report
    finally:
        leases.release(owner)


def _lease(owner: str, scope: Scope) -> set[int]:
    courses = integrated_courses()
    if scope.courses is not None:
        courses &= scope.courses
    busy = leases.acquire(owner, courses)
    if busy:
        raise Busy(
            f"Another run is working on {', '.join(busy[:5])}{' …' if len(busy) > 5 else ''}.",
            hint="Wait until it is done, or cancel it. After a crash its claim ends by itself within "
            f"{leases.SECONDS} seconds.",
        )
    return courses


class _NamingReader(MoodleReader):
    """Remembers the courses of the reading, whose names the admin shows."""

    def __init__(self) -> None:
        super().__init__()
        self.courses: dict[int, Any] = {}

    def read(self, *args: Any, **kwargs: Any) -> MoodleState:
        moodle = super().read(*args, **kwargs)
        self.courses = dict(moodle.courses)
        return moodle


class _Watch:
    """Says why a run has to stop: somebody cancelled it, or its claim on the courses was lost."""

    def __init__(self, run: SyncRun, owner: str, courses: Collection[int]) -> None:
        self.run = run
        self.owner = owner
        self.courses = courses
        self.renewed = time.monotonic()

    def __call__(self) -> str:
        if SyncRun.objects.filter(pk=self.run.pk, cancel_requested=True).exists():
            return "Cancelled."
        if time.monotonic() - self.renewed > RENEW_SECONDS:
            self.renewed = time.monotonic()
            if not leases.renew(self.owner, self.courses):
                return "The claim on the courses was lost to another run."
        return ""


