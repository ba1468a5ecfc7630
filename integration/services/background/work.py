"""The work on one queued run: take it, carry it out, handle how it ended."""

import logging

from django.conf import settings
from django.db import Error as DatabaseError

from integration.domain.errors import Busy, ConfigurationError
from integration.domain.messages import msg
from integration.domain.state import Scope
from integration.models import SyncRun
from integration.services.background import crashes, parts, queue, retries
from integration.services.ledger import heartbeat
from integration.services.monitoring.own_database import explain_own, is_of_operation
from integration.services.runs import runner
from integration.services.runs.lease_renewal import OUT_OF_TIME, PAUSED
from integration.services.runs.order import Order, order_of
from integration.services.runs.pacing import Postponed
from integration.services.runs.runner import Finished
from integration.services.sync.report import RunReport

logger = logging.getLogger(__name__)

POSTPONED_SECONDS = 600.0  # of a big run: each look reads both servers whole
SHARE_OF_TASK = 0.8  # of the time of a task; what is under way then still has to end
UNEXPECTED = msg("It ended with an unexpected error; see the log for details.")


def work(run_id: int) -> str:
    """The body of a run's task. Returns one line for the task's record."""
    run = queue.claim(run_id)
    if run is None:
        return f"run {run_id}: nothing to do"
    order = order_of(run)
    try:
        finished = runner.execute(order, run=run, seconds=settings.TASK_SECONDS * SHARE_OF_TASK)
    except Busy as busy:
        postponed = isinstance(busy, Postponed)
        queue.put_back(run, POSTPONED_SECONDS if postponed else queue.BUSY_SECONDS)
        return f"run {run_id}: waits: {busy.message}"
    except BaseException as error:
        if isinstance(error, DatabaseError) and is_of_operation(error):
            return _without_database(run, explain_own(error))
        logger.exception("run=%d ended by an unexpected error", run.pk)
        crashes.go_on_after(run, UNEXPECTED)
        raise
    heartbeat.beat()  # a task that ended proves as much as a beat
    _follow_up(order, finished)
    queue.wake_waiting(order.scope.courses)
    return f"run {run_id}: {finished.run.status}"


def _without_database(run: SyncRun, cause: ConfigurationError) -> str:
    """Another run goes on, as after a crash: now, or when the sweep finds this one silent."""
    logger.error("run=%d ended early: %s", run.pk, cause)
    try:
        crashes.go_on_after(run, cause.message)
    except DatabaseError:
        logger.warning("run=%d is left to the sweep: that could not be stored either", run.pk)
    return f"run {run.pk}: {cause}"


def _follow_up(order: Order, finished: Finished) -> None:
    run, report = finished.run, finished.report
    if report is not None:
        if report.stopped_because == OUT_OF_TIME:
            crashes.continue_with_rest(run)
        elif report.stopped_because == PAUSED:
            crashes.continue_after_pause(run)
        if order.trigger == SyncRun.Trigger.EVENT:
            _after_event(order, run, report)
    retries.try_again(run, report)
    if run.parent_id is not None:
        parts.finish_parent(run.parent_id)


def _after_event(order: Order, run: SyncRun, report: RunReport) -> None:
    """Queue the course when a run for a person found that the person's channel does not exist
    yet.
    """
    courses = {
        skip.course_id
        for skip in report.plan.skips
        if skip.needs_course and skip.course_id is not None
    }
    if courses:
        queue.enqueue(Order(order.kind, order.trigger, Scope(courses=frozenset(courses))))
    tells_nothing = not run.failed_tries  # else the row says how often it was tried
    if tells_nothing and not (report.plan.counts or report.plan.conflicts or courses):
        SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.DONE).delete()
