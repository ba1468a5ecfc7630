"""The audit trail: who did what, when, to whom, what it was before and after, and what came of it.

Every operation that was tried in Rocket.Chat is an entry, and every decision and change of
settings. Entries are only added; `prune` keeps the retention that the settings name, and leaves an
entry about itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from integration.domain import actor as actors
from integration.domain.actor import Actor
from integration.domain.messages import counted, joined
from integration.domain.outcomes import Result
from integration.models import AuditEntry, IntegrationSettings, SyncRun
from integration.services.ledger import bulk, pruning, reading
from integration.services.sync.report import Outcome

KIND_OF_TRIGGER = {
    SyncRun.Trigger.ADMIN: AuditEntry.ActorKind.PERSON,
    SyncRun.Trigger.COMMAND: AuditEntry.ActorKind.COMMAND,
    SyncRun.Trigger.SCHEDULE: AuditEntry.ActorKind.SCHEDULE,
    SyncRun.Trigger.EVENT: AuditEntry.ActorKind.EVENT,
}
TRIED = {Result.DONE: AuditEntry.Result.DONE, Result.FAILED: AuditEntry.Result.FAILED}
ENTRY = (
    "actor_kind",
    "actor",
    "run_id",
    "action",
    "subject",
    "moodle_user_id",
    "moodle_group_id",
    "moodle_course_id",
    "before",
    "after",
    "result",
    "reason",
    "error",
)


def actor_of(run: SyncRun) -> Actor:
    kind = KIND_OF_TRIGGER.get(SyncRun.Trigger(run.trigger), AuditEntry.ActorKind.SYSTEM)
    return Actor(kind, run.actor)


def record(
    action: str,
    subject: str,
    *,
    by: Actor | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **columns: Any,
) -> AuditEntry:
    """Add one entry about something that is not an operation of a run.

    `subject` and texts in the columns may be Messages: a page says them in its reader's language.
    """
    by = by or actors.current()
    return AuditEntry.objects.create(
        actor_kind=by.kind,
        actor=by.name[:150],
        action=action,
        subject=subject,
        before=dict(before or {}),
        after=dict(after or {}),
        **columns,
    )


def record_outcomes(run: SyncRun, outcomes: Sequence[Outcome]) -> None:
    """Add an entry for each operation that was tried, in one statement."""
    by = actor_of(run)
    tried = (outcome for outcome in outcomes if outcome.result in TRIED)
    bulk.insert(AuditEntry, ENTRY, (_entry(run, by, outcome) for outcome in tried))


def _entry(run: SyncRun, by: Actor, outcome: Outcome) -> tuple[Any, ...]:
    """In the order of ENTRY."""
    operation = outcome.operation
    before, after = operation.changes()
    ids = {"account_id": outcome.account_id, "room_id": outcome.room_id}
    told = [part for part in (outcome.error, outcome.code, outcome.answer) if part]
    return (
        str(by.kind),
        by.name[:150],
        run.pk,
        operation.kind,
        operation.describe(),
        *operation.about,
        before,
        after | {key: value for key, value in ids.items() if value},
        str(TRIED[outcome.result]),
        operation.reason,
        joined(" ", told),
    )


def prune() -> int:
    """Delete entries older than the retention in the settings; how many. Without one nothing
    goes.
    """
    days = IntegrationSettings.load().audit_days
    if days is None:
        return 0
    old = AuditEntry.objects.filter(at__lt=timezone.now() - timedelta(days=days))
    count = pruning.delete_in_steps(old.order_by("at"))
    if count:
        old_ones = counted(
            "{n} entry older than {days} days",
            "{n} entries older than {days} days",
            count,
            days=days,
        )
        record("prune_audit", old_ones, by=actors.NOBODY)
    return count


def entries(
    *,
    run: int | None = None,
    user: int | None = None,
    group: int | None = None,
    course: int | None = None,
    since: Any = None,
) -> Iterable[AuditEntry]:
    """The entries, oldest first, filtered; read row by row, so memory does not grow with their
    number.
    """
    wanted = {
        "run_id": run,
        "moodle_user_id": user,
        "moodle_group_id": group,
        "moodle_course_id": course,
        "at__gte": since,
    }
    chosen = {name: value for name, value in wanted.items() if value is not None}
    return reading.rows_by(AuditEntry.objects.filter(**chosen))
