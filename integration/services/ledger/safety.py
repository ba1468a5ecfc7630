"""What the safety features keep between runs: sizes, days of grace, what went lately, what
waits.
"""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone

from integration.domain.operations import (
    Archive,
    Deactivate,
    RemoveMember,
    SetReadOnly,
    course_of,
    describe,
    group_of,
    user_of,
)
from integration.domain.outcomes import RunStatus
from integration.domain.policy import Removal
from integration.domain.state import Scope
from integration.models import IntegratedCourse, PendingEnding, SyncOperation, SyncRun
from integration.services.sync.grace import Waiting
from integration.services.sync.report import RunReport
from integration.services.sync.sizes import Size

LATELY = timedelta(hours=24)
GOOD = (RunStatus.DONE, RunStatus.FAILED)
KINDS = {
    Removal.MEMBERSHIPS: (RemoveMember.kind,),
    Removal.ACCOUNTS: (Deactivate.kind,),
    Removal.CHANNELS: (Archive.kind, SetReadOnly.kind),
}


def known_sizes() -> dict[int, Size]:
    """What Moodle told of each integrated course at the last good run."""
    rows = IntegratedCourse.objects.exclude(last_size=None).values_list("course_id", "last_size")
    return {course_id: Size(*size) for course_id, size in rows if size}


def pending_since() -> dict[str, int]:
    return dict(PendingEnding.objects.values_list("key", "since"))


def removed_lately() -> Mapping[str, int]:
    """What runs took away in the last 24 hours, less what a person let pass."""
    done = SyncOperation.objects.filter(
        kind__in=[kind for kinds in KINDS.values() for kind in kinds],
        status=SyncOperation.Status.DONE,
        finished_at__gt=timezone.now() - LATELY,
        run__forced=False,
        run__approves=None,
        run__kind=SyncRun.Kind.APPLY,
    )
    closing = ~Q(kind=SetReadOnly.kind) | Q(details__read_only=True)
    counts = dict(done.filter(closing).order_by().values_list("kind").annotate(number=Count("pk")))
    return {what: sum(counts.get(kind, 0) for kind in kinds) for what, kinds in KINDS.items()}


def store(run: SyncRun, report: RunReport, scope: Scope) -> None:
    """What a run that was to write leaves behind."""
    if report.status in GOOD and (run.forced or not report.doubtful):
        _store_sizes(report.sizes)
    if report.status in (*GOOD, RunStatus.QUARANTINED):
        _store_waiting(report.waiting, scope)
        _overtake(run, scope)


def _store_sizes(sizes: Mapping[int, Size]) -> None:
    changed = []
    for row in IntegratedCourse.objects.filter(course_id__in=sizes):
        if row.last_size != list(sizes[row.course_id]):
            row.last_size = list(sizes[row.course_id])
            changed.append(row)
    IntegratedCourse.objects.bulk_update(changed, ["last_size"], batch_size=200)


def _store_waiting(waiting: tuple[Waiting, ...], scope: Scope) -> None:
    """The rows of the scope are those of this run: what is not in it any more came back, or was
    done.
    """
    rows = PendingEnding.objects.all()
    if scope.courses is not None:
        rows = rows.filter(moodle_course_id__in=scope.courses)
    if scope.users is not None:
        rows = rows.filter(moodle_user_id__in=scope.users)
    keys = {one.key for one in waiting}
    known = dict(rows.values_list("key", "pk"))
    rows.filter(pk__in=[pk for key, pk in known.items() if key not in keys]).delete()
    PendingEnding.objects.bulk_create(
        [
            PendingEnding(
                key=one.key,
                kind=one.operation.kind,
                moodle_user_id=user_of(one.operation),
                moodle_group_id=group_of(one.operation),
                moodle_course_id=course_of(one.operation),
                description=describe(one.operation),
                reason=one.operation.reason,
                since=one.since,
                due=one.due,
            )
            for one in waiting
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


def _overtake(run: SyncRun, scope: Scope) -> None:
    """A later look at the same things, or at everything, says what waits now."""
    everything = scope.courses is None and scope.users is None
    for earlier in SyncRun.objects.filter(status=SyncRun.Status.QUARANTINED, pk__lt=run.pk):
        if everything or earlier.scope == run.scope:
            SyncRun.objects.filter(pk=earlier.pk, status=SyncRun.Status.QUARANTINED).update(
                status=SyncRun.Status.OVERTAKEN
            )
