"""What a person let pass of a run that waited."""

from collections import Counter

from django.db.models import Q

from integration.models import SyncOperation, SyncRun
from integration.services.sync.quarantine import Approval


def approval_of(run_id: int | None) -> Approval:
    """What was approved with the run, by name."""
    run = None
    if run_id is not None:
        run = SyncRun.objects.filter(pk=run_id, status=SyncRun.Status.APPROVED).first()
    if run is None:
        return Approval()
    limits: Counter[str] = Counter()
    for part in (run, *run.parts.all()):
        limits.update({breach["code"]: breach["count"] for breach in part.breaches})
    return Approval(frozenset(_held(run)), dict(limits))


def _name(row: SyncOperation) -> str:
    """As guard.name_of says it of the operation."""
    ids = (
        row.kind,
        row.moodle_group_id,
        row.moodle_user_id,
        row.details.get("room_id"),
        row.details.get("account_id"),
    )
    return "/".join("" if part is None else str(part) for part in ids)


def was_rejected(run: SyncRun) -> bool:
    """Whether all that waits in the run was rejected before: nobody has to be told again."""
    before = (
        SyncRun.objects.filter(status=SyncRun.Status.REFUSED, pk__lt=run.pk).order_by("-pk").first()
    )
    if before is None or before.scope != run.scope:
        return False
    known = {breach["code"]: breach["count"] for breach in before.breaches}
    worse = any(breach["count"] > known.get(breach["code"], -1) for breach in run.breaches)
    return not worse and _held(run) <= _held(before)


def _held(run: SyncRun) -> set[str]:
    """Of the run and of its parts."""
    whose = Q(run=run) | Q(run__parent=run)
    rows = SyncOperation.objects.filter(whose, status=SyncOperation.Status.HELD)
    return {_name(row) for row in rows.iterator(2000)}
