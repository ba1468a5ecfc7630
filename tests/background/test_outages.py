"""A server is away while things happen: what is tried again, when, how often, and what comes of it.

The clock is one that the test moves.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from integration.domain.errors import (
    AuthenticationError,
    SourceError,
    SyncError,
    TransientError,
)
from integration.domain.outcomes import RunCause
from integration.domain.state import Scope
from integration.models import IntegratedCourse, IntegrationSettings, SyncOperation, SyncRun
from integration.services.background import crashes, outages, queue, retries, sweep, work
from integration.services.events import poller
from integration.services.ledger import runs
from integration.services.monitoring import notifications
from integration.services.monitoring.course_states import CourseState
from integration.services.monitoring.failures import outage
from integration.services.moodle.reader import MoodleReader
from tests.support.background import COURSES, make_dead, order, play_worker
from tests.support.clock import Clock, look_after_runs
from tests.support.moodle_log import happened
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle
from tests.support.states import states

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]

Status = SyncRun.Status
STEP = 10.0  # seconds of the clock between two looks
EVENT = SyncRun.Trigger.EVENT
AWAY: dict[str, Any] = {"kind": "status", "code": 503, "times": 10**6}


@pytest.fixture
def watched(small_site: Site) -> Site:
    """In step; every course has event sync and nothing else, and nothing new has happened."""
    small_site.apply()
    IntegratedCourse.objects.update(event_sync=True, background_sync=False)
    poller.poll_once("test")
    play_worker()
    SyncRun.objects.all().delete()
    return small_site


def go_on(clock: Clock, watch: outages.Watch, seconds: float) -> None:
    """So much time passes; everything that happens by itself happens."""
    for _ in range(int(seconds / STEP)):
        clock.move(STEP)
        poller.poll_once("test")
        look_after_runs()
        watch.check()
        play_worker()


def twenty_changes(moodle: SmallMoodle) -> list[Callable[[], object]]:
    """Each writes its rows in Moodle's log."""

    def joins(user: int, course: int) -> None:
        moodle.enrol(course, moodle.people(user, 1))
        moodle.join(course * 10, [user])
        happened("user_enrolment_created", course, user)
        happened("group_member_added", course, user)

    def leaves(user: int, course: int) -> None:
        moodle.leave(course * 10, [user])
        happened("group_member_removed", course, user)

    def is_renamed(course: int) -> None:
        moodle.change_group(course * 10, name=f"Renamed {course}")
        happened("group_updated", course, object_id=course * 10)
        happened("course_updated", course, object_id=course)

    def is_made(group: int, course: int) -> None:
        moodle.group(group, course, f"New {group}", [course * 100 + 1])
        happened("group_created", course, object_id=group)

    return [
        *(lambda n=n: joins(5000 + n, COURSES[n % 3]) for n in range(12)),
        *(lambda c=c: leaves(c * 100, c) for c in COURSES),
        *(lambda c=c: is_renamed(c) for c in COURSES),
        *(lambda g=g: is_made(g, 10) for g in (901, 902)),
    ]


def expected() -> dict[int, set[int]]:
    """Moodle group -> people, after the twenty changes."""
    found = {
        course * 10: {course * 100 + n for n in (1, 2, 3)}
        | {5000 + n for n in range(12) if COURSES[n % 3] == course}
        for course in COURSES
    }
    return {**found, 901: {1001}, 902: {1001}}


def test_after_an_outage_everything_is_right_and_nothing_was_done_twice(
    watched: Site, small_moodle: SmallMoodle, clock: Clock, note: Callable[[str], None]
) -> None:
    watch = outages.Watch()
    watched.chat.fault(**AWAY)
    for change in twenty_changes(small_moodle):
        change()
        go_on(clock, watch, 30)
    waits = list(SyncRun.objects.filter(status=Status.QUEUED))
    assert len(waits) == 2, "one for people, one for courses, however much happened"
    assert len(SyncRun.objects.exclude(pk__in=[run.pk for run in waits])) <= 2
    tries = [run.failed_tries for run in waits]
    assert all(5 <= number <= 9 for number in tries), tries  # of 60 looks: the pauses double
    assert states() == dict.fromkeys(COURSES, CourseState.UNREACHABLE)

    watched.chat.clear_faults()
    watched.chat.reset_stats()
    go_on(clock, watch, STEP)
    assert watched.channel_members() == expected()
    assert not SyncRun.objects.filter(status__in=[Status.QUEUED, Status.RUNNING]).exists()
    assert states() == dict.fromkeys(COURSES, CourseState.IN_STEP)
    calls = watched.chat.stats()["by_endpoint"]
    assert calls["POST users.create"] == 12
    assert calls["POST groups.create"] == 2
    done = SyncOperation.objects.filter(status=SyncOperation.Status.DONE, run__status=Status.DONE)
    keys = list(done.values_list("key", flat=True))
    assert len(keys) == len(set(keys)) >= 20
    assert watched.run(kind=SyncRun.Kind.PREVIEW).run.planned == {}
    note(f"outage: 20 changes in 600 s, tried {tries} times, right {STEP:g} s after the return")


