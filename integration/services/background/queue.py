"""SyncRun rows are the queue. Broker tasks only notify workers and may be lost or duplicated."""

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django_q.tasks import async_task

from integration.domain.messages import msg
from integration.domain.outcomes import AWAY, RunCause
from integration.models import SyncRun
from integration.services.ledger import heartbeat, pauses
from integration.services.ledger.runs import scope_as_json
from integration.services.ledger.waiting import due
from integration.services.runs.order import Order

logger = logging.getLogger(__name__)

TASK = "integration.tasks.work"
MERGED = (SyncRun.Trigger.EVENT, SyncRun.Trigger.SCHEDULE)
BUSY_SECONDS = 10.0  # until a run looks again whether its courses are free
CANCELLED_EARLY = msg("Cancelled before it began.")


def hand_over(order: Order) -> SyncRun | None:
    """Queue the run for a worker, or None when no worker is alive to take it."""
    return enqueue(order) if heartbeat.worker_alive() else None


def enqueue(order: Order, **columns: Any) -> SyncRun:
    """The queued run for `order`: a new row, or a waiting run widened to cover it."""
    with transaction.atomic():
        run = None if columns else widened(order)
        if run is not None:
            return run
        run = created(order, **columns)
    wake(run)
    return run


def created(order: Order, **columns: Any) -> SyncRun:
    """A new waiting row, of which no worker was notified yet."""
    return SyncRun.objects.create(
        **{"status": SyncRun.Status.QUEUED, "attempts": 1, **order.columns(), **columns}
    )


def widened(order: Order) -> SyncRun | None:
    """A waiting run of the same kind, its scope widened by the order's; None without one. Call in
    a transaction.
    """
    if order.trigger not in MERGED or not order.writes or order.force or order.expect_digest:
        return None
    waiting = SyncRun.objects.select_for_update().filter(
        status=SyncRun.Status.QUEUED,
        kind=order.kind,
        trigger=order.trigger,
        full_check=order.full_check,
        attempts=1,
        parent=None,
        cancel_requested=False,
    )
    # What a server refused waits for long; what waits for a server to come back begins with it.
    for run in waiting.filter(Q(failing_since=None) | Q(cause__in=AWAY)):
        if (run.scope.get("users") is None) == (order.scope.users is None):
            run.scope = union(run.scope, scope_as_json(order.scope))
            run.save(update_fields=["scope"])
            return run
    return None


def union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The scope that holds both; None stands for everything."""
    groups = sorted({*one.get("groups", ()), *other.get("groups", ())})
    both: dict[str, Any] = {
        key: None
        if one.get(key) is None or other.get(key) is None
        else sorted({*one[key], *other[key]})
        for key in ("courses", "users")
    }
    return both | ({"groups": groups} if groups else {})


def wake(run: SyncRun) -> None:
    """Notify the workers once the row is committed. The sweep repeats a lost notification."""
    SyncRun.objects.filter(pk=run.pk).update(woken_at=timezone.now())
    transaction.on_commit(lambda: _send(run.pk))


def wake_due() -> None:
    """Notify the workers of runs whose wait has ended since they were last told."""
    became_due = due(timezone.now()).filter(not_before__isnull=False)
    for run in became_due.exclude(woken_at__gte=F("not_before")):
        wake(run)


def _send(run_id: int) -> None:
    try:
        async_task(TASK, run_id, task_name=f"run-{run_id}", group="rcsync run")
    except Exception:  # whatever the broker is: the row is there, and the sweep calls again
        logger.exception("run=%d could not be put into the broker's queue", run_id)


def claim(run_id: int) -> SyncRun | None:
    """Take the run to work on it. None when it is taken, must wait, or must not begin."""
    cancel_waiting()
    now = timezone.now()
    taken = due(now).filter(pk=run_id)
    me = heartbeat.process_name()
    if not taken.update(
        status=SyncRun.Status.RUNNING, worker=me, started_at=now, alive_at=now, not_before=None
    ):
        return None
    return SyncRun.objects.get(pk=run_id)


def resume(actor: str) -> bool:
    """End the pause and notify every run that waited for that; False when there was none."""
    if not pauses.resume(actor):
        return False
    for run in due(timezone.now()).order_by("pk"):
        wake(run)
    return True


def put_back(run: SyncRun, seconds: float) -> None:
    """Return the run to the queue: its courses are busy, or it is not its hour. No attempt."""
    SyncRun.objects.filter(pk=run.pk, worker=run.worker, status=SyncRun.Status.RUNNING).update(
        status=SyncRun.Status.QUEUED,
        worker="",
        not_before=timezone.now() + timedelta(seconds=seconds),
    )


def wake_waiting(courses: frozenset[int] | None) -> None:
    """Notify runs that wait for one of these courses, whose leases were released.

    Not those that wait for their next try (retries.py) or, longer than for a course, for the quiet
    hours.
    """
    waiting = SyncRun.objects.filter(
        status=SyncRun.Status.QUEUED,
        not_before__lte=timezone.now() + timedelta(seconds=BUSY_SECONDS),
        failing_since=None,
    )
    for run in waiting.order_by("pk"):
        wanted = run.scope.get("courses")
        if courses is None or wanted is None or not courses.isdisjoint(wanted):
            SyncRun.objects.filter(pk=run.pk).update(not_before=None)
            wake(run)


def cancel_waiting() -> None:
    """Close runs that were cancelled while they waited. The parts of a cancelled run are
    cancelled too.
    """
    cancelled = Q(cancel_requested=True) | Q(parent__cancel_requested=True)
    waiting = SyncRun.objects.filter(cancelled, status=SyncRun.Status.QUEUED)
    for pk in list(waiting.values_list("pk", flat=True)):
        SyncRun.objects.filter(pk=pk, status=SyncRun.Status.QUEUED).update(
            status=SyncRun.Status.STOPPED,
            cause=RunCause.CANCELLED,
            message=CANCELLED_EARLY,
            finished_at=timezone.now(),
        )
