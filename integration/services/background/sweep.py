"""Once a minute: find what was left behind, and see that somebody goes on with it."""

import logging
from datetime import timedelta

from django.utils import timezone
from django_q.brokers import get_broker

from integration.models import PushedEvent, SyncRun
from integration.services.background import crashes, parts, queue
from integration.services.ledger import claims, heartbeat, leases, moments

logger = logging.getLogger(__name__)

REQUEUE_AFTER = timedelta(seconds=60)
FULL_BROKER = 20  # waiting tasks of the broker: enough to wake everybody
PUSHES_KEPT = timedelta(hours=1)
PARTS = "parts"  # the `worker` of a run whose parts do the work


def sweep() -> str:
    """Every step may be done by several machines at once. The answer is one line."""
    dead = recover_dead_runs()
    called = requeue_overdue()
    queue.cancel_waiting()
    freed = leases.clear_expired()
    now = timezone.now()
    claims.clear_expired()
    PushedEvent.objects.filter(received_at__lt=now - PUSHES_KEPT).delete()
    return f"dead {dead}, called again {called}, leases freed {freed}"


def recover_dead_runs() -> int:
    """Runs that say "running" and whose process is gone, or has shown no sign of life."""
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


def requeue_overdue() -> int:
    """Waiting runs that nobody took: the call was lost, or a worker died with it."""
    now = timezone.now()
    overdue = queue.due(now).filter(moments.not_within("woken_at", REQUEUE_AFTER, now))
    due = list(overdue.order_by("pk")[:FULL_BROKER])
    if not due or broker_is_full():
        return 0
    for run in due:
        queue.wake(run)
    return len(due)


def broker_is_full(most: int = FULL_BROKER) -> bool:
    """Whether so many tasks wait in the broker that one more would only make it worse."""
    try:
        return bool(get_broker().queue_size() >= most)
    except Exception:  # a broker that does not answer: calling is all we can do
        logger.warning("the broker does not tell the length of its queue", exc_info=True)
        return False
