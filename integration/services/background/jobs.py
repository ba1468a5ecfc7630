"""What the schedules start: the full pass, the full check, and the pruning of old rows."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django_q.models import Failure

from integration.domain.chunks import chunks
from integration.domain.errors import SyncError
from integration.models import (
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    SyncOperation,
    SyncRun,
)
from integration.services.background import parts
from integration.services.ledger import audit_trail, category_joins, pruning
from integration.services.moodle.reader import MoodleReader
from integration.services.runs.order import Order

logger = logging.getLogger(__name__)
BATCH = 50
OPEN = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
KEPT = (*OPEN, SyncRun.Status.QUARANTINED)  # something still waits there


def full_pass(*, full_check: bool = False) -> SyncRun | None:
    """Queue a run over every course with background sync and every pending one.

    New courses of integrated categories join first. None when there is no such course, or when an
    earlier pass is not done yet: it does what is left.
    """
    join_new_courses()
    wanted = Q(background_sync=True) | Q(pending_sync=True)
    courses = set(IntegratedCourse.objects.filter(wanted).values_list("course_id", flat=True))
    if not courses or _unfinished():
        return None
    whole = len(courses) == IntegratedCourse.objects.count()
    order = Order(SyncRun.Kind.APPLY, SyncRun.Trigger.SCHEDULE, full_check=full_check)
    return parts.start(order, courses, whole=whole)


def join_new_courses() -> int:
    """Integrate what is new in the integrated categories; says how many courses that are.

    Where Moodle cannot be read nothing joins: the pass itself tells of that.
    """
    try:
        joined = category_joins.join(MoodleReader().courses_below)
    except SyncError as error:
        logger.warning("new courses of categories could not be looked for: %s", error)
        return 0
    if joined:
        logger.info("joined=%d courses of integrated categories", len(joined))
    return len(joined)


def _unfinished() -> bool:
    return SyncRun.objects.filter(
        trigger=SyncRun.Trigger.SCHEDULE, status__in=OPEN, parent=None
    ).exists()


def prune() -> int:
    """Delete runs older than the settings say, with their operations. The last good one stays, and
    the last one of each course.

    The audit trail has a retention of its own.
    """
    audit_trail.prune()
    prune_failed_logins()
    prune_sessions()
    days = IntegrationSettings.load().history_days
    if days is None:
        return 0
    prune_conflicts(days)
    prune_failures(days)
    old = SyncRun.objects.filter(
        parent=None, finished_at__lt=timezone.now() - timedelta(days=days)
    ).exclude(status__in=KEPT)
    good = SyncRun.objects.filter(kind=SyncRun.Kind.APPLY, status=SyncRun.Status.DONE)
    last_good = good.order_by("-finished_at", "-pk").values_list("pk", flat=True).first()
    # The state of a course is made from its last run; of a run in parts, that is one of the parts.
    last = IntegratedCourse.objects.exclude(last_run=None)
    kept = {last_good, *last.values_list("last_run", flat=True)}
    kept |= set(last.values_list("last_run__parent", flat=True))
    keys = [key for key in old.order_by("pk").values_list("pk", flat=True) if key not in kept]
    for some in chunks(keys, BATCH):
        _delete_runs(some)
    return len(keys)


def _delete_runs(keys: Sequence[int]) -> None:
    """Their operations first: a run may have millions. Cut off, the next pruning goes on."""
    parts = SyncRun.objects.filter(parent__in=keys).values_list("pk", flat=True)
    pruning.delete_in_steps(SyncOperation.objects.filter(run__in=[*keys, *parts]).order_by())
    SyncRun.objects.filter(pk__in=keys).delete()


def prune_failed_logins() -> None:
    """Delete failed log-ins that no longer count; they hold names and addresses."""
    old = timezone.now() - settings.AXES_COOLOFF_TIME
    AccessAttempt.objects.filter(attempt_time__lt=old).delete()


def prune_sessions() -> None:
    """Delete sessions that have expired."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def prune_conflicts(days: int) -> None:
    """Delete solved conflicts, which name people, when they are as old as the history may be."""
    old = timezone.now() - timedelta(days=days)
    Conflict.objects.filter(status=Conflict.Status.SOLVED, solved_at__lt=old).delete()


def prune_failures(days: int) -> None:
    """Delete the errors of background tasks, which may name people: the queue keeps them all."""
    old = timezone.now() - timedelta(days=days)
    Failure.objects.filter(stopped__lt=old).delete()
