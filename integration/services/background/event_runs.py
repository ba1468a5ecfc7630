"""Runs of events: collected in the waiting run until their window ends (domain/event_window)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from integration.domain.event_window import LONGEST_SECONDS, seconds_to_wait
from integration.domain.state import Scope
from integration.models import SyncRun
from integration.services.background import queue
from integration.services.runs.order import Order

OPEN = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)


def collect(scopes: Iterable[Scope], events: int, age: float = 0.0) -> list[SyncRun]:
    """The runs that will look at `scopes`, of which `events` told; the first `age` seconds ago.

    A waiting run takes them on. Whatever window they get, they are in a row when this returns.
    """
    now = timezone.now()
    first = now - timedelta(seconds=min(max(age, 0.0), LONGEST_SECONDS))
    with transaction.atomic():
        runs = list({run.pk: run for run in map(_waiting, scopes)}.values())
        for number, run in enumerate(runs):
            _count(run, 0 if number else events, first)
        backlog = _backlog()
        for run in runs:
            _wait(run, backlog, run.first_event_at or first, now)
    return runs


def _waiting(scope: Scope) -> SyncRun:
    order = Order(SyncRun.Kind.APPLY, SyncRun.Trigger.EVENT, scope)
    return queue.widened(order) or queue.created(order)


def _count(run: SyncRun, events: int, first: datetime) -> None:
    run.event_count += events
    run.first_event_at = min(run.first_event_at or first, first)
    run.save(update_fields=["event_count", "first_event_at"])


def _backlog() -> int:
    """Events of runs that wait or are under way. What waits for a server is no sign of a rush."""
    rows = SyncRun.objects.filter(
        status__in=OPEN, trigger=SyncRun.Trigger.EVENT, failing_since=None
    )
    return rows.aggregate(events=Sum("event_count"))["events"] or 0


def _wait(run: SyncRun, backlog: int, first: datetime, now: datetime) -> None:
    """Move the beginning of the run to the end of its window, or notify a worker now.

    A later beginning, because its courses are busy or a server is away, stays.
    """
    seconds = seconds_to_wait(backlog, (now - first).total_seconds())
    ends = now + timedelta(seconds=seconds)
    if seconds and run.failing_since is None and (run.not_before is None or run.not_before < ends):
        run.not_before = ends
        run.save(update_fields=["not_before"])
    elif run.woken_at is None and run.not_before is None:
        queue.wake(run)
