"""What a run is to do, asked for by a page, a command, a schedule or an event; stored in its
row.
"""

from dataclasses import dataclass, replace
from typing import Any

from integration.domain import request_id
from integration.domain.state import EVERYTHING, Scope
from integration.models import SyncRun
from integration.services.ledger import runs


@dataclass(frozen=True, slots=True)
class Order:
    """What one run is to do. `kind` and `trigger`: values of SyncRun.Kind and SyncRun.Trigger."""

    kind: str
    trigger: str
    scope: Scope = EVERYTHING
    actor: str = ""
    full_check: bool = False  # read the members of every channel
    force: bool = False
    expect_digest: str = ""
    approves: int | None = None  # the run whose waiting operations a person let pass
    undoes: int | None = None  # the run to turn back
    chosen: tuple[int, ...] | None = None  # positions of its operations, None = all
    pauses: bool = False  # take its courses out of the automatic sync, which would do it again
    reason: str = ""  # why it is turned back
    keep_plan: bool = False  # store the operations of a preview too, for people to look at

    @property
    def writes(self) -> bool:
        return self.kind in (SyncRun.Kind.APPLY, SyncRun.Kind.UNDO)

    def with_scope(self, scope: Scope) -> "Order":
        return replace(self, scope=scope)

    def columns(self) -> dict[str, Any]:
        """The order as columns of a run's row, from which `order_of` makes it again."""
        return {
            "kind": self.kind,
            "trigger": self.trigger,
            "actor": self.actor[:150],
            "scope": runs.scope_as_json(self.scope),
            "full_check": self.full_check,
            "forced": self.force,
            "expect_digest": self.expect_digest,
            "keep_plan": self.keep_plan,
            "approves_id": self.approves,
            "undoes_id": self.undoes,
            "chosen": None if self.chosen is None else list(self.chosen),
            "pauses": self.pauses,
            "decision_reason": self.reason,
            "request_id": request_id.current(),
        }


def order_of(run: SyncRun) -> Order:
    """The order that the run was made from."""
    return Order(
        kind=run.kind,
        trigger=run.trigger,
        scope=runs.scope_of(run),
        actor=run.actor,
        full_check=run.full_check,
        force=run.forced,
        expect_digest=run.expect_digest,
        keep_plan=run.keep_plan,
        approves=run.approves_id,
        undoes=run.undoes_id,
        chosen=None if run.chosen is None else tuple(run.chosen),
        pauses=run.pauses,
        reason=run.decision_reason if run.undoes_id else "",
    )
