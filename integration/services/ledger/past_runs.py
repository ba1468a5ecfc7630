"""What a run did, as an undo needs it, and what was approved with it."""

from collections import Counter
from collections.abc import Collection

from django.db.models import Q

from integration.domain.errors import ConfigurationError
from integration.domain.forgetting import FORGOTTEN
from integration.domain.messages import msg
from integration.domain.operations import Stored, restore
from integration.domain.state import Scope
from integration.models import IntegratedCourse, SyncOperation, SyncRun
from integration.services.sync.guard import Approval
from integration.services.sync.undo import PastOperation


def past_operations(run_id: int, chosen: Collection[int] | None = None) -> list[PastOperation]:
    """The operations of the run that were done, the last one first; `chosen` are positions.

    Not those whose person was forgotten: their names are gone.
    """
    done = SyncOperation.objects.filter(run_id=run_id, status=SyncOperation.Status.DONE)
    if chosen is not None:
        done = done.filter(position__in=chosen)
    return [
        PastOperation(restore(_stored(row)), row.description)
        for row in done.order_by("-position").iterator(2000)
        if not row.details.get(FORGOTTEN)
    ]


def _stored(row: SyncOperation) -> Stored:
    ids = (row.moodle_user_id, row.moodle_group_id, row.moodle_course_id)
    return Stored(row.kind, *ids, row.reason, row.details)


def scope_of_past(run: SyncRun, chosen: Collection[int] | None = None) -> Scope:
    """The courses that the run changed something in; all where it changed accounts only.

    `chosen` are positions of the operations that are meant, None = all.
    """
    done = SyncOperation.objects.filter(run=run, status=SyncOperation.Status.DONE)
    if chosen is not None:
        done = done.filter(position__in=chosen)
    touched = (
        done.exclude(moodle_course_id=None)
        .order_by()
        .values_list("moodle_course_id", flat=True)
        .distinct()
    )
    courses = frozenset(course for course in touched if course is not None)
    return Scope(courses=courses or None)


def check_undoable(run: SyncRun) -> None:
    if run.kind not in (SyncRun.Kind.APPLY, SyncRun.Kind.UNDO):
        raise ConfigurationError(
            msg("Run {run} wrote nothing, so there is nothing to undo.", run=run.pk)
        )
    if run.status in (SyncRun.Status.RUNNING, SyncRun.Status.QUEUED):
        raise ConfigurationError(
            msg("Run {run} has not finished yet.", run=run.pk),
            hint=msg("Wait, or cancel it first."),
        )


def pause_courses(scope: Scope) -> list[IntegratedCourse]:
    """Take the courses out of the automatic sync, which would do again what an undo takes back."""
    rows = IntegratedCourse.objects.all()
    if scope.courses is not None:
        rows = rows.filter(course_id__in=scope.courses)
    paused = [row for row in rows if row.background_sync or row.event_sync]
    for row in paused:
        row.background_sync = row.event_sync = False
        row.save(update_fields=["background_sync", "event_sync"])
    return paused


def approval_of(run_id: int | None) -> Approval:
    """What was approved with the run, by key."""
    run = None
    if run_id is not None:
        run = SyncRun.objects.filter(pk=run_id, status=SyncRun.Status.APPROVED).first()
    if run is None:
        return Approval()
    limits: Counter[str] = Counter()
    for part in (run, *run.parts.all()):
        limits.update({breach["code"]: breach["count"] for breach in part.breaches})
    return Approval(frozenset(_held(run)), dict(limits))


def was_rejected(run: SyncRun) -> bool:
    """Whether all that waits in the run was rejected before: nobody has to be told again."""
    rejected = SyncRun.objects.filter(status=SyncRun.Status.REFUSED, pk__lt=run.pk)
    before = rejected.filter(kind=run.kind, undoes=run.undoes_id).order_by("-pk").first()
    if before is None or before.scope != run.scope:
        return False
    known = {breach["code"]: breach["count"] for breach in before.breaches}
    worse = any(breach["count"] > known.get(breach["code"], -1) for breach in run.breaches)
    return not worse and _held(run) <= _held(before)


def _held(run: SyncRun) -> set[str]:
    """Keys of what waits in the run and in its parts."""
    whose = Q(run=run) | Q(run__parent=run)
    rows = SyncOperation.objects.filter(whose, status=SyncOperation.Status.HELD)
    return set(rows.values_list("key", flat=True))
