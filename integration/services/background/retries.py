"""Runs of events that could not be carried out: tried again until they are done.

An event is told once. The run that looks because of it is often the only one that ever will, since
courses with event sync alone are in no full pass. So such a run waits in its row and is tried
again: soon and often while a server is away, seldom where a server refuses.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integration.domain.messages import msg
from integration.domain.outcomes import AWAY, TELLS_NOTHING, Result, RunCause
from integration.models import SyncRun
from integration.services.background import queue
from integration.services.runs.order import order_of
from integration.services.sync.report import RunReport

logger = logging.getLogger(__name__)

Status = SyncRun.Status
FIRST_SECONDS = 5.0  # the first pause; each is twice the one before
LONGEST_SECONDS = 3600.0
LONGEST_AWAY_SECONDS = 300.0  # while a server is away; its return ends a pause (outages.py)
FIRST_REFUSED_SECONDS = 60.0  # somebody has to repair something first
WITHOUT_EFFECT = (Status.ERROR,)  # it did not begin: its own row waits
ENDED_EARLY = (*WITHOUT_EFFECT, Status.STOPPED)
SOON = AWAY | {RunCause.NONE}  # NONE: single operations failed that may work later


def pause_after(failed_tries: int, cause: str) -> timedelta:
    """How long to wait after so many tries that failed, one or more."""
    first = FIRST_SECONDS if cause in SOON else FIRST_REFUSED_SECONDS
    longest = LONGEST_AWAY_SECONDS if cause in AWAY else LONGEST_SECONDS
    return timedelta(seconds=min(first * 2 ** min(failed_tries - 1, 16), longest))


def try_again(run: SyncRun, report: RunReport | None = None) -> None:
    """See to it that what `run` did not do is tried again, where nobody else will."""
    if not _is_of_event(run):
        return
    cause = _cause(run, report)
    if cause is not None:
        with transaction.atomic():
            _wait(run, cause)


def try_forgotten() -> int:
    """Runs whose worker died between their end and `try_again`. For the sweep."""
    ended = SyncRun.objects.filter(
        kind=SyncRun.Kind.APPLY,
        trigger=SyncRun.Trigger.EVENT,
        status__in=ENDED_EARLY,
        superseded=False,
        attempts__gt=0,
        cancel_requested=False,
        finished_at__gt=timezone.now() - timedelta(hours=1),
    )
    forgotten = list(ended.exclude(cause__in=TELLS_NOTHING))
    for run in forgotten:
        try_again(run)
    return len(forgotten)


def waiting(cause: str) -> "QuerySet[SyncRun]":
    """Runs that failed for this cause and wait for their next try."""
    return SyncRun.objects.filter(
        status=Status.QUEUED, failing_since__isnull=False, not_before__isnull=False, cause=cause
    )


def begin_now(cause: str) -> int:
    """The server is back: nobody waits for the end of a pause."""
    runs = list(waiting(cause).order_by("pk"))
    for run in runs:
        SyncRun.objects.filter(pk=run.pk, status=Status.QUEUED).update(not_before=None)
        queue.wake(run)
    return len(runs)


def _is_of_event(run: SyncRun) -> bool:
    """From the queue, and not decided by a person."""
    return bool(
        run.trigger == SyncRun.Trigger.EVENT
        and run.kind == SyncRun.Kind.APPLY
        and run.attempts
        and not run.cancel_requested
    )


def _cause(run: SyncRun, report: RunReport | None) -> RunCause | None:
    """Why some of its work is not done; None: it is, or it waits for a person."""
    if run.status in (*ENDED_EARLY, Status.INTERRUPTED):
        return None if run.cause in TELLS_NOTHING else RunCause(run.cause)
    if run.status != Status.FAILED or report is None:
        return None
    lost = [o for o in report.outcomes if o.result is not Result.DONE]
    if any(outcome.transient for outcome in lost):
        return RunCause.NONE
    return RunCause.REFUSED if lost else None


def _wait(run: SyncRun, cause: RunCause) -> None:
    """In a row that waits for the same reason; else in its own, if nothing was done; or a new one.

    So an outage has two rows at most, however much happens in it and however long it is.
    """
    since = run.failing_since or run.finished_at or timezone.now()
    other = _alike(run, cause) if run.attempts == 1 else None
    if other is not None:
        other.scope = queue.union(other.scope, run.scope)
        other.failing_since = min(since, other.failing_since or since)
        other.save(update_fields=["scope", "failing_since"])
        _supersede(run, other)
        return
    tries = run.failed_tries + 1
    not_before = timezone.now() + pause_after(tries, cause)
    columns: dict[str, Any] = {
        "failed_tries": tries,
        "failing_since": since,
        "not_before": not_before,
        "cause": cause,
        "message": run.message,
        "hint": _next_try(tries, since, cause),
    }
    if run.status in WITHOUT_EFFECT:
        own = SyncRun.objects.filter(pk=run.pk, status=run.status)
        own.update(status=Status.QUEUED, worker="", finished_at=None, **columns)
    else:
        order = {**order_of(run).columns(), "scope": run.scope, "request_id": run.request_id}
        # One that was given up has no attempts left: it takes nobody else down with it.
        columns["attempts"] = run.attempts if run.status == Status.INTERRUPTED else 1
        new = SyncRun.objects.create(status=Status.QUEUED, **order, **columns)
        _supersede(run, new)
    logger.warning("run=%d cause=%s tries=%d waits until=%s", run.pk, cause, tries, not_before)


def _alike(run: SyncRun, cause: RunCause) -> SyncRun | None:
    """Another one that waits for its next try and may take this one's scope over."""
    alike = SyncRun.objects.select_for_update().filter(
        Q(cause__in=AWAY) if cause in AWAY else ~Q(cause__in=AWAY),
        status=Status.QUEUED,
        failing_since__isnull=False,
        kind=run.kind,
        trigger=run.trigger,
        full_check=run.full_check,
        attempts=1,
        parent=None,
        cancel_requested=False,
    )
    people = run.scope.get("users") is not None
    for other in alike.exclude(pk=run.pk).order_by("pk"):
        if (other.scope.get("users") is not None) == people:
            return other
    return None


def _supersede(run: SyncRun, other: SyncRun) -> None:
    """What a run did stays its own; one that ended early is not counted as broken any more."""
    columns: dict[str, Any] = {"hint": msg("Run {run} tries it again.", run=other.pk)}
    if run.status in ENDED_EARLY:
        columns["superseded"] = True
    SyncRun.objects.filter(pk=run.pk).update(**columns)


def _next_try(tries: int, since: datetime, cause: RunCause) -> str:
    moment = f"{timezone.localtime(since):%Y-%m-%d %H:%M}"
    if cause in AWAY:
        return msg(
            "Tried {n} times, first {since}. It is tried again as soon as the server answers.",
            n=tries,
            since=moment,
        )
    return msg(
        "Tried {n} times, first {since}. It is tried again by itself, at least once an hour.",
        n=tries,
        since=moment,
    )
