"""What is counted for the monitoring: once, by whichever process, and never less than before."""

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from integration.models import MetricCounter, SyncRun
from integration.services.background import crashes, jobs, queue
from integration.services.ledger import counters
from integration.services.ledger.retry import retry_on_deadlock
from integration.services.monitoring import status as conditions
from integration.services.monitoring.metrics import exposition
from integration.services.monitoring.status import Health, Numbers, Part
from tests.support.background import make_dead, order
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def figures() -> dict[str, float]:
    conditions.forget()
    lines = exposition(conditions.health()).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_a_run_its_operations_and_its_requests_are_counted(chosen: Site) -> None:
    chosen.chat.reset_stats()
    run = chosen.apply().run
    found = figures()
    assert found['rcsync_runs_total{kind="apply",status="done",trigger="command"}'] == 1
    made = 'rcsync_operations_total{kind="create_account",result="done"}'
    assert found[made] == run.applied["create_account"]
    asked = chosen.chat.stats()["by_endpoint"]["POST users.create"]
    assert found['rcsync_requests_total{endpoint="POST users.create",status="200"}'] == asked
    assert found['rcsync_request_seconds_total{endpoint="POST users.create"}'] > 0
    assert found['rcsync_run_seconds_count{kind="apply"}'] == 1
    assert found['rcsync_run_seconds_bucket{kind="apply",le="+Inf"}'] == 1
    assert found['rcsync_run_seconds_sum{kind="apply"}'] > 0


def test_refused_and_lost_requests_are_counted_by_what_came_back(chosen: Site) -> None:
    chosen.chat.fault("status", endpoint="groups.create", code=500, times=1)
    chosen.chat.fault("reset", endpoint="users.create", times=1)
    chosen.run()
    found = counters.totals()
    assert found[counters.REQUESTS, ("POST groups.create", "500")] == 1
    assert found[counters.REQUESTS, ("POST users.create", "none")] == 1


def test_a_run_that_could_not_be_done_is_counted_with_its_requests(
    chosen: Site, settings: Any
) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "password": "wrong"}
    chosen.run()
    found = counters.totals()
    assert found[counters.RUNS, ("apply", "command", "error")] == 1
    assert found[counters.REQUESTS, ("POST login", "401")] == 1


def test_a_run_whose_process_died_is_counted(chosen: Site) -> None:
    run = queue.enqueue(order())
    make_dead(run)
    run.refresh_from_db()
    crashes.go_on_after(run, "it died")
    crashes.go_on_after(run, "it died")
    assert counters.totals()[counters.RUNS, ("apply", "admin", "interrupted")] == 1


def test_counts_stay_when_the_history_goes(chosen: Site) -> None:
    for _ in range(2):
        chosen.apply()
    before = figures()
    SyncRun.objects.update(finished_at="2020-01-01T00:00:00Z")
    assert jobs.prune() == 1
    after = figures()
    grown = {name for name in before if "_total" in name or "_bucket" in name}
    assert {name: after[name] for name in grown} == {name: before[name] for name in grown}


def test_buckets_hold_what_the_smaller_ones_hold() -> None:
    run = SyncRun(pk=1, kind="apply", trigger="event", status="done")
    for seconds in (0.5, 4.0, 4.5, 7200.0):
        counters.count_run(run, None, None, seconds)
    found = figures()
    bounds = ("1", "5", "3600", "+Inf")
    name = 'rcsync_run_seconds_bucket{{kind="apply",le="{}"}}'
    assert [found.get(name.format(b), found.get(name.format(f"{b}.0"))) for b in bounds] == [
        *(1, 3, 3, 4)
    ]


def test_processes_that_count_at_once_lose_nothing() -> None:
    def work() -> None:
        for _ in range(10):
            retry_on_deadlock(lambda: counters.add({("runs", ("a", "b", "c")): 1}))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.totals() == {("runs", ("a", "b", "c")): 40}


def test_a_count_that_fails_does_not_fail_the_run(
    chosen: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_numbers: Any) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(counters, "add", broken)
    assert chosen.apply().run.status == "done"
    assert "could not be counted" in caplog.text


def test_plans_that_wait_for_a_person_are_told(site: Site) -> None:
    SyncRun.objects.create(kind="apply", trigger="event", status="quarantined", held_count=7)
    found = figures()
    assert (found["rcsync_runs_held"], found["rcsync_operations_held"]) == (1, 7)
    assert found["rcsync_oldest_held_run_age_seconds"] < 60


def test_every_figure_has_a_help_line(chosen: Site) -> None:
    chosen.apply()
    lines = exposition(conditions.health()).decode().splitlines()
    helped = {line.split()[2] for line in lines if line.startswith("# HELP")}
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert typed == helped
    assert len(typed) >= 20


def test_of_a_database_that_does_not_answer_nothing_is_told() -> None:
    lines = exposition(Health((Part("database", "down"),), Numbers(), ())).decode()
    assert 'rcsync_up{part="database"} 0.0' in lines
    assert "rcsync_courses" not in lines
    assert "rcsync_runs" not in lines


def test_counting_a_run_takes_few_statements(
    chosen: Site, django_assert_max_num_queries: Any
) -> None:
    run = SyncRun(pk=1, kind="apply", trigger="event", status="done")
    counters.count_run(run, None, None, 1.0)
    with django_assert_max_num_queries(4):  # the transaction's begin among them
        counters.count_run(run, None, None, 1.0)
    assert MetricCounter.objects.count() == 3


def test_a_request_and_the_run_it_starts_share_an_id(
    chosen: Site, administrator: Client, settings: Any
) -> None:
    settings.PROXIES = 1
    headers = {"X-Request-ID": "abc-123", "X-Forwarded-For": "192.0.2.1"}
    answer = administrator.post("/admin/sync-everything/", headers=headers)
    assert answer["X-Request-ID"] == "abc-123"
    assert SyncRun.objects.latest("pk").request_id == "abc-123"
