"""The rows of runs: begun, finished, their conflicts, and what they mean for courses."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from integration.domain import conflicts
from integration.domain.errors import (
    Busy,
    ConfigurationError,
    RocketChatError,
    SourceError,
    StalePlan,
    SyncError,
    TransientError,
)
from integration.domain.messages import joined, msg
from integration.domain.outcomes import TELLS_NOTHING, Result, RunCause, RunStatus
from integration.domain.state import Course, Scope
from integration.models import AccountLink, Conflict, IntegratedCourse, SyncRun, SyncRunCourse
from integration.services.ledger import course_facts, safety
from integration.services.sync.guard import SAY_WHICH_SERVER, Breach
from integration.services.sync.report import RunReport

logger = logging.getLogger(__name__)

REPORTED = (
    "planned",
    "applied",
    "digest",
    "failed_count",
    "conflict_count",
    "skips",
    "conflicts",
    "differences",
    "requests",
    "breaches",
    "held_count",
)
IN_PROGRESS = msg("A run is in progress.")
LINKED = "linked"  # in a stored scope: everybody who has an account, at the time of the run
RESULT = ("status", "cause", "message", "hint", "finished_at")
CAUSES: tuple[tuple[type[SyncError], RunCause], ...] = (
    (StalePlan, RunCause.STALE),
    (Busy, RunCause.BUSY),
    (SourceError, RunCause.MOODLE),
    (ConfigurationError, RunCause.SETTINGS),
    (TransientError, RunCause.CHAT_AWAY),
    (RocketChatError, RunCause.REFUSED),
)


def check_none_is_running(hint: str, message: str = IN_PROGRESS) -> None:
    """ConfigurationError while a run is under way: what it read would be wrong afterwards."""
    if SyncRun.objects.filter(status=SyncRun.Status.RUNNING).exists():
        raise ConfigurationError(message, hint=hint)


def begin(**columns: Any) -> SyncRun:
    """The row of a new run that this process is about to work on."""
    return SyncRun.objects.create(status=SyncRun.Status.RUNNING, **columns)


def scope_as_json(scope: Scope) -> dict[str, list[int] | None]:
    stored = {
        "courses": None if scope.courses is None else sorted(scope.courses),
        "users": None if scope.users is None else sorted(scope.users),
    }
    return stored | ({"groups": sorted(scope.groups)} if scope.groups else {})


def scope_of(run: SyncRun) -> Scope:
    """The scope that the run was begun with."""
    courses, users = run.scope.get("courses"), run.scope.get("users")
    if users == LINKED:
        users = AccountLink.objects.values_list("moodle_user_id", flat=True)
    return Scope(
        None if courses is None else frozenset(courses),
        None if users is None else frozenset(users),
        frozenset(run.scope.get("groups", ())),
    )


def finish(
    run: SyncRun, report: RunReport, scope: Scope, requests: Mapping[str, Any], notes: Iterable[str]
) -> None:
    """Store what the run has to say.

    Conflicts are stored by runs that write; a preview only counts them.
    """
    with transaction.atomic():
        if not _still_ours(run):
            return
        run.status = report.status.value
        run.cause = report.cause
        run.planned = dict(report.plan.counts)
        run.applied = dict(report.applied)
        run.digest = report.plan.digest
        run.failed_count = len(report.failed)
        run.conflict_count = len(report.plan.conflicts)
        run.skips = [{"subject": "settings", "reason": note} for note in notes] + [
            {"subject": skip.subject, "reason": skip.reason} for skip in report.plan.skips
        ]
        run.conflicts = [_conflict_as_json(conflict) for conflict in report.plan.conflicts]
        run.differences = course_facts.as_json(report.remaining.together())
        run.requests = dict(requests)
        run.breaches = [breach_as_json(breach) for breach in report.breaches]
        run.held_count = len(report.held)
        breaches = joined("\n", (breach.in_words() for breach in report.breaches))
        run.message = breaches or report.stopped_because
        run.hint = _hint(run, report)
        run.finished_at = timezone.now()
        run.save(update_fields=[*RESULT, *REPORTED])
        if run.kind == SyncRun.Kind.APPLY and not report.doubtful:
            _store_conflicts(report, scope)
        if run.kind == SyncRun.Kind.APPLY:
            _store_courses(run, report, scope)
        if run.kind in safety.WRITING:
            safety.store(run, report, scope)
        course_facts.store(run, report, scope)


def fail(run: SyncRun, error: SyncError, scope: Scope) -> None:
    """Store that the run could not do its work, and why."""
    if not _still_ours(run):
        return
    run.status = SyncRun.Status.ERROR
    run.cause = cause_of(error)
    run.message = error.message
    doctor = msg("Test connections in the admin, or ./rcsync doctor, says what is wrong.")
    run.hint = error.hint or doctor
    run.finished_at = timezone.now()
    run.save(update_fields=RESULT)
    if run.kind == SyncRun.Kind.APPLY and run.cause not in TELLS_NOTHING:
        course_facts.could_not_run(run, scope)


def cause_of(error: SyncError) -> RunCause:
    """What kept a run from its work; an error that nobody foresaw is a SyncError of no kind."""
    return next((cause for kind, cause in CAUSES if isinstance(error, kind)), RunCause.CRASH)


def _still_ours(run: SyncRun) -> bool:
    """False when a sweep has declared the run dead meanwhile: what it stored stays."""
    rows = SyncRun.objects.filter(pk=run.pk, worker=run.worker, status=SyncRun.Status.RUNNING)
    if rows.exists():
        return True
    logger.warning("run=%d was taken for dead while it worked; its end is not stored", run.pk)
    run.refresh_from_db()
    return False


def name_courses(courses: Mapping[int, Course]) -> None:
    """Store the courses' names as Moodle has them, for the admin."""
    changed = []
    for row in IntegratedCourse.objects.filter(course_id__in=courses):
        course = courses[row.course_id]
        if (row.shortname, row.fullname) != (course.shortname, course.fullname):
            row.shortname, row.fullname = course.shortname, course.fullname
            changed.append(row)
    IntegratedCourse.objects.bulk_update(changed, ["shortname", "fullname"], batch_size=200)