def test_each_try_waits_twice_as_long_and_a_server_that_is_away_five_minutes_at_most() -> None:
    away = [retries.pause_after(n, RunCause.CHAT_AWAY).total_seconds() for n in range(1, 10)]
    assert away == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    refused = [retries.pause_after(n, RunCause.REFUSED).total_seconds() for n in (1, 2, 7, 90)]
    assert refused == [60, 120, 3600, 3600]


def failed(error: SyncError, *courses: int) -> SyncRun:
    """A run of an event that could not be carried out, as `work` leaves it."""
    run = queue.claim(queue.enqueue(order(*courses, trigger=EVENT)).pk)
    assert run is not None
    runs.fail(run, error, Scope(frozenset(courses)))
    retries.try_again(run)
    return SyncRun.objects.get(pk=run.pk)


def test_the_run_of_an_event_waits_in_its_own_row_and_says_since_when(
    watched: Site, clock: Clock
) -> None:
    watched.chat.fault(**AWAY)
    begun = timezone.now()
    run = queue.enqueue(order(10, trigger=EVENT))
    for _ in range(3):
        work.work(run.pk)
        clock.move(400)
    run.refresh_from_db()
    assert (run.status, run.failed_tries, run.cause) == (Status.QUEUED, 3, RunCause.CHAT_AWAY)
    assert run.failing_since is not None
    assert (run.failing_since - begun).total_seconds() < 60
    assert "Tried 3 times" in run.hint
    assert SyncRun.objects.count() == 1
    found = outage()
    assert found is not None
    assert (found.cause, found.since, found.last) == ("chat_away", run.failing_since, run)


def test_a_run_that_somebody_waits_for_is_not_repeated(watched: Site) -> None:
    watched.chat.fault(**AWAY)
    run = queue.enqueue(order(10))
    work.work(run.pk)
    run.refresh_from_db()
    assert run.status == Status.ERROR


def test_a_moodle_that_is_away_is_waited_for_as_well(
    watched: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_reader: MoodleReader) -> None:
        raise SourceError("nothing answers there")

    watch = outages.Watch()
    run = queue.enqueue(order(10, trigger=EVENT))
    with monkeypatch.context() as patch:
        patch.setattr(MoodleReader, "roles", away)
        work.work(run.pk)
        run.refresh_from_db()
        assert (run.status, run.cause, run.failed_tries) == (Status.QUEUED, RunCause.MOODLE, 1)
        assert watch.check() == 0
    assert watch.check() == 1
    assert play_worker() == [run.pk]
    run.refresh_from_db()
    assert (run.status, run.failed_tries) == (Status.DONE, 1), "the row says how often it was tried"


def test_the_return_of_a_server_is_asked_for_only_while_something_waits(watched: Site) -> None:
    watched.chat.reset_stats()
    assert outages.Watch().check() == 0
    assert watched.chat.stats()["total"] == 0


def test_a_server_that_answers_and_fails_all_the_same_is_not_called_without_a_pause(
    watched: Site,
) -> None:
    watch = outages.Watch()
    watched.chat.fault(**AWAY, endpoint="users.list")
    run = queue.enqueue(order(10, trigger=EVENT))
    work.work(run.pk)
    assert watch.check() == 1, "before the first check nothing is known"
    play_worker()
    assert [watch.check() for _ in range(5)] == [0] * 5
    run.refresh_from_db()
    assert run.failed_tries == 2


@pytest.mark.parametrize("fault", ["status", "html", "garbage", "reset"])
def test_what_is_no_answer_of_rocketchat_is_not_taken_for_its_return(
    watched: Site, fault: str
) -> None:
    watched.chat.fault(kind=fault, endpoint="me")
    assert not outages.chat_answers()
    assert outages.chat_answers()


