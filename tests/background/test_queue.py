"""The record of work: queued, merged, taken once, waited for, cancelled, cut off, gone on with."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from demo.standin import StandIn
from integration.domain.state import Scope
from integration.models import IntegratedCourse, SyncOperation, SyncRun
from integration.services.background import crashes, queue, sweep, work
from integration.services.ledger import heartbeat
from integration.services.ledger import leases as lease
from integration.services.monitoring.course_states import CourseState
from integration.services.rocketchat.writes import RocketChatWrites
from integration.services.runs import lease_renewal, runner
from integration.services.runs.order import Order, order_of
from integration.services.runs.runner import Finished
from integration.services.sync.reconcile import reconcile
from integration.services.worker.supervisor import Supervisor
from tests.support.background import COURSES, clusters_alive, leases, make_dead, order, play_worker
from tests.support.clock import Clock
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle
from tests.support.states import states

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status


def status_of(run: SyncRun) -> str:
    run.refresh_from_db()
    return run.status


# ── Queued and taken ─────────────────────────────────────────────────────────────────────────────


def test_a_queued_run_calls_a_worker_and_is_carried_out(small_site: Site) -> None:
    run = queue.enqueue(order())
    assert status_of(run) == Status.QUEUED
    assert OrmQ.objects.count() == 1
    work.work(run.pk)
    assert status_of(run) == Status.DONE
    assert len(small_site.channel_members()) == len(COURSES)
    assert leases() == []


def test_a_call_that_comes_twice_is_answered_once(small_site: Site) -> None:
    run = queue.enqueue(order())
    assert work.work(run.pk).endswith("done")
    small_site.chat.reset_stats()
    assert work.work(run.pk).endswith("nothing to do")
    assert small_site.chat.stats()["total"] == 0


def test_a_lost_call_is_made_again_by_the_sweep(small_site: Site) -> None:
    run = queue.enqueue(order())
    OrmQ.objects.all().delete()
    sweep.sweep()
    assert OrmQ.objects.count() == 0, "it was called a moment ago"
    SyncRun.objects.update(woken_at=timezone.now() - 2 * sweep.REQUEUE_AFTER)
    sweep.sweep()
    assert OrmQ.objects.count() == 1
    assert play_worker() == [run.pk]


def test_a_call_that_a_busy_worker_keeps_is_made_again_by_one_that_is_free(
    small_site: Site, settings: Any, clock: Clock
) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"workers": 2}
    free, busy = (Supervisor(name, threading.Event()) for name in ("free", "busy"))
    run, *others = (queue.enqueue(order(course)) for course in COURSES)
    for other in others:
        SyncRun.objects.filter(pk=other.pk).update(status=Status.RUNNING, worker="busy|here|1|a")
    OrmQ.objects.all().delete()

    free._call_again_while_free()
    assert OrmQ.objects.count() == 0, "it was called a moment ago"
    clock.move(2)
    busy._call_again_while_free()
    assert OrmQ.objects.count() == 0, "all of its processes are at work"
    free._call_again_while_free()
    free._call_again_while_free()
    assert OrmQ.objects.count() == 1
    assert play_worker() == [run.pk]


def test_no_worker_alive_means_no_queue() -> None:
    assert queue.hand_over(order()) is None
    clusters_alive("one")
    run = queue.hand_over(order())
    assert run is not None
    assert run.status == Status.QUEUED


def test_a_run_from_the_queue_knows_the_whole_order() -> None:
    whole = Order(
        kind=SyncRun.Kind.FULL_CHECK,
        trigger=SyncRun.Trigger.ADMIN,
        scope=Scope(frozenset({10}), frozenset({1000, 1001})),
        actor="anna",
        full_check=True,
        force=True,
        expect_digest="abc",
        keep_plan=True,
    )
    assert order_of(queue.enqueue(whole)) == whole


# ── Two triggers for one course ──────────────────────────────────────────────────────────────────


def test_events_for_courses_that_still_wait_become_one_run() -> None:
    one = queue.enqueue(order(10, trigger=SyncRun.Trigger.EVENT))
    two = queue.enqueue(order(11, trigger=SyncRun.Trigger.EVENT))
    assert one.pk == two.pk
    assert order_of(SyncRun.objects.get()).scope == Scope(frozenset({10, 11}))


def test_events_for_people_and_for_courses_stay_two_runs() -> None:
    one = queue.enqueue(order(10, trigger=SyncRun.Trigger.EVENT))
    two = queue.enqueue(order(11, users=frozenset({1100}), trigger=SyncRun.Trigger.EVENT))
    assert one.pk != two.pk


def test_a_run_that_has_begun_takes_nothing_more_on() -> None:
    one = queue.enqueue(order(10, trigger=SyncRun.Trigger.EVENT))
    assert queue.claim(one.pk)
    two = queue.enqueue(order(10, trigger=SyncRun.Trigger.EVENT))
    assert one.pk != two.pk


def test_a_second_run_for_a_course_waits_and_begins_when_the_first_lets_go(
    small_site: Site,
) -> None:
    assert lease.acquire("somebody else", [11]) == []
    run = queue.enqueue(order())
    assert "waits" in work.work(run.pk)
    assert status_of(run) == Status.QUEUED
    assert run.not_before is not None
    assert run.attempts == 1, "waiting is no attempt"
    assert leases() == ["somebody else"]
    lease.release("somebody else")
    queue.wake_waiting(frozenset({11}))
    play_worker()
    assert status_of(run) == Status.DONE


# ── Cancelled ────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_is_cancelled_while_it_waits_never_begins(small_site: Site) -> None:
    run = queue.enqueue(order())
    SyncRun.objects.update(cancel_requested=True)
    work.work(run.pk)
    assert status_of(run) == Status.STOPPED
    assert run.message == queue.CANCELLED_EARLY
    assert small_site.rooms() == []


def test_a_cancelled_run_stops_within_one_operation(
    small_site: Site, small_moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_moodle.enrol(10, small_moodle.people(5000, 60))
    small_moodle.join(100, range(5000, 5060))
    small_site.chat.configure(latency_ms=150)  # an operation takes as long as on a busy server
    run = queue.enqueue(order())
    made: list[str] = []
    create = RocketChatWrites.create_account

    def cancel_at_the_tenth(self: Any, *, username: str, **values: Any) -> Any:
        account = create(self, username=username, **values)
        made.append(username)
        if len(made) == 10:
            SyncRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        return account

    monkeypatch.setattr(RocketChatWrites, "create_account", cancel_at_the_tenth)
    work.work(run.pk)
    assert status_of(run) == Status.STOPPED
    assert run.message == lease_renewal.CANCELLED
    # Each of the 8 threads was at an operation then, or had just taken one up.
    assert len(made) <= 10 + 2 * 8
    assert small_site.rooms() == []
    results = SyncOperation.objects.filter(run=run).values_list("status", flat=True)
    assert SyncOperation.Status.STARTED not in results, "nothing is left in doubt"


# ── Cut off ──────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_run_is_interrupted_and_another_goes_on_with_it(small_site: Site) -> None:
    run = queue.enqueue(order())
    queue.claim(run.pk)
    lease.acquire(lease.owner_of(run), COURSES)
    make_dead(run)
    sweep.sweep()
    assert status_of(run) == Status.INTERRUPTED
    assert run.superseded
    assert leases() == []
    successor = SyncRun.objects.get(status=Status.QUEUED)
    assert successor.attempts == 2
    play_worker()
    assert status_of(successor) == Status.DONE
    assert len(small_site.channel_members()) == len(COURSES)


def test_two_sweeps_at_once_go_on_once(small_site: Site) -> None:
    run = queue.enqueue(order())
    make_dead(run)
    first, second = (SyncRun.objects.get(pk=run.pk) for _ in range(2))
    crashes.go_on_after(first, crashes.DIED)
    crashes.go_on_after(second, crashes.DIED)
    assert SyncRun.objects.count() == 2


def test_a_run_that_shows_signs_of_life_is_left_alone() -> None:
    run = queue.enqueue(order())
    make_dead(run, silent=lease.LEASE_SECONDS / 2)
    sweep.sweep()
    assert status_of(run) == Status.RUNNING


def test_a_dead_run_of_the_command_line_is_closed_and_not_repeated(small_site: Site) -> None:
    run = runner.begin(order())
    make_dead(run)
    sweep.sweep()
    assert status_of(run) == Status.INTERRUPTED
    assert SyncRun.objects.count() == 1


def test_what_a_person_reviewed_is_not_repeated_without_a_new_look() -> None:
    reviewed = Order(SyncRun.Kind.APPLY, SyncRun.Trigger.ADMIN, expect_digest="abc")
    run = queue.enqueue(reviewed)
    make_dead(run)
    sweep.sweep()
    assert status_of(run) == Status.INTERRUPTED
    assert SyncRun.objects.count() == 1


def test_a_run_is_given_up_after_some_attempts_with_state_and_reason(small_site: Site) -> None:
    queue.enqueue(order(11))
    for _ in range(crashes.RUN_ATTEMPTS):
        make_dead(SyncRun.objects.get(status=Status.QUEUED))
        sweep.sweep()
    last = SyncRun.objects.latest("pk")
    assert last.status == Status.INTERRUPTED
    assert last.message == crashes.DIED
    assert f"Given up after {crashes.RUN_ATTEMPTS} attempts" in last.hint
    assert not last.superseded
    assert states()[11] is CourseState.FAILING
    sweep.sweep()
    assert not SyncRun.objects.filter(status=Status.QUEUED).exists()


def test_a_course_that_kills_its_worker_does_not_hold_up_the_others(
    small_site: Site, small_moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = range(20, 38)
    for course in more:
        small_moodle.course(course)
        IntegratedCourse.objects.create(course_id=course)
    poison = deadly(31, monkeypatch)
    queue.enqueue(order(trigger=SyncRun.Trigger.SCHEDULE))
    worked = play_worker_and_sweep()
    found = states()
    assert found.pop(31) is CourseState.FAILING
    assert set(found.values()) == {CourseState.IN_STEP}
    assert poison["deaths"] <= 2 + 1 + 1 + crashes.RUN_ATTEMPTS
    assert worked < 40
    ends = set(SyncRun.objects.values_list("status", flat=True))
    assert ends == {Status.DONE, Status.INTERRUPTED}
    assert leases() == []


def test_the_pieces_of_a_pass_are_judged_together_and_end_it_together(
    small_site: Site, small_moodle: SmallMoodle
) -> None:
    for course in range(20, 38):
        small_moodle.course(course)
        IntegratedCourse.objects.create(course_id=course)
    every = sorted(IntegratedCourse.objects.values_list("course_id", flat=True))
    dead = queue.enqueue(order(trigger=SyncRun.Trigger.SCHEDULE), attempts=crashes.CUT_FROM)
    make_dead(dead)
    sweep.sweep()
    parent = SyncRun.objects.get(worker=sweep.PARTS)
    assert parent.scope == {"courses": None, "users": None}
    pieces = [part.scope["courses"] for part in parent.parts.order_by("pk")]
    assert sorted(course for piece in pieces for course in piece) == every
    assert pieces[-1] == [], "people who may be in none of the courses"
    play_worker_and_sweep()
    parent.refresh_from_db()
    assert parent.status == Status.DONE
    assert not SyncRun.objects.filter(status__in=(Status.QUEUED, Status.RUNNING)).exists()


def deadly(course: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Every run that looks at the course ends as if killed: nothing is tidied up."""
    counts = {"deaths": 0}
    execute: Callable[..., Finished] = runner.execute

    def execute_or_die(given: Order, *args: Any, run: SyncRun, **values: Any) -> Finished:
        if not given.scope.has_course(course):
            return execute(given, *args, run=run, **values)
        counts["deaths"] += 1
        lease.acquire(lease.owner_of(run), [course])
        make_dead(run)
        raise Killed

    monkeypatch.setattr(runner, "execute", execute_or_die)
    monkeypatch.setattr("integration.services.background.crashes.go_on_after", lambda *_: None)
    return counts


