"""Events that come together are looked at together; none is lost, and none is looked at twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ

from demo.standin import StandIn
from integration.domain.event_window import LONGEST_SECONDS
from integration.domain.state import Scope
from integration.models import IntegratedCourse, SyncRun
from integration.services.background import event_runs, queue, sweep, work
from integration.services.events import poller
from integration.services.ledger import leases
from integration.services.rocketchat import snapshot
from integration.services.runs.order import order_of
from integration.services.sync import needs
from tests.support.background import COURSES, make_dead, play_worker
from tests.support.clock import look_after_runs
from tests.support.moodle_log import NOW, happened
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status
RUSH = 100  # events: as many as make the longest window
LISTS = ("GET users.listByStatus", "GET users.list", "GET rooms.adminRooms")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


def person(course: int, user: int) -> Scope:
    return Scope(frozenset({course}), frozenset({user}))


def waits(run: SyncRun) -> float:
    """Seconds until it may begin, 0 = now."""
    run.refresh_from_db()
    if run.not_before is None:
        return 0.0
    return max(0.0, (run.not_before - timezone.now()).total_seconds())


@pytest.fixture
def watched(small_site: Site) -> Site:
    IntegratedCourse.objects.update(event_sync=True)
    poller.poll_once("one", lambda: NOW)
    SyncRun.objects.all().delete()
    small_site.apply()
    OrmQ.objects.all().delete()
    return small_site


# ── The window ───────────────────────────────────────────────────────────────────────────────────


def test_a_single_event_on_an_idle_site_begins_at_once() -> None:
    (run,) = event_runs.collect([person(10, 1000)], 1)
    assert waits(run) == 0
    assert OrmQ.objects.count() == 1, "a worker was told"


def test_an_event_that_concerns_every_course_is_one_event() -> None:
    (run,) = event_runs.collect([Scope(frozenset(range(10, 300)))], 1)
    assert waits(run) == 0
    assert OrmQ.objects.count() == 1


def test_many_events_wait_for_more_and_become_one_run(clock: Clock) -> None:
    (one,) = event_runs.collect([person(10, 1000)], RUSH)
    assert waits(one) == LONGEST_SECONDS
    assert OrmQ.objects.count() == 0, "nobody could begin with it"
    clock.move(2)
    (two,) = event_runs.collect([person(11, 1100)], RUSH)
    assert one.pk == two.pk
    assert order_of(two).scope == Scope(frozenset({10, 11}), frozenset({1000, 1100}))
    assert waits(two) == LONGEST_SECONDS - 2, "it counts from the first event"
    look_after_runs()
    assert OrmQ.objects.count() == 0
    clock.move(3)
    look_after_runs()
    assert OrmQ.objects.count() == 1
    look_after_runs()
    assert OrmQ.objects.count() == 1, "and once"


def test_what_is_under_way_is_part_of_the_backlog(clock: Clock) -> None:
    (first,) = event_runs.collect([person(10, 1000)], RUSH)
    clock.move(LONGEST_SECONDS)
    assert queue.claim(first.pk)
    (second,) = event_runs.collect([person(11, 1100)], 1)
    assert second.pk != first.pk, "a run that has begun takes nothing more on"
    assert waits(second) == LONGEST_SECONDS


def test_the_time_between_two_looks_is_part_of_the_window() -> None:
    (run,) = event_runs.collect([person(10, 1000)], RUSH, age=2)
    assert waits(run) == LONGEST_SECONDS - 2
    (other,) = event_runs.collect([Scope(frozenset({11}))], RUSH, age=300)
    assert waits(other) == 0


def test_events_for_courses_and_for_people_begin_together() -> None:
    both = event_runs.collect([Scope(frozenset({11})), person(10, 1000)], RUSH)
    assert len(both) == 2
    assert sum(run.event_count for run in SyncRun.objects.all()) == RUSH, "each counts once"
    assert [waits(run) for run in both] == [LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_run_that_waits_for_its_courses_is_not_called_earlier() -> None:
    (run,) = event_runs.collect([person(10, 1000)], 1)
    claimed = queue.claim(run.pk)
    assert claimed
    queue.put_back(claimed, queue.BUSY_SECONDS)
    event_runs.collect([person(11, 1100)], 1)
    assert waits(run) > LONGEST_SECONDS
    queue.wake_waiting(frozenset({10}))
    assert waits(run) == 0


def test_what_waits_for_a_server_makes_no_backlog() -> None:
    (away,) = event_runs.collect([person(10, 1000)], RUSH)
    SyncRun.objects.update(
        failing_since=timezone.now(), cause="refused", not_before=timezone.now() + timedelta(1)
    )
    (run,) = event_runs.collect([person(11, 1100)], 1)
    assert run.pk != away.pk
    assert waits(run) == 0


def test_a_clock_that_is_ahead_postpones_nothing(clock: Clock) -> None:
    clock.move(3600)
    event_runs.collect([person(10, 1000)], 1)
    clock.move(-3600)
    (run,) = event_runs.collect([person(11, 1100)], RUSH)
    assert waits(run) <= LONGEST_SECONDS


# ── Nothing is lost, nothing is done twice ───────────────────────────────────────────────────────


def test_of_several_workers_one_takes_what_was_collected(clock: Clock) -> None:
    (run,) = event_runs.collect([person(10, 1000), person(11, 1100)], RUSH)
    clock.move(LONGEST_SECONDS)
    taken: list[bool] = []

    def take() -> None:
        taken.append(queue.claim(run.pk) is not None)
        connections.close_all()

    workers = [threading.Thread(target=take) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == [False, False, False, True]


def test_an_event_is_in_the_run_that_was_taken_or_in_the_next(clock: Clock) -> None:
    """Each in one of them, wherever the moment of taking falls."""
    looked_at: list[int] = []
    for number in range(6):
        (run,) = event_runs.collect([person(10, 1000 + number)], 1)
        if number % 2:
            clock.move(LONGEST_SECONDS)
            claimed = queue.claim(run.pk)
            assert claimed
            looked_at += order_of(claimed).scope.users or ()
    assert sorted(looked_at) == list(range(1000, 1006))


def test_a_process_that_is_killed_loses_none_of_the_collected_events(
    watched: Site, small_moodle: SmallMoodle, clock: Clock
) -> None:
    newcomers = [small_moodle.person(1900 + course) for course in COURSES]
    for course, user in zip(COURSES, newcomers, strict=True):
        small_moodle.enrol(course, [user])
        small_moodle.join(course * 10, [user])
        event_runs.collect([person(course, user)], RUSH)
    run = SyncRun.objects.get(status=Status.QUEUED)
    clock.move(LONGEST_SECONDS)
    assert queue.claim(run.pk)
    assert leases.acquire(leases.owner_of(run), COURSES) == []
    make_dead(run)
    sweep.sweep()
    play_worker()
    for course, user in zip(COURSES, newcomers, strict=True):
        assert user in watched.channel_members()[course * 10]


def test_a_run_that_fails_keeps_the_collected_events(
    watched: Site, small_moodle: SmallMoodle, clock: Clock
) -> None:
    newcomers = [small_moodle.person(1900 + course) for course in COURSES]
    for course, user in zip(COURSES, newcomers, strict=True):
        small_moodle.enrol(course, [user])
        small_moodle.join(course * 10, [user])
        event_runs.collect([person(course, user)], RUSH)
    run = SyncRun.objects.get(status=Status.QUEUED)
    watched.chat.fault("refuse", endpoint="users.list", times=1000)
    clock.move(LONGEST_SECONDS)
    work.work(run.pk)
    assert SyncRun.objects.get(status=Status.QUEUED).failing_since
    watched.chat.clear_faults()
    clock.move(3600)
    play_worker()
    for course, user in zip(COURSES, newcomers, strict=True):
        assert user in watched.channel_members()[course * 10]


# ── What a window costs ──────────────────────────────────────────────────────────────────────────


def test_a_window_costs_one_invite_a_room_one_kick_a_person_and_each_list_once(
    watched: Site, small_moodle: SmallMoodle, chat: StandIn, clock: Clock
) -> None:
    """Nine join three rooms and one leaves each, told in six looks."""
    for course in COURSES:
        people = small_moodle.people(course * 100 + 50, 3)
        small_moodle.enrol(course, people)
        small_moodle.join(course * 10, people)
        small_moodle.leave(course * 10, [course * 100])
        for user in people:
            happened("group_member_added", course, user)
        poller.poll_once("one", lambda: NOW)
        happened("group_member_removed", course, course * 100)
        poller.poll_once("one", lambda: NOW)
    run = SyncRun.objects.get(status=Status.QUEUED)
    assert run.event_count == 12
    chat.reset_stats()
    clock.move(LONGEST_SECONDS)
    play_worker()
    asked = chat.stats()["by_endpoint"]
    assert asked["POST groups.invite"] == len(COURSES)
    assert asked["POST groups.kick"] == len(COURSES)
    assert asked["GET users.list"] == asked["GET rooms.adminRooms"] == 1
    for course in COURSES:
        wanted = {course * 100 + n for n in (1, 2, 3, 50, 51, 52)}
        assert watched.channel_members()[course * 10] == wanted


@pytest.fixture
def many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists are as long as those of a server with very many people."""
    monkeypatch.setattr(needs, "SMALL_LISTS", 0)
    monkeypatch.setattr(needs, "LISTED_ACCOUNT", 100_000)


