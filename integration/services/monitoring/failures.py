"""What failed and is not repaired, over all runs: for the page and for the digest.

A number of queries that hardly grows with what failed, and not at all with what was done.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from integration.domain.chunks import chunks
from integration.domain.outcomes import AWAY, TELLS_NOTHING
from integration.models import SyncOperation, SyncRun

LOOK_BACK = timedelta(days=7)
BAD = (SyncOperation.Status.FAILED, SyncOperation.Status.SKIPPED)
MAX_FAILURES = (
    5000  # shown and filtered; beyond that a whole server has failed, and a run's page tells why
)
CHUNK = 5_000  # people or groups in one query
Key = tuple[str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class OpenFailures:
    """`keys` are primary keys, newest first; `total` counts those beyond MOST too.

    `by_course` counts all of them by Moodle course id; None: accounts, which belong to no course.
    """

    keys: tuple[int, ...]
    total: int
    by_course: Counter[int | None] = field(default_factory=Counter)


def open_failures() -> OpenFailures:
    """Operations that failed and whose like no later run did, the latest of each."""
    since = _first_run()
    latest: dict[Key, tuple[int, int, int | None]] = {}
    bad = _latest(BAD, since).annotate(row=Max("pk"), course=Max("moodle_course_id"))
    for kind, group, user, run, pk, course in bad.iterator(2000):
        latest[kind, group, user] = (pk, run, course)
    if not latest:
        return OpenFailures((), 0)
    first = min(run for _pk, run, _course in latest.values())
    done = _done_since(first, latest.keys())
    looked = _looked_since(first)
    unrepaired = [
        (pk, course)
        for key, (pk, run, course) in latest.items()
        if done.get(key, 0) <= run and _last_look(looked, course) <= run
    ]
    keys = sorted((pk for pk, _course in unrepaired), reverse=True)
    by_course = Counter(course for _pk, course in unrepaired)
    return OpenFailures(tuple(keys[:MAX_FAILURES]), len(keys), by_course)


def _first_run() -> int:
    """The oldest run that counts. Runs begin in the order of their keys."""
    young = SyncRun.objects.filter(started_at__gt=timezone.now() - LOOK_BACK)
    return young.order_by("started_at", "pk").values_list("pk", flat=True).first() or 0


def _latest(statuses: Iterable[str], since: int) -> "QuerySet[SyncOperation, Any]":
    """(kind, group, user, the last run) of what runs that write tried from this one on and ended
    so.
    """
    rows = SyncOperation.objects.filter(
        status__in=list(statuses),
        run_id__gte=since,
        run__kind__in=[SyncRun.Kind.APPLY, SyncRun.Kind.UNDO],
        run__started_at__gt=timezone.now() - LOOK_BACK,
    )
    key = ("kind", "moodle_group_id", "moodle_user_id")
    return rows.order_by().values_list(*key).annotate(last=Max("run_id"))


def _done_since(first: int, keys: Collection[Key]) -> dict[Key, int]:
    """The last run that did it, for whatever was done from `first` on to the people of these keys,
    or to the groups of those that are about no person. Two queries, and one for each CHUNK of
    them: what was done to all others may be a hundred times as much.
    """
    done = _latest([SyncOperation.Status.DONE], first).filter(kind__in={key[0] for key in keys})
    people = sorted({user for _kind, _group, user in keys if user is not None})
    groups = sorted({group for _kind, group, user in keys if user is None and group is not None})
    to_groups = done.filter(moodle_user_id=None)
    found = [
        *(done.filter(moodle_user_id__in=some) for some in chunks(people, CHUNK)),
        *(to_groups.filter(moodle_group_id__in=some) for some in chunks(groups, CHUNK)),
    ]
    if any(group is None and user is None for _kind, group, user in keys):
        found.append(to_groups.filter(moodle_group_id=None))
    return {
        (kind, group, user): run for rows in found for kind, group, user, run in rows.iterator(2000)
    }


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


# --- runs that could not do their work ------------------------------------------------------------

COULD_NOT = (SyncRun.Status.ERROR, SyncRun.Status.STOPPED, SyncRun.Status.INTERRUPTED)
LOOKED = (
    SyncRun.Status.PLANNED,
    SyncRun.Status.DONE,
    SyncRun.Status.FAILED,
    SyncRun.Status.QUARANTINED,
    SyncRun.Status.APPROVED,
    SyncRun.Status.REFUSED,
    SyncRun.Status.OVERTAKEN,
)
OPEN = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
SHOWN_RUNS = 200


@dataclass(frozen=True, slots=True)
class BrokenRuns:
    """Runs that ended for one reason before their work was done, and that no later run made good.

    `last` is the newest of `number` runs; the first of them ended at `since`.
    """

    last: SyncRun
    number: int
    since: datetime


def broken_runs() -> list[BrokenRuns]:
    """The newest first. Two queries."""
    bad = list(
        SyncRun.objects.filter(
            kind__in=[SyncRun.Kind.APPLY, SyncRun.Kind.UNDO],
            status__in=COULD_NOT,
            superseded=False,
            parent=None,
            finished_at__gt=timezone.now() - LOOK_BACK,
        )
        .exclude(cause__in=TELLS_NOTHING)
        .defer("skips", "conflicts", "requests", "breaches")
        .order_by("-pk")[:SHOWN_RUNS]
    )
    if not bad:
        return []
    looked = list(
        SyncRun.objects.filter(pk__gt=bad[-1].pk, kind=SyncRun.Kind.APPLY, status__in=LOOKED)
        .order_by("-pk")
        .values_list("pk", "scope")
    )
    open_runs = [run for run in bad if not any(_makes_good(run, *good) for good in looked)]
    groups: dict[str, list[SyncRun]] = {}
    for run in open_runs:
        groups.setdefault(str(run.message), []).append(run)
    return [
        BrokenRuns(runs[0], len(runs), runs[-1].finished_at or runs[-1].started_at)
        for runs in groups.values()
    ]


def _makes_good(run: SyncRun, later: int, scope: Mapping[str, Any]) -> bool:
    """A later run looked at all that the broken one was to look at."""
    channels = set(run.scope.get("groups", ())) - set(scope.get("groups", ()))
    if channels and scope.get("users") is not None:
        return False
    return later > run.pk and all(
        scope.get(name) is None
        or (run.scope.get(name) is not None and set(run.scope[name]) <= set(scope[name]))
        for name in ("courses", "users")
    )


@dataclass(frozen=True, slots=True)
class Outage:
    """A server that could not be reached by the last run that tried. `cause`: of RunCause."""

    cause: str
    since: datetime
    last: SyncRun


def outage() -> Outage | None:
    """None when the newest run that tried did read both servers. Two queries."""
    looked = SyncRun.objects.filter(status__in=LOOKED, finished_at__isnull=False)
    reached = looked.order_by("-pk").values_list("pk", "finished_at").first()
    ended = Q(finished_at__isnull=False) & ~Q(status__in=LOOKED)
    waits = Q(status__in=OPEN, failing_since__isnull=False)
    if reached is not None:  # `alive_at` of one that waits is the moment of its last try
        ended, waits = ended & Q(pk__gt=reached[0]), waits & Q(alive_at__gt=reached[1])
    away = SyncRun.objects.filter(ended | waits, cause__in=AWAY)
    columns = ("cause", "alive_at", "finished_at", "failing_since", "message", "hint")
    runs = sorted(away.only(*columns), key=lambda run: (_last_try(run), run.pk))
    if not runs:
        return None
    last = runs[-1]
    since = min(run.failing_since or _last_try(run) for run in runs if run.cause == last.cause)
    return Outage(last.cause, since, last)


def _last_try(run: SyncRun) -> datetime:
    return run.finished_at or run.alive_at
