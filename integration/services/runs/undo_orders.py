"""Orders that undo a run: first a plan to look at, then, with a reason, the same plan carried
out.
"""

from collections.abc import Collection
from dataclasses import replace

from django.core.exceptions import PermissionDenied

from integration.domain import reasons
from integration.domain.actor import Actor
from integration.domain.messages import msg
from integration.models import SyncRun
from integration.services.ledger import audit_trail, pauses
from integration.services.ledger.past_runs import check_undoable, scope_of_past
from integration.services.runs.approval import User
from integration.services.runs.order import Order

PERMISSION = "integration.undo"


def preview_order(run: SyncRun, user: User, *, chosen: Collection[int] | None = None) -> Order:
    """The order of a preview: runner.execute makes the plan, whose digest `undo` takes."""
    return _order(SyncRun.Kind.PREVIEW, run, user, "preview", chosen)


def undo(
    run: SyncRun,
    user: User,
    reason: str,
    *,
    chosen: Collection[int] | None = None,
    expect_digest: str = "",
    keep_syncing: bool = False,
    force: bool = False,
) -> Order:
    """The order that turns `run` back, for runner.execute.

    Unless `keep_syncing`, the courses it touched are taken out of the automatic sync as soon as
    the plan is accepted, because the next run would do the same again.
    """
    pauses.check()
    order = _order(SyncRun.Kind.UNDO, run, user, reason, chosen, expect_digest)
    by = Actor("person", user.get_username())
    audit_trail.record(
        "undo", msg("run {n}", n=run.pk), by=by, run_id=run.pk, reason=reason.strip()
    )
    return replace(order, pauses=not keep_syncing, force=force)


def _order(
    kind: str,
    run: SyncRun,
    user: User,
    reason: str,
    chosen: Collection[int] | None,
    expect_digest: str = "",
) -> Order:
    if not user.has_perm(PERMISSION):
        raise PermissionDenied(msg("This needs the permission to undo runs."))
    reasons.check(reason, msg("An undo needs a reason."))
    check_undoable(run)
    return Order(
        kind=kind,
        trigger=SyncRun.Trigger.ADMIN,
        scope=scope_of_past(run, chosen),
        actor=user.get_username(),
        expect_digest=expect_digest,
        keep_plan=True,
        undoes=run.pk,
        chosen=None if chosen is None else tuple(sorted(chosen)),
        reason=reason.strip(),
    )
