"""What the safety features keep between runs: sizes, days of grace, recent removals, held plans."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from integration.domain.operations import kinds
from integration.domain.outcomes import RunStatus
from integration.domain.state import Scope
from integration.models import IntegratedCourse, PendingEnding, SyncOperation, SyncRun
from integration.services.sync.grace import Waiting
from integration.services.sync.report import RunReport
from integration.services.sync.sizes import Size

LATELY = timedelta(hours=24)
WRITING = (SyncRun.Kind.APPLY, SyncRun.Kind.UNDO)
GOOD = (RunStatus.DONE, RunStatus.FAILED)


def known_sizes() -> dict[int, Size]:
    """What Moodle told of each integrated course at the last good run."""
    rows = IntegratedCourse.objects.exclude(last_size=None).values_list("course_id", "last_size")
    return {course_id: Size(*size) for course_id, size in rows if size}


def pending_since(about: Q) -> dict[str, int]:
    return dict(PendingEnding.objects.filter(about).values_list("key", "since"))


def removed_lately() -> Mapping[str, int]:
    """What runs took away or renamed in the last 24 hours, less what a person let pass."""
    return taken_away(
        SyncOperation.objects.filter(
            finished_at__gt=timezone.now() - LATELY,
            run__forced=False,
            run__approves=None,
            run__kind__in=WRITING,
        )
    )


def taken_away(operations: QuerySet[SyncOperation]) -> Counter[str]:
    """`Removal` -> how much of it these operations took away or renamed; only what was done."""
    counted = {kind: one.counts_as for kind, one in kinds().items() if one.counts_as}
    done = operations.filter(kind__in=list(counted), status=SyncOperation.Status.DONE)
    counts: Counter[str] = Counter()
    for kind, number in done.order_by().values_list("kind").annotate(number=Count("pk")):
        counts[counted[kind]] += number
    return counts


def store(run: SyncRun, report: RunReport, scope: Scope) -> None:
    """What a run that was to write leaves behind. An undo does not read Moodle."""
    looked = run.kind == SyncRun.Kind.APPLY
    if looked and report.status in GOOD and (run.forced or not report.doubtful):
        _store_sizes(report.sizes)
    if report.status in (*GOOD, RunStatus.QUARANTINED):
        if looked:
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
    keys = {one.operation.key for one in waiting}
    known = dict(rows.values_list("key", "pk"))
    rows.filter(pk__in=[pk for key, pk in known.items() if key not in keys]).delete()
    PendingEnding.objects.bulk_create(
        [_pending(one) for one in waiting],
        batch_size=500,
        ignore_conflicts=True,
    )


def _pending(one: Waiting) -> PendingEnding:
    operation, about = one.operation, one.operation.about
    return PendingEnding(
        key=operation.key,
        kind=operation.kind,
        moodle_user_id=about.user_id,
        moodle_group_id=about.group_id,
        moodle_course_id=about.course_id,
        description=operation.describe(),
        reason=operation.reason,
        since=one.since,
        due=one.due,
    )


def _overtake(run: SyncRun, scope: Scope) -> None:
    """A later look at the same things, or at everything, says what waits now.

    A sync says nothing about an undo that waits, nor the other way round.
    """
    everything = scope.courses is None and scope.users is None
    waiting = SyncRun.objects.filter(status=SyncRun.Status.QUARANTINED, pk__lt=run.pk)
    for earlier in waiting.filter(kind=run.kind, undoes=run.undoes_id):
        if everything or earlier.scope == run.scope:
            SyncRun.objects.filter(pk=earlier.pk, status=SyncRun.Status.QUARANTINED).update(
                status=SyncRun.Status.OVERTAKEN
            )
