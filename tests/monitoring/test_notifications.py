"""People are told when something changes for the worse or the better, and only then."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from integration.models import IntegratedCourse, IntegrationSettings, Notice, SyncRun
from integration.services.monitoring import notifications
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status


@pytest.fixture(autouse=True)
def addresses() -> None:
    settings = IntegrationSettings.load()
    settings.notify_emails = "anna@example.invalid\nben@example.invalid"
    settings.save()


def ended(*statuses: str, message: str = "", cancel_requested: bool = False) -> None:
    for status in statuses:
        SyncRun.objects.create(
            kind=SyncRun.Kind.APPLY,
            trigger=SyncRun.Trigger.SCHEDULE,
            status=status,
            message=message,
            cancel_requested=cancel_requested,
            finished_at=timezone.now(),
        )


def subjects() -> list[str]:
    return [str(message.subject) for message in mail.outbox]


def test_runs_that_keep_failing_are_told_once() -> None:
    ended(Status.DONE, Status.FAILED, Status.ERROR)
    assert notifications.check() == []
    ended(Status.ERROR, message="Rocket.Chat is down.")
    assert notifications.check() == ["runs"]
    assert mail.outbox[0].recipients() == ["anna@example.invalid", "ben@example.invalid"]
    assert "Rocket.Chat is down." in mail.outbox[0].body
    for _ in range(3):
        ended(Status.ERROR)
        assert notifications.check() == []
    assert subjects() == ["rcsync: runs keep failing"]


def test_that_all_is_well_again_is_told_once() -> None:
    ended(*[Status.ERROR] * 3)
    notifications.check()
    ended(Status.DONE)
    assert notifications.check() == ["runs"]
    assert notifications.check() == []
    assert subjects() == ["rcsync: runs keep failing", "rcsync works again"]


def test_one_good_run_among_bad_ones_is_no_alarm() -> None:
    for _ in range(5):
        ended(Status.ERROR, Status.ERROR, Status.DONE)
        assert notifications.check() == []
    ended(Status.ERROR)
    assert notifications.check() == []


def test_cancelled_and_superseded_runs_say_nothing() -> None:
    ended(Status.STOPPED, Status.STOPPED, Status.STOPPED, cancel_requested=True)
    ended(Status.INTERRUPTED, Status.INTERRUPTED, Status.INTERRUPTED)
    SyncRun.objects.filter(status=Status.INTERRUPTED).update(superseded=True)
    assert notifications.check() == []


def test_nothing_succeeding_for_too_long_is_told_once_and_its_end_too() -> None:
    course = IntegratedCourse.objects.create(course_id=1)
    ended(Status.DONE)
    assert notifications.check() == []
    SyncRun.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    assert notifications.check() == ["success"]
    assert notifications.check() == []
    course.last_success = timezone.now()
    course.save()
    assert notifications.check() == ["success"]
    assert subjects() == [
        "rcsync: nothing has succeeded for 24 hours",
        "rcsync works again after a long time",
    ]


def test_a_site_that_never_ran_is_no_alarm() -> None:
    IntegratedCourse.objects.create(course_id=1)
    assert notifications.check() == []


def test_of_two_machines_one_sends() -> None:
    ended(*[Status.ERROR] * 3)
    settings = IntegrationSettings.load()
    state = notifications._runs(settings)
    Notice.objects.get_or_create(topic="runs")
    assert notifications._tell("runs", state, settings)
    assert not notifications._tell("runs", state, settings)
    assert len(mail.outbox) == 1


def test_a_message_that_could_not_be_sent_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended(*[Status.ERROR] * 3)
    with monkeypatch.context() as broken:

        def refuse(*_: Any) -> None:
            raise smtplib.SMTPConnectError(421, "come back later")

        broken.setattr(notifications, "send_mail", refuse)
        assert notifications.check() == []
    assert notifications.check() == ["runs"]
    assert len(mail.outbox) == 1


def test_a_channel_is_told_too(small_site: Site) -> None:
    IntegrationSettings.objects.update(notify_emails="", notify_room="#general")
    small_site.chat.reset_stats()
    ended(*[Status.ERROR] * 3)
    assert notifications.check() == ["runs"]
    assert small_site.chat.stats()["by_endpoint"]["POST chat.postMessage"] == 1
    assert mail.outbox == []


def test_one_way_that_works_is_enough(small_site: Site) -> None:
    IntegrationSettings.objects.update(notify_room="#general")
    small_site.chat.fault("refuse", endpoint="chat.postMessage", times=10)
    ended(*[Status.ERROR] * 3)
    assert notifications.check() == ["runs"]
    assert notifications.check() == []
    assert len(mail.outbox) == 1


def test_without_addresses_the_state_is_kept_all_the_same() -> None:
    IntegrationSettings.objects.update(notify_emails="")
    ended(*[Status.ERROR] * 3)
    notifications.check()
    assert Notice.objects.get(topic="runs").bad
