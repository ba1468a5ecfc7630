"""What failed and is not repaired, over all runs: for the page and for the digest.

A fixed number of queries, however much failed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Max, QuerySet
from django.utils import timezone

from integration.models import SyncOperation, SyncRun

LOOK_BACK = timedelta(days=7)
BAD = (SyncOperation.Status.FAILED, SyncOperation.Status.SKIPPED)
MAX_FAILURES = (
    5000  # shown and filtered; beyond that a whole server has failed, and a run's page tells why
)
Key = tuple[str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class OpenFailures:
    """`keys` are primary keys, newest first; `total` counts those beyond MOST too."""

    keys: tuple[int, ...]
    total: int


def open_failures() -> OpenFailures:
    """Operations that failed and whose like no later run did, the latest of each."""
    latest: dict[Key, tuple[int, int, int | None]] = {}
    bad = _latest(BAD).annotate(row=Max("pk"), course=Max("moodle_course_id"))
    for kind, group, user, run, pk, course in bad.iterator(2000):
        latest[kind, group, user] = (pk, run, course)
    if not latest:
        return OpenFailures((), 0)
    first = min(run for _pk, run, _course in latest.values())
    done = _done_since(first, {kind for kind, _group, _user in latest})
    looked = _looked_since(first)
    keys = sorted(
        (
            pk
            for key, (pk, run, course) in latest.items()
            if done.get(key, 0) <= run and _last_look(looked, course) <= run
        ),
        reverse=True,
    )
    return OpenFailures(tuple(keys[:MAX_FAILURES]), len(keys))


def _latest(statuses: Iterable[str]) -> "QuerySet[SyncOperation, Any]":
    """(kind, group, user, the last run) of what runs that write tried lately and ended so."""
    rows = SyncOperation.objects.filter(
        status__in=list(statuses),
        run__kind__in=[SyncRun.Kind.APPLY, SyncRun.Kind.UNDO],
        run__started_at__gt=timezone.now() - LOOK_BACK,
    )
    key = ("kind", "moodle_group_id", "moodle_user_id")
    return rows.order_by().values_list(*key).annotate(last=Max("run_id"))


def _done_since(first: int, kinds: Iterable[str]) -> dict[Key, int]:
    """The last run that did it, for everything of these kinds that was done from `first` on."""
    done = _latest([SyncOperation.Status.DONE]).filter(run_id__gt=first, kind__in=list(kinds))
    return {(kind, group, user): run for kind, group, user, run in done.iterator(2000)}


def _looked_since(first: int) -> Mapping[int | None, int]:
    """Course (None = all of them) -> the last run over it that went entirely well: what had failed
    before is done, or not due any more. A run for single people tells nothing of the others.
    """
    looked: dict[int | None, int] = {}
    good = SyncRun.objects.filter(pk__gt=first, kind=SyncRun.Kind.APPLY, status=SyncRun.Status.DONE)
    for run, scope in good.order_by("-pk").values_list("pk", "scope"):
        courses = scope.get("courses") if scope.get("users") is None else []
        for course in [None] if courses is None else courses:
            looked.setdefault(course, run)
    return looked


def _last_look(looked: Mapping[int | None, int], course: int | None) -> int:
    everything = looked.get(None, 0)
    return everything if course is None else max(everything, looked.get(course, 0))
