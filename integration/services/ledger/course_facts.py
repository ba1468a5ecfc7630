"""What the last runs over a whole course found, stored with the course.

Facts, no judgement: `monitoring/course_states` makes the state out of them.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from integration.domain.messages import msg
from integration.domain.outcomes import TELLS_NOTHING, Result, RunStatus
from integration.domain.state import Scope
from integration.models import IntegratedCourse, SyncRun
from integration.services.sync.differences import Difference, DifferenceKind
from integration.services.sync.report import RunReport, Tally

COMPLETE = (RunStatus.DONE, RunStatus.FAILED, RunStatus.QUARANTINED)
BROKEN = (Result.FAILED, Result.SKIPPED, Result.NOT_TRIED)


def courses_of(scope: Scope) -> "QuerySet[IntegratedCourse, Any]":
    rows = IntegratedCourse.objects.all()
    return rows if scope.courses is None else rows.filter(course_id__in=scope.courses)


def store(run: SyncRun, report: RunReport, scope: Scope) -> None:
    """Store what a run found about its courses.

    A run for single people says nothing about courses, nor does one that was ended by a person or
    goes on in another run (TELLS_NOTHING); a preview stores only what it found.
    """
    if run.cause in TELLS_NOTHING:
        return
    if run.kind == SyncRun.Kind.UNDO:
        _store_undone(run, report)
        return
    if scope.users is not None or run.undoes_id is not None:
        return
    if run.kind == SyncRun.Kind.APPLY:
        courses_of(scope).update(last_run=run)
    if not report.doubtful and report.status in (*COMPLETE, RunStatus.PLANNED):
        _store_differences(run, report, scope)


def could_not_run(run: SyncRun, scope: Scope) -> None:
    """It ended before it knew anything about its courses, and that has to be repaired."""
    if scope.users is None:
        courses_of(scope).update(last_run=run)


def _store_differences(run: SyncRun, report: RunReport, scope: Scope) -> None:
    dry = report.status is RunStatus.PLANNED
    failed = _failed(report.tally)
    planned = Counter(report.plan.by_course if dry else {})
    held = {operation.about.course_id for operation in report.held}
    name = msg("run {run}", run=run.pk)
    changed, good = [], []
    for row in courses_of(scope):
        found = [
            *report.remaining.courses.get(row.course_id, ()),
            *_made(DifferenceKind.PLANNED, planned[row.course_id], name),
            *_made(DifferenceKind.FAILED, failed[row.course_id]),
        ]
        stored = as_json(found)
        if row.differences != stored:
            row.differences = stored
            changed.append(row)
        exists = all(one.kind is not DifferenceKind.NO_COURSE for one in found)
        if exists and not failed[row.course_id] and row.course_id not in held:
            good.append(row.pk)
    IntegratedCourse.objects.bulk_update(changed, ["differences"], batch_size=200)
    if not dry:
        rows = IntegratedCourse.objects.filter(pk__in=good)
        rows.update(last_success=timezone.now(), pending_sync=False)


def as_json(differences: Iterable[Difference]) -> list[list[Any]]:
    """As a column stores them; monitoring/course_states reads them."""
    return [[one.kind.value, one.count, one.reason] for one in differences]


def _failed(tally: Tally) -> Counter[int | None]:
    """Operations that were not done, and people who were left out, by course."""
    failed = Counter(tally.left_out)
    for (course, result), number in tally.by_course.items():
        failed[course] += number if result in BROKEN else 0
    return failed


def _made(kind: DifferenceKind, number: int, reason: str = "") -> list[Difference]:
    return [Difference(kind, number, reason)] if number else []


def _store_undone(run: SyncRun, report: RunReport) -> None:
    """Rocket.Chat is as it was before another run, and not as Moodle asks."""
    by_course = report.tally.by_course.items()
    done = {course: n for (course, result), n in by_course if result is Result.DONE}
    touched = [course for course in done if course is not None]
    text = msg("run {run} undid what run {other} had done", run=run.pk, other=run.undoes_id or 0)
    for row in IntegratedCourse.objects.filter(course_id__in=touched):
        row.differences = [[DifferenceKind.UNDONE.value, done[row.course_id], text]]
        row.save(update_fields=["differences"])