def window_of_kicks(
    site: Site, moodle: SmallMoodle, clock: Clock, kicks: list[tuple[int, int]]
) -> dict[str, int]:
    """People leave groups of course 10, all in one window: its requests by endpoint."""
    IntegratedCourse.objects.update(event_sync=True)
    site.apply()
    for group, user in kicks:
        moodle.leave(group, [user])
        event_runs.collect([person(10, user)], RUSH)
    site.chat.reset_stats()
    clock.move(LONGEST_SECONDS)
    play_worker()
    members = site.channel_members()
    assert all(user not in members[group] for group, user in kicks)
    found: dict[str, int] = site.chat.stats()["by_endpoint"]
    assert found["POST groups.kick"] == len(kicks)
    return found


@pytest.mark.usefixtures("many_people")
def test_a_window_of_kicks_asks_for_each_room_and_for_no_list(
    small_site: Site, small_moodle: SmallMoodle, clock: Clock
) -> None:
    """Whether five kicks were done is five questions, and not the rooms of the whole server."""
    groups = range(200, 205)
    (user,) = small_moodle.people(1500, 1)
    small_moodle.enrol(10, [user])
    for group in groups:
        small_moodle.group(group, 10, f"Extra {group}", [user, *range(1000, 1004)])
    asked = window_of_kicks(small_site, small_moodle, clock, [(group, user) for group in groups])
    assert asked["GET rooms.adminRooms.getRoom"] == 2 * len(groups), "before the kicks and after"
    assert asked["GET users.info"] == 1
    assert asked.keys().isdisjoint(LISTS)


