"""Starting runs from a page.

`start_run` is the one place that decides where a run works, so that a queue can be put behind it.
"""

import logging
import threading
from collections.abc import Iterable
from contextvars import copy_context
from dataclasses import replace

from django.db import connection, connections

from integration.domain.outcomes import RunCause
from integration.domain.state import EVERYTHING, Scope
from integration.models import SyncOperation, SyncRun
from integration.services.admin.runs import OPEN_ENDS
from integration.services.background import queue
from integration.services.ledger.runs import scope_of
from integration.services.runs import runner
from integration.services.runs.order import Order

logger = logging.getLogger(__name__)

REFUSED = (SyncRun.Status.QUARANTINED, SyncRun.Status.REFUSED, SyncRun.Status.OVERTAKEN)
PATIENCE_SECONDS = 4.0  # who is done by then is shown as done, without a look at its progress


def start_run(order: Order, *, here: bool = False) -> SyncRun:
    """Begin the run and come back soon; its row tells how far it is.

    A worker takes it where one is alive. Otherwise, and with `here` (small scopes whose outcome is
    wanted at once), it works in this process: a short run is done when this returns, a longer one
    goes on in a thread.
    """
    run = None if here else queue.hand_over(order)
    if run is not None:
        return run
    run = runner.begin(order)
    if connection.in_atomic_block:  # another thread would not see what is not committed yet
        runner.execute(order, run=run)
    else:
        target = copy_context().run  # with the person to whom changes are put down
        worker = threading.Thread(target=target, args=(_work, order, run), daemon=True)
        worker.start()
        worker.join(None if here else PATIENCE_SECONDS)
    run.refresh_from_db()
    return run


def _work(order: Order, run: SyncRun) -> None:
    try:
        runner.execute(order, run=run)
    except Exception:
        logger.exception("run=%d ended by an unexpected error", run.pk)  # its row says so too
    finally:
        connections.close_all()


# --- what to order --------------------------------------------------------------------------------


def order_for(
    kind: str,
    actor: str,
    *,
    courses: Iterable[int] | None = None,
    users: Iterable[int] | None = None,
) -> Order:
    """An order from the admin. `courses` and `users` are Moodle ids, None = all."""
    scope = Scope(
        None if courses is None else frozenset(courses), None if users is None else frozenset(users)
    )
    return Order(
        kind=kind,
        trigger=SyncRun.Trigger.ADMIN,
        scope=scope,
        actor=actor,
        full_check=kind == SyncRun.Kind.FULL_CHECK,
        keep_plan=kind != SyncRun.Kind.APPLY,
    )


def order_to_apply(plan: SyncRun, actor: str, *, force: bool) -> Order:
    """Exactly what the preview showed: anything else is refused (StalePlan)."""
    return replace(
        order_for(SyncRun.Kind.APPLY, actor),
        scope=scope_of(plan),
        full_check=plan.kind == SyncRun.Kind.FULL_CHECK,
        expect_digest=plan.digest,
        force=force,
    )


def order_again(run: SyncRun, actor: str) -> Order:
    """The same scope once more; it is planned anew, so what is done stays done.

    Of a run that was refused only a plan is made: somebody has to look at it first.
    """
    refused = run.status in REFUSED or run.cause == RunCause.STALE
    kind = SyncRun.Kind.PREVIEW if refused else run.kind
    return replace(order_for(kind, actor), scope=scope_of(run))


def order_to_retry(run: SyncRun, actor: str) -> Order:
    """A run over the smallest scope that holds everything that failed."""
    return replace(order_for(SyncRun.Kind.APPLY, actor), scope=_scope_of_failures(run))


def _scope_of_failures(run: SyncRun) -> Scope:
    rows = SyncOperation.objects.filter(run=run, status__in=OPEN_ENDS)
    courses = set(rows.values_list("moodle_course_id", flat=True).distinct())
    if not courses:
        return EVERYTHING if not run.scope else scope_of(run)
    if None not in courses:
        return Scope(courses=frozenset(course for course in courses if course is not None))
    if courses == {None}:
        users = rows.values_list("moodle_user_id", flat=True)
        return Scope(users=frozenset(user for user in users if user is not None))
    return scope_of(run)
