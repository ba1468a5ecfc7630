"""Runs that wait in the queue, and since when they could have begun."""

from datetime import datetime

from django.db.models import Exists, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from integration.models import Pause, SyncRun
from integration.services.ledger.safety import WRITING


def due(now: datetime) -> QuerySet[SyncRun]:
    """Waiting runs that may begin; while everything is paused, only those that do not write."""
    return SyncRun.objects.filter(
        Q(not_before__isnull=True) | Q(not_before__lte=now),
        ~Q(kind__in=WRITING) | ~Exists(Pause.objects.all()),
        status=SyncRun.Status.QUEUED,
    )


def oldest_due(now: datetime) -> datetime | None:
    """Since when the oldest of them waits for a worker, not counting what it waited for before: its
    next try, a course, the quiet hours.
    """
    since = Greatest("started_at", Coalesce("not_before", "started_at"))
    found: datetime | None = due(now).aggregate(since=Min(since))["since"]
    return found