def test_a_window_that_reads_the_lists_reads_none_twice_where_there_are_many_rooms(
    small_site: Site, small_moodle: SmallMoodle, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LONG_LIST", 8)  # three courses, five groups
    groups = range(200, 205)
    for group in groups:
        small_moodle.group(group, 10, f"Extra {group}", range(1000, 1004))
    asked = window_of_kicks(small_site, small_moodle, clock, [(group, 1000) for group in groups])
    assert asked["GET rooms.adminRooms"] == 1
    assert asked["GET users.list"] == 1
    assert asked["GET rooms.adminRooms.getRoom"] == len(groups), "after their kicks"


@pytest.mark.usefixtures("many_people")
def test_a_window_of_many_kicks_in_one_room_asks_for_that_room_once_after_them(
    small_site: Site, small_moodle: SmallMoodle, clock: Clock
) -> None:
    people = small_moodle.people(1500, 30)
    small_moodle.enrol(10, people)
    small_moodle.group(200, 10, "Extra", people)
    asked = window_of_kicks(small_site, small_moodle, clock, [(200, user) for user in people[:5]])
    assert asked["GET rooms.adminRooms.getRoom"] == 2, "once before the kicks, once after them"
    assert asked["GET users.info"] == 5
    assert asked.keys().isdisjoint(LISTS)