def test_an_event_that_the_server_refuses_is_tried_again_seldom(watched: Site) -> None:
    run = failed(AuthenticationError("the token is not valid"), 10)
    assert (run.status, run.cause) == (Status.QUEUED, RunCause.REFUSED)
    assert run.not_before is not None
    assert 50 < (run.not_before - timezone.now()).total_seconds() <= 60


def test_what_happens_next_does_not_wait_for_what_was_refused(watched: Site) -> None:
    refused = failed(AuthenticationError("the token is not valid"), 10)
    new = queue.enqueue(order(11, trigger=EVENT))
    assert new.pk != refused.pk
    assert new.not_before is None


def test_what_happens_next_waits_with_what_waits_for_the_server(watched: Site) -> None:
    waits = failed(TransientError("nothing answers"), 10)
    assert queue.enqueue(order(11, trigger=EVENT)).pk == waits.pk
    waits.refresh_from_db()
    assert waits.scope["courses"] == [10, 11]
    assert waits.not_before is not None


def test_two_that_fail_for_the_same_reason_wait_as_one(watched: Site) -> None:
    first = failed(AuthenticationError("no"), 10)
    second = failed(AuthenticationError("no"), 11)
    first.refresh_from_db()
    assert first.scope["courses"] == [10, 11]
    assert (second.status, second.superseded) == (Status.ERROR, True)


def test_operations_that_failed_are_tried_again_by_another_run(
    watched: Site, small_moodle: SmallMoodle, clock: Clock
) -> None:
    small_moodle.enrol(10, small_moodle.people(5000, 1))
    small_moodle.join(100, [5000])
    watched.chat.fault(**AWAY, endpoint="users.create")
    run = queue.enqueue(order(10, trigger=EVENT))
    work.work(run.pk)
    run.refresh_from_db()
    assert run.status == Status.FAILED
    again = SyncRun.objects.get(status=Status.QUEUED)
    assert (again.failed_tries, again.scope) == (1, run.scope)
    watched.chat.clear_faults()
    clock.move(retries.FIRST_SECONDS + 1)
    look_after_runs()
    assert play_worker() == [again.pk]
    assert 5000 in watched.channel_members()[100]
    assert outage() is None, "one call that fails is no outage"


def test_what_was_forgotten_between_its_end_and_its_next_try_is_found_by_the_sweep(
    watched: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(retries, "try_again", lambda *_: None)
        watched.chat.fault(**AWAY)
        run = queue.enqueue(order(10, trigger=EVENT))
        work.work(run.pk)
    run.refresh_from_db()
    assert run.status == Status.ERROR
    sweep.sweep()
    run.refresh_from_db()
    assert run.status == Status.QUEUED


def test_an_event_that_kills_its_worker_is_tried_again_alone(watched: Site) -> None:
    run = queue.enqueue(order(10, trigger=EVENT))
    SyncRun.objects.filter(pk=run.pk).update(attempts=crashes.RUN_ATTEMPTS)
    run.refresh_from_db()
    make_dead(run)
    sweep.sweep()
    again = SyncRun.objects.get(status=Status.QUEUED)
    assert again.not_before is not None
    assert again.attempts == crashes.RUN_ATTEMPTS, "it is given up at once when it does it again"
    other = queue.enqueue(order(11, trigger=EVENT))
    assert other.pk != again.pk


def test_a_run_that_was_cancelled_while_it_waits_is_not_tried_again(
    watched: Site, clock: Clock
) -> None:
    run = failed(TransientError("nothing answers"), 10)
    SyncRun.objects.update(cancel_requested=True)
    clock.move(3600)
    look_after_runs()
    sweep.sweep()
    run.refresh_from_db()
    assert run.status == Status.STOPPED
    assert not SyncRun.objects.filter(status=Status.QUEUED).exists()


def test_people_are_told_of_tries_that_fail_for_minutes(watched: Site, clock: Clock) -> None:
    watched.chat.fault(**AWAY)
    run = queue.enqueue(order(10, trigger=EVENT))
    for _ in range(IntegrationSettings.load().notify_after_failures):
        work.work(run.pk)
        SyncRun.objects.update(not_before=None)
    assert "runs" not in notifications.check(), "a short outage heals by itself"
    clock.move(301)
    assert "runs" in notifications.check()
