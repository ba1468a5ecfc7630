"""Approve or reject held plans. Each needs a permission and a reason; both go into the audit
trail.
"""

from typing import Any, Protocol

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from integration.domain import reasons
from integration.domain.actor import Actor
from integration.domain.errors import ConfigurationError
from integration.domain.messages import counted, msg
from integration.models import SyncRun
from integration.services.ledger import audit_trail, pauses
from integration.services.runs.order import Order, order_of
from integration.services.sync.guard import SAY_WHICH_SERVER, is_about_server

PERMISSION = "integration.approve_removals"


class User(Protocol):
    """A user of the admin."""

    def get_username(self) -> str: ...

    def has_perm(self, perm: str) -> bool: ...


def approve(
    run: SyncRun, user: User, reason: str, *, trigger: str = SyncRun.Trigger.ADMIN
) -> Order:
    """Approve what is held in `run`; returns the order that carries it out, for runner.execute.

    The new run reads everything again: what is not due any more is left alone, and a removal that
    nobody approved counts against the limits.
    """
    if is_about_server(run.breaches):
        raise ConfigurationError(
            msg(
                "Run {run} reached another Rocket.Chat workspace; no approval changes that.",
                run=run.pk,
            ),
            hint=SAY_WHICH_SERVER,
        )
    pauses.check()
    waiting = order_of(run)  # of an undo: what it turns back, and why
    _decide(run, user, reason, SyncRun.Status.APPROVED, "approve")
    return Order(
        kind=run.kind,
        trigger=trigger,
        scope=waiting.scope,
        actor=user.get_username(),
        approves=run.pk,
        undoes=waiting.undoes,
        chosen=waiting.chosen,
        pauses=waiting.pauses,
        reason=waiting.reason,
    )


def reject(run: SyncRun, user: User, reason: str) -> None:
    """Reject what is held in `run`. A later run that finds the same holds it again, without a
    message.
    """
    _decide(run, user, reason, SyncRun.Status.REFUSED, "reject")


def _decide(run: SyncRun, user: User, reason: str, status: str, action: str) -> None:
    if not user.has_perm(PERMISSION):
        raise PermissionDenied(msg("This needs the permission to approve removals."))
    reasons.check(reason, msg("A decision needs a reason."))
    columns: dict[str, Any] = {
        "status": status,
        "decided_by": user.get_username(),
        "decided_at": timezone.now(),
        "decision_reason": reason.strip(),
    }
    waiting = SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.QUARANTINED)
    if not waiting.update(**columns):
        raise ConfigurationError(
            msg("Run {run} does not wait for a decision (any more).", run=run.pk),
            hint=msg("Look at the latest run."),
        )
    run.refresh_from_db()
    audit_trail.record(
        action,
        counted(
            "{n} operation of run {run}",
            "{n} operations of run {run}",
            run.held_count or 0,
            run=run.pk,
        ),
        by=Actor("person", user.get_username()),
        run_id=run.pk,
        after={"limits": [breach["text"] for breach in run.breaches]},
        reason=reason.strip(),
    )
