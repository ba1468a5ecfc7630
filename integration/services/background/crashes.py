"""Recovery of runs whose process died: retry, split by course after the second death, give up after
RUN_ATTEMPTS.

A retry is a new row, so that history stays what it was. After the split, a course that kills its
worker is alone in its run and is given up; the other courses are done.
"""

import logging

from django.db import transaction
from django.utils import timezone

from integration.domain.chunks import chunks
from integration.domain.messages import msg
from integration.domain.outcomes import RunCause
from integration.domain.state import Scope
from integration.models import SyncRun
from integration.services.background import parts, queue, retries
from integration.services.ledger import claims, counters, course_facts, leases
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.runs import scope_of
from integration.services.runs.order import order_of

logger = logging.getLogger(__name__)

RUN_ATTEMPTS = 3
CUT_FROM = 2  # with this attempt, a run over several courses is cut up
PIECES = 8
DIED = msg("Its process ended without an error message.")


def go_on_after(run: SyncRun, why: str) -> None:
    """Release the leases and claims of the dead `run` and queue what follows it, in one
    transaction.
    """
    with transaction.atomic():
        if not _close(run, why):
            return
        transaction.on_commit(lambda: counters.count_interrupted(run))
        leases.release(leases.owner_of(run))
        claims.drop(run.worker)
        _go_on(run)
        if run.parent_id is not None:
            parts.finish_parent(run.parent_id)
        queue.wake_waiting(scope_of(run).courses)


def continue_with_rest(run: SyncRun) -> None:
    """Queue a new run for what a task left when its time was over. Not an attempt if it made
    progress.
    """
    run.refresh_from_db()
    _again(run, attempts=1 if run.done_count else run.attempts + 1)


def continue_after_pause(run: SyncRun) -> None:
    """Queue a new run for what the pause kept `run` from; not an attempt. What a person decided is
    not repeated: the plan would be another one.
    """
    run.refresh_from_db()
    if not _is_decided(run):
        _again(run, attempts=run.attempts)


def _close(run: SyncRun, why: str) -> bool:
    """Compare-and-set, so that of two sweeps only one recovers the run."""
    return bool(
        SyncRun.objects.filter(pk=run.pk, worker=run.worker, status=SyncRun.Status.RUNNING).update(
            status=SyncRun.Status.INTERRUPTED,
            cause=RunCause.CRASH,
            message=why,
            hint=msg("Sync again to continue from there."),
            finished_at=timezone.now(),
        )
    )


def _go_on(run: SyncRun) -> None:
    if not run.attempts or _is_decided(run) or run.cancel_requested:
        if run.kind == SyncRun.Kind.APPLY and not run.cancel_requested:
            course_facts.could_not_run(run, scope_of(run))
        return  # a person was waiting for it, or decided about exactly this
    courses = _courses(run)
    if run.attempts >= CUT_FROM and len(courses) > 1:
        _cut_up(run, courses)
    elif run.attempts < RUN_ATTEMPTS:
        _again(run, attempts=run.attempts + 1)
    else:
        _give_up(run)


def _is_decided(run: SyncRun) -> bool:
    """A person looked at exactly this plan."""
    return bool(run.expect_digest or run.forced or run.approves_id or run.undoes_id)


def _courses(run: SyncRun) -> list[int]:
    """The courses by which the run can be split; none for a run about people."""
    if run.scope.get("users") is not None:
        return []
    scope = scope_of(run)
    return sorted(course for course in integrated_courses() if scope.has_course(course))


def _again(run: SyncRun, attempts: int) -> None:
    if attempts > RUN_ATTEMPTS:
        _give_up(run)
        return
    with transaction.atomic():
        new = queue.enqueue(order_of(run), parent=run.parent, attempts=attempts, scope=run.scope)
        hint = msg("Run {run} continues it (attempt {n}).", run=new.pk, n=attempts)
        _supersede(run, hint)


def _cut_up(run: SyncRun, courses: list[int]) -> None:
    size = -(-len(courses) // PIECES)
    order = order_of(run)
    with transaction.atomic():
        numbers, parent = [], run.parent
        if parent is None and run.trigger == SyncRun.Trigger.SCHEDULE:
            parent = parts.begin(order)  # so that the limits hold for the pieces together
        for some in chunks(courses, size):
            piece = Scope(courses=frozenset(some))
            attempts = CUT_FROM if len(piece.courses or ()) > 1 else 1
            new = queue.enqueue(order.with_scope(piece), parent=parent, attempts=attempts)
            numbers.append(str(new.pk))
        if parent is not None and run.parent is None:
            parts.add_people(order, parent)
        pieces = ", ".join(numbers)
        _supersede(run, msg("Split to find the course that causes it: runs {runs}.", runs=pieces))


def _supersede(run: SyncRun, hint: str) -> None:
    SyncRun.objects.filter(pk=run.pk).update(superseded=True, hint=hint)
    logger.warning("run=%d interrupted: %s", run.pk, hint)


def _give_up(run: SyncRun) -> None:
    hint = msg(
        "Given up after {n} attempts. The worker's log says what happened; the next "
        "full pass tries again.",
        n=run.attempts,
    )
    SyncRun.objects.filter(pk=run.pk).update(hint=hint)
    run.refresh_from_db()
    course_facts.could_not_run(run, scope_of(run))
    retries.try_again(run)
    logger.error("run=%d given up after %d attempts", run.pk, run.attempts)
