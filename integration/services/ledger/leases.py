"""Leases: one run at a time works on a course. Taken and renewed by compare-and-set statements."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integration.models import IntegratedCourse, SyncRun
from integration.services.ledger import heartbeat, moments, retry

LEASE_SECONDS = 120  # not renewed for so long: the process that held it is taken for dead

RUN = "run "


def owner_of(run: SyncRun) -> str:
    """The name under which the run holds its leases."""
    return f"{RUN}{run.pk}"


def acquire(owner: str, course_ids: Collection[int]) -> list[str]:
    """Take the leases of all these courses, or none. Returns the names of courses that are busy.

    `course_ids` are Moodle's. Taken in the order of the primary key, so that two runs cannot wait
    for each other.
    """
    return retry.retry_on_deadlock(lambda: _acquire(owner, course_ids))


def _acquire(owner: str, course_ids: Collection[int]) -> list[str]:
    now = timezone.now()
    free = Q(lease_expires__isnull=True) | moments.run_out("lease_expires", _length(), now)
    free |= Q(lease_owner=owner)
    with transaction.atomic():
        taken = IntegratedCourse.objects.filter(free, course_id__in=course_ids).update(
            lease_owner=owner,
            lease_expires=now + _length(),
        )
        if taken == IntegratedCourse.objects.filter(course_id__in=course_ids).count():
            return []
        busy = IntegratedCourse.objects.filter(course_id__in=course_ids).exclude(lease_owner=owner)
        names = [str(course) for course in busy]
        transaction.set_rollback(True)
        return names


def take_from_the_dead(course_ids: Collection[int]) -> int:
    """Release leases of runs that have ended or whose process on this machine is gone; returns how
    many.

    A run on another machine counts as dead when its leases expire.
    """
    held = IntegratedCourse.objects.filter(course_id__in=course_ids).exclude(lease_owner="")
    numbers = [
        owner.removeprefix(RUN)
        for owner in set(held.values_list("lease_owner", flat=True))
        if owner.startswith(RUN)
    ]
    dead = [
        run
        for run in SyncRun.objects.filter(pk__in=numbers)
        if run.status != SyncRun.Status.RUNNING or heartbeat.process_is_gone(run.worker)
    ]
    for run in dead:
        release(owner_of(run))
    return len(dead)


def renew(owner: str, course_ids: Collection[int]) -> bool:
    """Extend what `owner` holds. False when a lease was lost: the run must stop."""
    now = timezone.now()
    held = IntegratedCourse.objects.filter(
        lease_owner=owner, lease_expires__gte=now, course_id__in=course_ids
    )
    kept = held.update(lease_expires=now + _length())
    return kept == IntegratedCourse.objects.filter(course_id__in=course_ids).count()


def release(owner: str) -> None:
    IntegratedCourse.objects.filter(lease_owner=owner).update(lease_owner="", lease_expires=None)


def clear_expired() -> int:
    """Release leases that were not renewed; returns how many."""
    expired = IntegratedCourse.objects.filter(
        moments.run_out("lease_expires", _length(), timezone.now())
    )
    return expired.update(lease_owner="", lease_expires=None)


def _length() -> timedelta:
    return timedelta(seconds=LEASE_SECONDS)
