"""Runs that wait: for a course, for the quiet hours, for their next try; and since when they could
have begun.
"""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from integration.models import IntegrationSettings, Pause, SyncRun
from integration.services.background import queue, work
from integration.services.monitoring.status import numbers
from integration.services.runs import pacing
from tests.support.background import order, play_worker
from tests.support.clock import Clock, look_after_runs
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status


def test_a_big_run_looks_again_seldom_until_the_quiet_hours(
    small_site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look reads both servers whole; what others let go of is none of its business."""
    IntegrationSettings.load()
    IntegrationSettings.objects.update(
        big_run=1, quiet_from=datetime.min.time(), quiet_until=datetime.min.time()
    )
    monkeypatch.setattr(pacing.QuietHours, "allow", lambda *_: False)
    run = queue.enqueue(order(trigger=SyncRun.Trigger.SCHEDULE))
    assert "waits for the quiet hours" in work.work(run.pk)
    queue.wake_waiting(None)
    clock.move(work.POSTPONED_SECONDS - 60)
    look_after_runs()
    assert play_worker() == []
    monkeypatch.undo()
    clock = Clock(monkeypatch)
    clock.move(work.POSTPONED_SECONDS + 60)
    look_after_runs()
    assert play_worker() == [run.pk]
    run.refresh_from_db()
    assert run.status == Status.DONE


def test_the_age_of_the_queue_is_that_of_runs_that_could_begin(clock: Clock) -> None:
    """Not what waits for its next try, for its hour, or for a person."""

    def age() -> float | None:
        found = numbers().oldest_queued_age
        return None if found is None else round(found, -1)

    def waits(seconds: float) -> None:
        SyncRun.objects.create(
            kind="apply",
            trigger="event",
            status=Status.QUEUED,
            not_before=timezone.now() + timedelta(seconds=seconds),
        )

    waits(3600)
    SyncRun.objects.create(kind="apply", trigger="event", status=Status.QUARANTINED)
    clock.move(3000)
    assert age() is None
    clock.move(660)
    assert age() == 60, "since it became due"
    SyncRun.objects.create(kind="apply", trigger="admin", status=Status.QUEUED)
    clock.move(600)
    assert age() == 660
    Pause.objects.create(actor="somebody", reason="repairs", since=timezone.now())
    assert age() is None, "while everything is paused"


def test_a_run_that_became_due_is_called_once(clock: Clock) -> None:
    run = queue.enqueue(order())
    SyncRun.objects.update(not_before=timezone.now() + timedelta(seconds=30))
    OrmQ.objects.all().delete()
    for seconds, calls in ((20, 0), (20, 1), (5, 1)):
        clock.move(seconds)
        look_after_runs()
        assert OrmQ.objects.count() == calls
    assert queue.claim(run.pk) is not None
