"""Pause everything: nothing is written, and nothing is lost."""

import threading
import time
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integration.domain.errors import ConfigurationError
from integration.models import AuditEntry, GroupRegexFilter, IntegrationSettings, Pause, SyncRun
from integration.services.background import jobs, queue, sweep, work
from integration.services.ledger import pauses
from integration.services.monitoring.course_states import CourseState
from integration.services.monitoring.status import numbers
from integration.services.rocketchat.writes import RocketChatWrites
from integration.services.runs import approval, lease_renewal
from tests.support.admin_client import person
from tests.support.background import COURSES, clusters_alive, order, play_worker
from tests.support.site import Site
from tests.support.states import states

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status
EVENT, SCHEDULE = SyncRun.Trigger.EVENT, SyncRun.Trigger.SCHEDULE


def test_scheduled_and_event_runs_wait_and_are_done_after_the_pause(small_site: Site) -> None:
    pauses.pause("anna", "maintenance of Rocket.Chat")
    run = jobs.full_pass()
    event = queue.enqueue(order(COURSES[0], trigger=EVENT))
    assert run is not None
    assert work.work(run.pk).endswith("nothing to do")
    sweep.sweep()
    assert {r.status for r in SyncRun.objects.all()} == {Status.QUEUED}
    assert not small_site.rooms()
    assert queue.resume("anna")
    assert play_worker() == [run.pk, event.pk]
    assert len(small_site.channel_members()) == len(COURSES)


def test_events_of_a_long_pause_are_one_row(small_site: Site) -> None:
    pauses.pause("anna", "maintenance")
    for course in COURSES:
        queue.enqueue(order(course, trigger=EVENT))
    assert SyncRun.objects.get().scope["courses"] == sorted(COURSES)


def test_a_preview_goes_on_during_a_pause(small_site: Site) -> None:
    pauses.pause("anna", "maintenance")
    assert small_site.run(kind=SyncRun.Kind.PREVIEW).run.status == Status.PLANNED


def test_a_sync_by_hand_is_refused_with_who_since_when_and_why(small_site: Site) -> None:
    pauses.pause("anna", "maintenance")
    run = small_site.run().run
    assert run.status == Status.ERROR
    assert run.message.startswith("Everything is paused since ")
    assert run.message.endswith(" by anna: maintenance.")
    assert not small_site.rooms()
    assert set(states().values()) == {CourseState.NEVER}, "a pause turns no course red"


def test_a_run_under_way_stops_and_its_rest_waits(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = RocketChatWrites.create_account
    paused: list[Pause] = []
    one_at_a_time = threading.Lock()

    def create_and_pause(self: Any, *args: Any, **kwargs: Any) -> Any:
        with one_at_a_time:
            if not paused:
                paused.append(pauses.pause("anna", "stop"))
                time.sleep(5 * lease_renewal.LOOK_SECONDS)  # until the run has seen it
        return create(self, *args, **kwargs)

    monkeypatch.setattr(RocketChatWrites, "create_account", create_and_pause)
    run = queue.enqueue(order(trigger=SCHEDULE))
    work.work(run.pk)
    run.refresh_from_db()
    assert run.status == Status.STOPPED
    assert run.message == "Stopped because everything was paused."
    rest = SyncRun.objects.get(status=Status.QUEUED)
    assert rest.attempts == run.attempts
    assert CourseState.FAILING not in states().values()
    queue.resume("anna")
    assert play_worker() == [rest.pk]
    assert len(small_site.channel_members()) == len(COURSES)


def test_an_approval_during_a_pause_is_refused_and_still_waits(small_site: Site) -> None:
    small_site.apply()
    GroupRegexFilter.objects.update(pattern="no such group")
    IntegrationSettings.load()
    IntegrationSettings.objects.update(on_pattern_unmatched="archive", limit_from=1)
    run = small_site.run().run
    assert run.status == Status.QUARANTINED
    pauses.pause("anna", "maintenance")
    with pytest.raises(pauses.Paused):
        approval.approve(run, person("root"), "seen")
    run.refresh_from_db()
    assert run.status == Status.QUARANTINED


def test_a_pause_needs_a_reason_and_there_is_one_at_a_time() -> None:
    with pytest.raises(ConfigurationError, match="needs a reason"):
        pauses.pause("anna", "  ")
    pauses.pause("anna", "first")
    with pytest.raises(ConfigurationError, match="by anna: first"):
        pauses.pause("bert", "second")
    assert Pause.objects.get().actor == "anna"


def test_pause_and_resume_are_in_the_audit_trail_and_in_the_figures() -> None:
    clusters_alive("one")
    pauses.pause("anna", "first")
    assert numbers().paused_age is not None
    assert queue.resume("bert")
    assert not queue.resume("bert")
    assert numbers().paused_age is None
    found = AuditEntry.objects.order_by("pk").values_list("action", "actor", "reason")
    assert list(found) == [("pause", "anna", "first"), ("resume", "bert", "")]


def test_the_commands_pause_and_resume(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("pause", reason="maintenance")
    with pytest.raises(CommandError, match="maintenance"):
        call_command("pause", reason="again")
    call_command("resume")
    call_command("resume")
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "Everything is paused. ./rcsync resume goes on.",
        "Resumed.",
        "Nothing was paused.",
    ]
