"""What the monitoring counts: runs, operations, requests, seconds. Kept in a table, because runs
end in many processes and the history is pruned.
"""

import json
import logging
from collections.abc import Mapping
from typing import Protocol

from django.db import DatabaseError, transaction
from django.db.models import F

from integration.models import MetricCounter, SyncRun
from integration.services.ledger.retry import retry_on_deadlock
from integration.services.sync.report import RunReport

logger = logging.getLogger(__name__)

Key = tuple[str, tuple[str, ...]]  # the metric's name, the values of its labels in order

RUNS = "runs"  # kind, trigger, status
RUN_SECONDS = "run_seconds"  # kind
RUN_BUCKET = "run_seconds_bucket"  # kind, upper bound
OPERATIONS = "operations"  # kind, result
REQUESTS = "requests"  # endpoint, status
REQUEST_SECONDS = "request_seconds"  # endpoint
WAITED = "request_wait_seconds"
BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, float("inf"))


class Requests(Protocol):
    """What a client of Rocket.Chat counted."""

    @property
    def by_status(self) -> Mapping[tuple[str, str], int]: ...
    @property
    def seconds(self) -> Mapping[str, float]: ...
    @property
    def seconds_waited(self) -> float: ...


def count_run(
    run: SyncRun, report: RunReport | None, requests: Requests | None, seconds: float
) -> None:
    """A run that has ended, whatever came of it. A count that fails is logged; the run stands."""
    found: dict[Key, float] = {
        (RUNS, (run.kind, run.trigger, run.status)): 1,
        (RUN_SECONDS, (run.kind,)): seconds,
        (RUN_BUCKET, (run.kind, _bucket(seconds))): 1,
    }
    ended = report.tally.by_kind if report else {}
    found |= {(OPERATIONS, (kind, result.value)): n for (kind, result), n in ended.items()}
    _add_safely(run, found | (_of_requests(requests) if requests else {}))


def count_interrupted(run: SyncRun) -> None:
    """A run whose process died; nobody knows how long it took and what it asked."""
    _add_safely(run, {(RUNS, (run.kind, run.trigger, SyncRun.Status.INTERRUPTED.value)): 1})


def _bucket(seconds: float) -> str:
    return bound_in_words(next(bound for bound in BUCKETS if seconds <= bound))


def bound_in_words(bound: float) -> str:
    """As Prometheus writes it."""
    return "+Inf" if bound == BUCKETS[-1] else f"{bound:g}"


def _of_requests(requests: Requests) -> dict[Key, float]:
    found: dict[Key, float] = {
        (REQUESTS, (endpoint, status)): number
        for (endpoint, status), number in requests.by_status.items()
    }
    for endpoint, seconds in requests.seconds.items():
        found[REQUEST_SECONDS, (endpoint,)] = seconds
    found[WAITED, ()] = requests.seconds_waited
    return found


def _add_safely(run: SyncRun, numbers: Mapping[Key, float]) -> None:
    try:
        retry_on_deadlock(lambda: add(numbers))
    except DatabaseError:
        logger.exception("run=%d could not be counted for the monitoring", run.pk)


def add(numbers: Mapping[Key, float]) -> None:
    """Add to the counts; three statements, two more when something is counted for the first time.

    Each row is changed where it is (`value = value + n`), so that nobody's count is lost.
    """
    wanted = {
        (name, json.dumps(labels)): number for (name, labels), number in numbers.items() if number
    }
    with transaction.atomic():
        rows = _rows(wanted)
        missing = wanted.keys() - {(row.name, row.labels) for row in rows}
        if missing:
            new = [MetricCounter(name=name, labels=labels) for name, labels in sorted(missing)]
            MetricCounter.objects.bulk_create(new, ignore_conflicts=True)
            rows = _rows(wanted)
        for row in rows:
            row.value = F("value") + wanted[row.name, row.labels]
        MetricCounter.objects.bulk_update(rows, ["value"])


def _rows(wanted: Mapping[tuple[str, str], float]) -> list[MetricCounter]:
    names = {name for name, _labels in wanted}
    rows = MetricCounter.objects.filter(name__in=names).order_by("pk")
    return [row for row in rows if (row.name, row.labels) in wanted]


def totals() -> dict[Key, float]:
    """Everything that was ever counted."""
    rows = MetricCounter.objects.order_by("name", "labels")
    return {
        (name, tuple(json.loads(labels))): value
        for name, labels, value in rows.values_list("name", "labels", "value")
    }
