"""What the benchmark of a rush changes, and what it takes for the fewest writes."""

import argparse
import math
import random
from collections import Counter
from typing import Any

import pytest

from benchmarks.recorder import Recorded, is_whole
from benchmarks.rush import bounds_of, figures_of_reads, report
from benchmarks.rush_plan import (
    JOIN,
    LEAVE,
    NEWCOMER,
    Change,
    fewest_writes,
    looks_with_changes,
    percentile,
    schedule,
    seconds_of_effects,
)
from tests.support.benchmarks import run_benchmark

RIGHT: dict[str, Any] = {
    "seconds": [1.0, 2.0, 9.9],
    "writes": 13,
    "fewest": 10,
    "most_reads_of_a_list": 1,
    "without_effect": 0,
    "wrong": 0,
}


FIGURES: dict[str, Any] = {
    "changes": 3,
    "took": 60.0,
    "courses": 2,
    "run_seconds": [0.5, 1.5],
    "used": {"workers": 3.0},
    "idle": 0.5,
    "cores": 2,
    "load": 1.0,
    "runs_with_lists": 1,
    "written": {"POST groups.invite": 13},
    "read": {"GET users.info": 5},
    "bytes": 500,
    "looks": 2,
    "bytes_of_lists": 1000,
}


def test_a_schedule_has_the_promised_changes_in_order_and_nobody_twice() -> None:
    members = [(group, 1000 + group) for group in range(100)]
    found = schedule(random.Random(1), 500, 60, range(100), members, range(5000, 6000))
    assert Counter(change.kind for change in found) == {JOIN: 400, LEAVE: 50, NEWCOMER: 50}
    assert found == sorted(found)
    assert all(0 <= change.at <= 60 for change in found)
    known = [change.user for change in found if change.kind != NEWCOMER]
    assert len(set(known)) == len(known)
    lists = Counter(change.group for change in found if change.kind == JOIN)
    assert max(lists.values()) >= 15, "some come as lists"


def test_who_joins_a_room_within_the_time_shares_an_invite() -> None:
    def joins(*moments: float, group: int = 1) -> list[Change]:
        return [Change(at, JOIN, group, n) for n, at in enumerate(moments)]

    assert fewest_writes(joins(0, 3, 10)) == 1
    assert fewest_writes(joins(0, 3, 10.1)) == 2
    assert fewest_writes(joins(0, 9, 18, 27)) == 2
    assert fewest_writes([*joins(0), *joins(0, group=2)]) == 2


def test_each_account_and_each_removal_is_a_write_of_its_own() -> None:
    changes = [Change(0, LEAVE, 1, 7), Change(0, LEAVE, 1, 8), Change(0, NEWCOMER, 1, 9)]
    assert fewest_writes(changes) == 2 + 2, "two kicks, an account and its invite"


def test_the_time_of_a_change_ends_with_the_first_effect_after_it() -> None:
    done = {(1, 7): 100.0, (1, 8): 100.0, (2, 9): 100.0}
    effects = [((1, 7), 99.0), ((1, 7), 104.0), ((1, 7), 103.0), ((1, 8), 101.0), ((5, 5), 1.0)]
    assert seconds_of_effects(done, effects) == ([1.0, 3.0], 1)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.95) == 95
    assert percentile(values, 1) == 100
    assert percentile([4.0], 0.95) == 4
    assert percentile([], 0.95) == math.inf, "no effect at all is in time for nobody"


def test_looks_without_a_change_are_not_counted() -> None:
    changes = [Change(at, JOIN, 1, 1) for at in (0.1, 1.9, 2.1, 9.0)]
    assert looks_with_changes(changes, 2) == 3


def test_the_beginning_of_a_list_is_told_from_a_search_and_from_further_pages() -> None:
    assert is_whole("GET users.listByStatus", {"count": 0})
    assert is_whole("GET rooms.adminRooms", {"offset": 0})
    assert not is_whole("GET rooms.adminRooms", {"offset": 100})
    assert not is_whole("GET rooms.adminRooms", {"filter": "name"})
    assert not is_whole("GET users.listByStatus", {"searchTerm": "name"})
    assert not is_whole("GET users.info", {})


def test_lists_are_counted_for_each_run() -> None:
    accounts, rooms = "GET users.list", "GET rooms.adminRooms"
    asked = [
        Recorded("1-1", accounts, 100, whole=True),
        Recorded("1-1", rooms, 50, whole=True),
        Recorded("1-2", accounts, 100, whole=True),
        Recorded("1-2", accounts, 7, whole=False),
    ]
    found = figures_of_reads(asked)
    assert (found["runs_with_lists"], found["most_reads_of_a_list"]) == (2, 1)
    assert (found["bytes"], found["read"]) == (257, {accounts: 3, rooms: 1})


def test_every_bound_of_the_rush_can_be_broken() -> None:
    assert all(bound.holds for bound in bounds_of(RIGHT))
    faults: list[dict[str, Any]] = [
        {"seconds": [1.0, 10.1]},
        {"seconds": []},
        {"writes": 14},
        {"most_reads_of_a_list": 2},
        {"without_effect": 1},
        {"wrong": 1},
    ]
    for broken in faults:
        assert sum(not bound.holds for bound in bounds_of(RIGHT | broken)) == 1, broken


def test_the_exit_status_and_the_last_line_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(people=100, changes=3, minutes=1.0)
    assert report(FIGURES | RIGHT, options) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "All 5 bounds hold."
    assert report(FIGURES | RIGHT | {"wrong": 1}, options) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("Broken: memberships")


@pytest.mark.slow
@pytest.mark.mysql
def test_a_small_rush_ends_with_the_right_people() -> None:
    done = run_benchmark(
        *("-m", "benchmarks.rush"),
        *("--people", "500", "--changes", "20", "--minutes", "0.2"),
    )
    assert (done.returncode == 0) == done.stdout.strip().endswith("bounds hold."), done.stderr
    assert "changes without effect: 0 (" in done.stdout, done.stdout
    assert "memberships that are wrong in the end: 0 (" in done.stdout, done.stdout