class Killed(BaseException):
    """The process is gone."""


GO_ON_AFTER = crashes.go_on_after


def play_worker_and_sweep() -> int:
    worked = 0
    while SyncRun.objects.filter(status=Status.QUEUED).exists() and worked < 100:
        pk = SyncRun.objects.filter(status=Status.QUEUED).earliest("pk").pk
        worked += 1
        try:
            work.work(pk)
        except Killed:
            # As the sweep: the run whose parts do the work has no process that could die.
            running = SyncRun.objects.filter(status=Status.RUNNING)
            for dead in running.exclude(worker=sweep.PARTS):
                GO_ON_AFTER(dead, crashes.DIED)
    return worked


def test_an_unexpected_error_is_an_attempt_like_a_death(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue.enqueue(order(10))
    with monkeypatch.context() as broken:
        broken.setattr(runner, "reconcile", explode)
        with pytest.raises(ZeroDivisionError):
            work.work(run.pk)
    assert status_of(run) == Status.INTERRUPTED
    assert leases() == []
    play_worker()
    assert SyncRun.objects.latest("pk").status == Status.DONE


def explode(*_args: Any, **_values: Any) -> None:
    raise ZeroDivisionError


def test_when_the_time_of_the_task_is_over_another_run_does_the_rest(
    small_site: Site, settings: Any
) -> None:
    settings.TASK_SECONDS = 0
    run = queue.enqueue(order())
    work.work(run.pk)
    assert status_of(run) == Status.STOPPED
    assert run.superseded
    settings.TASK_SECONDS = 900
    play_worker()
    assert SyncRun.objects.latest("pk").status == Status.DONE
    assert len(small_site.channel_members()) == len(COURSES)


def test_a_run_that_was_taken_for_dead_does_not_write_its_end(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was only paused. Another run has its courses now, and its row says so."""
    run = queue.enqueue(order())
    real = reconcile

    def paused(*args: Any, **values: Any) -> Any:
        report = real(*args, **values)
        SyncRun.objects.filter(pk=run.pk).update(status=Status.INTERRUPTED)
        return report

    monkeypatch.setattr(runner, "reconcile", paused)
    work.work(run.pk)
    assert status_of(run) == Status.INTERRUPTED


def test_a_lost_lease_stops_the_run(small_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_renewal, "SIGN_SECONDS", 0.0)
    run = queue.enqueue(order())
    real = reconcile

    def robbed(*args: Any, **values: Any) -> Any:
        IntegratedCourse.objects.filter(course_id=11).update(lease_owner="a thief")
        return real(*args, **values)

    monkeypatch.setattr(runner, "reconcile", robbed)
    work.work(run.pk)
    assert status_of(run) == Status.STOPPED
    assert run.message == lease_renewal.LOST
    assert small_site.rooms() == []


def test_the_lease_is_renewed_while_one_long_read_goes_on(
    small_site: Site, chat: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "SIGN_SECONDS", 0.1)
    run = queue.enqueue(order())
    chat.fault("timeout_after", endpoint="users.list", seconds=1.0)
    seen: list[Any] = []
    real = lease.renew

    def watched(owner: str, courses: Any) -> bool:
        kept = real(owner, courses)
        seen.append(timezone.now())
        return kept

    monkeypatch.setattr(lease, "renew", watched)
    work.work(run.pk)
    assert status_of(run) == Status.DONE
    assert len(seen) >= 3
    assert seen[-1] - seen[0] > timedelta(seconds=0.2)


def test_a_worker_is_not_silent_in_the_moment_after_a_long_run(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is over, its task is not: there is no beat yet, and no run that is worked on."""
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, "a worker")
    monkeypatch.setattr(lease_renewal, "SIGN_SECONDS", 0.0)
    heartbeat.register("a worker")
    run = queue.claim(queue.enqueue(order()).pk)
    assert run is not None
    runner.execute(order(), run=run)
    assert status_of(run) == Status.DONE
    assert heartbeat.last_sign("a worker") is not None
