"""Once a minute: recover dead runs, repeat lost notifications, release expired leases."""

import logging
from datetime import timedelta

from django.utils import timezone
from django_q.brokers import get_broker

from integration.models import PushedEvent, SyncRun
from integration.services.background import crashes, parts, queue, retries
from integration.services.ledger import claims, heartbeat, leases, moments, pass_lists
from integration.services.ledger.waiting import due

logger = logging.getLogger(__name__)

REQUEUE_AFTER = timedelta(seconds=60)
FULL_BROKER = 20  # waiting tasks of the broker: enough to wake everybody
PUSHES_KEPT = timedelta(hours=1)
PARTS = "parts"  # the `worker` of a run whose parts do the work


def sweep() -> str:
    """Run every step; several machines may do so at once. Returns one line for the task's
    record.
    """
    dead = recover_dead_runs()
    retries.try_forgotten()
    called = requeue_overdue()
    queue.cancel_waiting()
    freed = leases.clear_expired()
    now = timezone.now()
    claims.clear_expired()
    pass_lists.drop_old()
    PushedEvent.objects.filter(received_at__lt=now - PUSHES_KEPT).delete()
    return f"dead {dead}, called again {called}, leases freed {freed}"


def recover_dead_runs() -> int:
    """Recover running runs whose process is gone or has shown no sign of life; returns how many."""
    dead = 0
    for run in SyncRun.objects.filter(status=SyncRun.Status.RUNNING):
        if run.worker == PARTS:
            parts.finish_parent(run.pk)
        elif heartbeat.process_is_gone(run.worker) or _is_silent(run):
            crashes.go_on_after(run, crashes.DIED)
            dead += 1
    return dead


def _is_silent(run: SyncRun) -> bool:
    now = timezone.now()
    sign = moments.passed(run.alive_at, now)
    return sign is None or sign < now - timedelta(seconds=leases.LEASE_SECONDS)


def requeue_overdue(after: timedelta = REQUEUE_AFTER) -> int:
    """Notify workers again of runs that nobody took: the notification was lost, a worker died with
    it, or a busy one holds it.
    """
    now = timezone.now()
    overdue = due(now).filter(moments.not_within("woken_at", after, now))
    found = list(overdue.order_by("pk")[:FULL_BROKER])
    if not found or broker_is_full():
        return 0
    for run in found:
        queue.wake(run)
    return len(found)


def broker_is_full(most: int = FULL_BROKER) -> bool:
    """Whether the broker holds so many tasks that one more would only add load."""
    try:
        return bool(get_broker().queue_size() >= most)
    except Exception:  # a broker that does not answer: calling is all we can do
        logger.warning("the broker does not tell the length of its queue", exc_info=True)
        return False
