"""The audit trail: who did what, when, to whom, what it was before and after, and what came of it.

Every operation that was tried in Rocket.Chat is an entry, and every decision and change of
settings. Entries are only added; `prune` keeps the retention that the settings name, and leaves an
entry about itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, assert_never

from django.db.models import QuerySet
from django.utils import timezone

from integration.domain import actor as actors
from integration.domain.actor import Actor
from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTopic,
    Unarchive,
    UnsetRoomRole,
    UpdateAccount,
    course_of,
    describe,
    group_of,
    user_of,
)
from integration.domain.outcomes import Result
from integration.models import AuditEntry, IntegrationSettings, SyncRun
from integration.services.ledger import bulk
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
Facts = dict[str, Any]


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
    """One entry about something that is no operation of a run."""
    by = by or actors.current()
    return AuditEntry.objects.create(
        actor_kind=by.kind,
        actor=by.name[:150],
        action=action,
        subject=subject[:400],
        before=dict(before or {}),
        after=dict(after or {}),
        **columns,
    )


def record_outcomes(run: SyncRun, outcomes: Sequence[Outcome]) -> None:
    """Operations that were tried, in one statement."""
    by = actor_of(run)
    tried = (outcome for outcome in outcomes if outcome.result in TRIED)
    bulk.insert(AuditEntry, ENTRY, (_entry(run, by, outcome) for outcome in tried))


def _entry(run: SyncRun, by: Actor, outcome: Outcome) -> tuple[Any, ...]:
    """In the order of ENTRY."""
    operation = outcome.operation
    before, after = changes(operation)
    ids = {"account_id": outcome.account_id, "room_id": outcome.room_id}
    msg = " ".join(part for part in (outcome.error, outcome.code, outcome.answer) if part)
    return (
        str(by.kind),
        by.name[:150],
        run.pk,
        operation.kind,
        describe(operation)[:400],
        user_of(operation),
        group_of(operation),
        course_of(operation),
        before,
        after | {key: value for key, value in ids.items() if value},
        str(TRIED[outcome.result]),
        operation.reason,
        msg,
    )


def changes(  # noqa: C901  # one case for each kind of operation
    operation: Operation,
) -> tuple[Facts, Facts]:
    """What the operation changes: as it was, as it is to be."""
    match operation:
        case CreateAccount(username=username, name=name, email=email):
            return {}, {"username": username, "name": name, "email": email, "active": True}
        case UpdateAccount():
            return _updated(operation)
        case Activate():
            return {"active": False}, {"active": True}
        case Deactivate():
            return {"active": True}, {"active": False}
        case CreateChannel(name=name, topic=topic, private=private, joiners=joiners):
            people = [joiner.user_id for joiner in joiners]
            return {}, {"name": name, "topic": topic, "private": private, "members": people}
        case RenameChannel(old_name=old, name=new):
            return {"name": old}, {"name": new}
        case SetTopic(old_topic=old, topic=new):
            return {"topic": old}, {"topic": new}
        case SetReadOnly(read_only=read_only):
            return {"read_only": not read_only}, {"read_only": read_only}
        case AddMembers(joiners=joiners):
            return {}, {"members": [joiner.user_id for joiner in joiners]}
        case RemoveMember(user_id=user_id):
            return {"members": [user_id]}, {"members": []}
        case SetRoomRole(role=role):
            return {}, {"role": role.value}
        case UnsetRoomRole(role=role):
            return {"role": role.value}, {"role": "member"}
        case Archive():
            return {"archived": False}, {"archived": True}
        case Unarchive():
            return {"archived": True}, {"archived": False}
        case AdoptAccount() | AdoptChannel():
            return {}, {"linked": True}
        case _:
            assert_never(operation)


def _updated(operation: UpdateAccount) -> tuple[Facts, Facts]:
    before: Facts = {}
    after: Facts = {}
    if operation.name is not None:
        before["name"], after["name"] = operation.old_name, operation.name
    if operation.email is not None:
        before["email"], after["email"] = operation.old_email, operation.email
    return before, after


def prune() -> int:
    """Delete entries older than the retention in the settings; how many. Without one nothing
    goes.
    """
    days = IntegrationSettings.load().audit_days
    if days is None:
        return 0
    old = AuditEntry.objects.filter(at__lt=timezone.now() - timedelta(days=days))
    count = QuerySet.delete(old)[0]
    if count:
        record("prune_audit", f"{count} entries older than {days} days", by=actors.NOBODY)
    return count


def entries(
    *,
    run: int | None = None,
    user: int | None = None,
    group: int | None = None,
    course: int | None = None,
    since: Any = None,
) -> Iterable[AuditEntry]:
    """The trail, oldest first, narrowed as asked; row by row, so that its length does not
    matter.
    """
    wanted = {
        "run_id": run,
        "moodle_user_id": user,
        "moodle_group_id": group,
        "moodle_course_id": course,
        "at__gte": since,
    }
    chosen = {name: value for name, value in wanted.items() if value is not None}
    return AuditEntry.objects.filter(**chosen).order_by("pk").iterator(1000)
