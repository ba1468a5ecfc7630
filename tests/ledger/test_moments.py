"""A clock that was ahead for a day leaves moments in the future; none of them holds anything up."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from integration.models import AccountClaim, EventCursor, IntegratedCourse, SyncRun, WorkerBeat
from integration.services.background import sweep
from integration.services.events import cursor
from integration.services.ledger import heartbeat, leases
from integration.services.monitoring import status

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def tomorrow() -> datetime:
    return timezone.now() + DAY


def test_a_beat_in_the_future_is_no_sign_of_life() -> None:
    WorkerBeat.objects.create(name="a", started_at=tomorrow(), beat_at=tomorrow())
    assert not heartbeat.worker_alive()
    assert heartbeat.last_sign("a") is None
    assert heartbeat.age() is None


def test_a_run_that_was_last_seen_in_the_future_is_recovered() -> None:
    run = SyncRun.objects.create(
        kind="apply", trigger="admin", status="running", worker="x|elsewhere|1|abc", attempts=1
    )
    SyncRun.objects.filter(pk=run.pk).update(alive_at=tomorrow())
    assert sweep.recover_dead_runs() == 1


def test_a_lease_taken_by_a_clock_that_was_ahead_is_free() -> None:
    IntegratedCourse.objects.create(course_id=1, lease_owner="run 9", lease_expires=tomorrow())
    assert leases.acquire("run 10", [1]) == []
    IntegratedCourse.objects.update(lease_owner="run 9", lease_expires=tomorrow())
    assert leases.clear_expired() == 1


def test_a_lease_that_is_held_is_not_free_for_a_clock_that_is_a_little_behind() -> None:
    IntegratedCourse.objects.create(
        course_id=1,
        lease_owner="run 9",
        lease_expires=timezone.now() + timedelta(seconds=leases.LEASE_SECONDS + 30),
    )
    assert leases.acquire("run 10", [1]) != []


def test_the_cursor_is_not_held_longer_than_its_lease() -> None:
    EventCursor.objects.create(pk=1, lease_owner="x", lease_expires=tomorrow())
    assert cursor.take("y") is not None


def test_a_claim_in_the_future_is_cleared_away() -> None:
    AccountClaim.objects.create(moodle_user_id=1, owner="x", expires=tomorrow())
    sweep.sweep()
    assert not AccountClaim.objects.exists()


def test_a_look_in_the_future_is_told_as_none() -> None:
    EventCursor.objects.create(pk=1, polled_at=tomorrow())
    assert status.numbers().event_age is None


def test_a_call_that_was_made_in_the_future_is_made_again() -> None:
    SyncRun.objects.create(kind="apply", trigger="admin", status="queued", woken_at=tomorrow())
    assert sweep.requeue_overdue() == 1
