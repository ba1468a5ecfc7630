"""Schedules as the settings want them, passes, parts for several machines, and pruning."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from integration import tasks
from integration.domain.state import EVERYTHING, Scope
from integration.models import (
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    SyncOperation,
    SyncRun,
)
from integration.services.background import jobs, parts, queue, schedules, sweep, work
from integration.services.runs.order import order_of
from tests.support.background import COURSES, clusters_alive, make_dead, order, play_worker
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncRun.Status


# ── Schedules ────────────────────────────────────────────────────────────────────────────────────


def installed() -> dict[str, tuple[str, int | None, str | None]]:
    rows = Schedule.objects.values_list("name", "func", "minutes", "cron")
    return {name: (func.rpartition(".")[2], minutes, cron) for name, func, minutes, cron in rows}


def test_saving_the_settings_makes_the_schedules() -> None:
    IntegrationSettings.load().save()
    assert installed() == {
        "rcsync sweep": ("sweep", 1, None),
        "rcsync full pass": ("full_pass", 60, None),
        "rcsync full_check": ("full_check", None, "30 2 * * *"),
        "rcsync prune": ("prune", None, "15 4 * * *"),
    }


def test_changed_settings_change_the_schedules_and_nothing_else() -> None:
    settings = IntegrationSettings.load()
    Schedule.objects.create(name="somebody else's", func="math.sqrt")
    settings.full_pass_cron = "0 */2 * * *"
    settings.full_check_cron = ""
    settings.save()
    found = installed()
    assert found["rcsync full pass"] == ("full_pass", None, "0 */2 * * *")
    assert "rcsync audit" not in found
    assert "somebody else's" in found
    settings.full_pass_cron = ""
    settings.full_pass_minutes = None
    settings.save()
    assert "rcsync full pass" not in installed()


def test_installing_again_keeps_the_next_time_and_removes_doubles() -> None:
    schedules.install()
    Schedule.objects.create(name="rcsync sweep", func="integration.tasks.sweep")
    later = timezone.now() + timedelta(hours=3)
    Schedule.objects.update(next_run=later)
    schedules.install()
    assert Schedule.objects.filter(name="rcsync sweep").count() == 1
    assert set(Schedule.objects.values_list("next_run", flat=True)) == {later}


def test_every_schedule_names_a_task_that_exists() -> None:
    schedules.install()
    for func in Schedule.objects.values_list("func", flat=True):
        module, _, name = func.rpartition(".")
        assert module == tasks.__name__
        assert callable(getattr(tasks, name))


def due_moments(cron: str, start: datetime) -> list[datetime]:
    """When django-q2 starts the task in the two days after `start`."""
    settings = IntegrationSettings.load()
    settings.full_check_cron = cron
    settings.save()
    schedule = Schedule.objects.get(name="rcsync full_check")
    with_due = schedule.intended_date_kwarg == "due"
    found: list[datetime] = []
    moment, end = start, start.astimezone(UTC) + timedelta(hours=48)
    while True:
        with mock.patch("django_q.models.localtime", return_value=moment):
            moment = schedule.calculate_next_run(moment)
        if moment.astimezone(UTC) > end:
            return found
        utc = moment.astimezone(UTC).isoformat()  # as it comes from the table
        if not (with_due and schedules.same_hour_again(utc)):
            found.append(moment)


@pytest.mark.parametrize(
    ("zone", "day", "times"),
    [
        ("Europe/Berlin", (2026, 10, 24), ["2026-10-25 02:30", "2026-10-26 02:30"]),
        ("Europe/Berlin", (2027, 3, 27), ["2027-03-28 03:00", "2027-03-29 02:30"]),
        ("Europe/Berlin", (2026, 11, 28), ["2026-11-29 02:30", "2026-11-30 02:30"]),
        ("UTC", (2026, 10, 24), ["2026-10-25 02:30", "2026-10-26 02:30"]),
    ],
)
def test_a_schedule_runs_once_a_day_whatever_the_clocks_do(
    zone: str, day: tuple[int, int, int], times: list[str], settings: Any
) -> None:
    settings.TIME_ZONE = zone
    start = datetime(*day, 12, tzinfo=ZoneInfo(zone))
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in due_moments("30 2 * * *", start)] == times


def test_an_hourly_schedule_runs_every_hour_also_when_one_comes_twice(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    start = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert len(due_moments("0 * * * *", start)) == 48


@pytest.mark.parametrize("task", [tasks.full_pass, tasks.full_check, tasks.prune])
def test_a_task_that_is_due_in_the_hour_that_comes_twice_does_nothing(
    task: Callable[..., str], settings: Any, small_site: Site
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert task(due="2026-10-25T01:30:00+00:00") == tasks.SAME_HOUR_AGAIN
    assert not SyncRun.objects.exists()
    assert task(due="2026-10-25T00:30:00+00:00") != tasks.SAME_HOUR_AGAIN


def test_a_cron_expression_that_means_nothing_is_refused() -> None:
    settings = IntegrationSettings.load()
    for text in ("every day", "61 2 * * *", "* * * * * *"):
        settings.full_check_cron = text
        with pytest.raises(ValidationError) as refused:
            settings.full_clean()
        assert "full_check_cron" in refused.value.message_dict


def test_nobody_can_add_code_by_the_admin_of_the_queue() -> None:
    """Whoever may add a Schedule can run any function of the machine."""
    for model, shown in admin.site._registry.items():
        if model._meta.app_label == "django_q":
            request: Any = None
            assert not shown.has_add_permission(request)
            assert not shown.has_change_permission(request)


# ── Passes ───────────────────────────────────────────────────────────────────────────────────────


def test_the_full_pass_looks_at_courses_with_background_sync_and_pending_ones(
    small_site: Site,
) -> None:
    IntegratedCourse.objects.filter(course_id=11).update(background_sync=False)
    IntegratedCourse.objects.filter(course_id=12).update(background_sync=False, pending_sync=True)
    assert tasks.full_pass().startswith("run ")
    run = SyncRun.objects.get()
    assert (run.trigger, run.full_check) == (SyncRun.Trigger.SCHEDULE, False)
    assert order_of(run).scope == Scope(frozenset({10, 12}))
    play_worker()
    assert set(small_site.channel_members()) == {100, 120}
    assert not IntegratedCourse.objects.filter(pending_sync=True).exists()


def test_when_every_course_takes_part_the_pass_is_over_everything(small_site: Site) -> None:
    tasks.full_check()
    run = SyncRun.objects.get()
    assert run.full_check
    assert order_of(run).scope == EVERYTHING


def test_a_pass_waits_for_the_one_before_it(small_site: Site) -> None:
    tasks.full_pass()
    assert tasks.full_pass() == "nothing to start"
    assert tasks.full_check() == "nothing to start"
    play_worker()
    assert tasks.full_check().startswith("run ")


def test_without_courses_there_is_no_pass() -> None:
    assert tasks.full_pass() == "nothing to start"


# ── Parts ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("courses", "clusters", "sizes"),
    [
        (100, 0, [100]),
        (100, 1, [100]),
        (100, 2, [25, 25, 25, 25]),
        (39, 2, [39]),
        (41, 4, [21, 20]),
        (100, 4, [25, 25, 25, 25]),
        (119, 3, [40, 40, 39]),
        (1000, 3, [167, 167, 167, 167, 167, 165]),
    ],
)
def test_a_pass_is_cut_only_where_several_machines_can_share_it(
    courses: int, clusters: int, sizes: list[int]
) -> None:
    pieces = parts.cut(list(range(courses)), clusters)
    assert [len(piece) for piece in pieces] == sizes
    assert sorted(course for piece in pieces for course in piece) == list(range(courses))


@pytest.fixture
def shared_out(small_site: Site, monkeypatch: pytest.MonkeyPatch) -> SyncRun:
    """Three machines are alive, and a pass over three courses is shared by them."""
    monkeypatch.setattr(parts, "SMALLEST", 1)
    clusters_alive("one", "two", "three")
    parent = jobs.full_pass()
    assert parent is not None
    return parent


def test_the_parts_hold_every_course_once_and_the_people_without_one(shared_out: SyncRun) -> None:
    scopes = [part.scope for part in shared_out.parts.order_by("pk")]
    assert [scope["courses"] for scope in scopes] == [[10], [11], [12], []]
    assert scopes[-1]["users"] == "linked"
    assert OrmQ.objects.count() == 4


def test_the_whole_ends_with_its_last_part_and_sums_them_up(
    small_site: Site, shared_out: SyncRun
) -> None:
    play_worker(limit=3)
    shared_out.refresh_from_db()
    assert shared_out.status == Status.RUNNING
    assert shared_out.done_count == 3 + 12, "people see how far it is"
    play_worker()
    shared_out.refresh_from_db()
    assert shared_out.status == Status.DONE
    assert shared_out.applied["create_channel"] == 3
    assert shared_out.applied["create_account"] == 12
    assert len(small_site.channel_members()) == 3
    assert jobs.full_pass() is not None, "the next pass may begin"


def test_one_part_that_failed_makes_the_whole_failed(small_site: Site, shared_out: SyncRun) -> None:
    small_site.chat.fault("refuse", endpoint="groups.create")
    play_worker()
    shared_out.refresh_from_db()
    assert shared_out.status == Status.FAILED
    assert shared_out.failed_count == 1


def test_a_cancelled_whole_takes_its_waiting_parts_with_it(shared_out: SyncRun) -> None:
    play_worker(limit=1)
    SyncRun.objects.filter(pk=shared_out.pk).update(cancel_requested=True)
    queue.cancel_waiting()
    statuses = list(shared_out.parts.order_by("pk").values_list("status", flat=True))
    assert statuses == [Status.DONE, Status.STOPPED, Status.STOPPED, Status.STOPPED]
    sweep.sweep()
    shared_out.refresh_from_db()
    assert shared_out.status == Status.STOPPED


def test_a_part_that_died_is_gone_on_with_as_a_part(small_site: Site, shared_out: SyncRun) -> None:
    dead = shared_out.parts.earliest("pk")
    make_dead(dead)
    sweep.sweep()
    play_worker()
    shared_out.refresh_from_db()
    assert shared_out.status == Status.DONE
    assert shared_out.parts.count() == 5
    assert len(small_site.channel_members()) == 3


def test_conflicts_that_no_part_met_are_closed(small_site: Site, shared_out: SyncRun) -> None:
    long_ago = timezone.now() - timedelta(days=1)
    Conflict.objects.create(kind="email_missing", moodle_user_id=77, last_seen=long_ago)
    play_worker()
    assert Conflict.objects.get().status == Conflict.Status.SOLVED


def test_people_without_a_course_are_looked_at_by_the_last_part(
    small_site: Site, small_moodle: SmallMoodle, shared_out: SyncRun
) -> None:
    play_worker()
    small_moodle.leave(100, [1000])
    play = jobs.full_pass()
    assert play is not None
    play_worker()
    small_site.apply()
    small_moodle.change_person(1000, suspended=1)
    jobs.full_pass()
    play_worker()
    assert not small_site.account("person1000@example.invalid")["active"]


# ── Pruning ──────────────────────────────────────────────────────────────────────────────────────


def test_old_history_is_deleted_but_not_the_last_success(small_site: Site) -> None:
    runs = [queue.enqueue(order()) for _ in range(3)]
    for run in runs:
        work.work(run.pk)
    run = runs[-1]
    old = timezone.now() - timedelta(days=91)
    SyncRun.objects.exclude(pk=run.pk).update(finished_at=old - timedelta(days=1))
    SyncRun.objects.filter(pk=run.pk).update(finished_at=old)
    waiting = queue.enqueue(order())
    assert tasks.prune() == "2 old runs deleted"
    kept = set(SyncRun.objects.values_list("pk", flat=True))
    assert kept == {run.pk, waiting.pk}
    assert not SyncOperation.objects.exclude(run__in=kept).exists()
    IntegrationSettings.objects.update(history_days=None)
    SyncRun.objects.update(finished_at=old)
    assert tasks.prune() == "0 old runs deleted"
    assert SyncRun.objects.aggregate(last=Max("pk"))["last"] == waiting.pk
    assert len(COURSES) == 3