def _conflict_as_json(conflict: conflicts.Conflict) -> dict[str, Any]:
    return {
        "kind": conflict.kind.value,
        "moodle_user_id": conflict.user_id,
        "moodle_group_id": conflict.group_id,
        "moodle_course_id": conflict.course_id,
        "moodle": conflict.moodle_side,
        "rocketchat": conflict.rocketchat_side,
        "advice": conflict.advice,
    }


def _hint(run: SyncRun, report: RunReport) -> str:
    if any(breach.final for breach in report.breaches):
        return SAY_WHICH_SERVER
    if report.status is RunStatus.QUARANTINED:
        what = msg("Nothing was changed.")
        if report.tried:
            what = msg("Only additions were made.")
        if run.undoes_id is not None:
            return msg(
                "{what} Review the plan; if it is right, approve it with a reason (admin: "
                "Runs; ./rcsync approve RUN --reason ...).",
                what=what,
            )
        return msg(
            "{what} Review the plan; if it is right, approve it with a reason (admin: "
            "Runs; ./rcsync approve RUN --reason ...), or run it again with --force.",
            what=what,
        )
    if report.stopped_because:
        return msg(
            "What was done stays done. Fix the cause, then run again to continue from there."
        )
    if report.failed:
        return msg("Every failure has its own row with its cause. The next run tries again.")
    return ""


def breach_as_json(breach: Breach) -> dict[str, Any]:
    return {
        "code": breach.code,
        "text": breach.in_words(),
        "count": breach.count,
        "managed": breach.managed,
        "holds": breach.blocks.value,
    }


def _store_courses(run: SyncRun, report: RunReport, scope: Scope) -> None:
    planned, ended = report.plan.by_course, report.tally.by_course
    lost = [result for result in Result if result not in (Result.DONE, Result.LEFT_ALONE)]
    rows = list(course_facts.courses_of(scope))
    SyncRunCourse.objects.bulk_create(
        [
            SyncRunCourse(
                run=run,
                course=row,
                planned_count=planned.get(row.course_id, 0),
                applied_count=ended[row.course_id, Result.DONE],
                failed_count=sum(ended[row.course_id, result] for result in lost),
            )
            for row in rows
        ],
        batch_size=500,
    )


def _store_conflicts(report: RunReport, scope: Scope) -> None:
    """Open what is new, renew what is known, close what is gone (after a look at everything)."""
    everything = scope.courses is None and scope.users is None
    if not (everything or report.plan.conflicts):
        return
    now = timezone.now()
    seen = set()
    known = {
        (c.kind, c.moodle_user_id, c.moodle_group_id, c.moodle_course_id): c
        for c in Conflict.objects.all()
    }
    for conflict in report.plan.conflicts:
        key = conflict.key
        seen.add(key)
        row = known.get(key) or Conflict(
            kind=conflict.kind,
            moodle_user_id=conflict.user_id,
            moodle_group_id=conflict.group_id,
            moodle_course_id=conflict.course_id,
        )
        row.moodle_side = conflict.moodle_side
        row.rocketchat_side = conflict.rocketchat_side
        row.remote_id = conflict.remote_id
        row.advice = conflict.advice
        row.courses = _felt_in(row.courses, report.remaining.conflicts.get(key, ()), scope)
        row.last_seen = now
        row.solved_at = None
        if row.status == Conflict.Status.SOLVED:
            row.status = Conflict.Status.OPEN
        row.save()
    if everything:
        gone = [row.pk for key, row in known.items() if key not in seen]
        Conflict.objects.unsolved().filter(pk__in=gone).update(
            status=Conflict.Status.SOLVED, solved_at=now
        )


def _felt_in(known: Collection[int], found: Collection[int], scope: Scope) -> list[int]:
    """The courses of a conflict: of those outside of the scope the run knows nothing new."""
    return sorted({*found, *(course for course in known if not scope.has_course(course))})
