"""What failed in a run, grouped by its cause: one line for everybody with the same trouble."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from integration.domain.messages import Message
from integration.models import SyncOperation, SyncRun

FAILED = (SyncOperation.Status.FAILED, SyncOperation.Status.SKIPPED)
MOST_TEXTS = 2000  # different texts that are read, the most frequent first
MOST_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """`number` operations ended for it. `error` and `hint` are those of the most frequent text."""

    number: int
    error: str
    hint: str
    skipped: bool  # they were not tried because something they need failed


def failures_by_cause(run: SyncRun) -> list[Cause]:
    """The most frequent cause first. One query."""
    rows = (
        SyncOperation.objects.filter(run=run, status__in=FAILED)
        .order_by()
        .values_list("status", "error", "hint")
        .annotate(number=Count("pk"))
        .order_by("-number")[:MOST_TEXTS]
    )
    return _grouped(rows)[:MOST_CAUSES]


def _grouped(rows: Iterable[tuple[str, str, str, int]]) -> list[Cause]:
    """Texts that differ only in whom or what they name are one cause."""
    found: dict[tuple[str, str], Cause] = {}
    for status, error, hint, number in rows:
        key = (status, error.pattern if isinstance(error, Message) else str(error))
        known = found.get(key)
        total = number + (known.number if known else 0)
        first = known or Cause(0, error, hint, status == SyncOperation.Status.SKIPPED)
        found[key] = Cause(total, first.error, first.hint, first.skipped)
    return sorted(found.values(), key=lambda cause: -cause.number)
