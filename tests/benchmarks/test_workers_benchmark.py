"""What the benchmark of several workers counts, and whose processor time it tells."""

import os
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.processors import OTHERS, Process, Processors, by_name, processes, seconds_of
from benchmarks.workers import bounds_of, lines
from tests.support.benchmarks import run_benchmark

BENCHMARK = 10
ONE: dict[str, Any] = {
    "seconds": 80.0,
    "parts": 0,
    "failed": 0,
    "wrong": 0,
    "fewest": 1000,
    "asked": {"total": 1002, "by_endpoint": {"GET users.listByStatus": 1, "POST users.create": 9}},
    "used": {"workers": 10.0, OTHERS: 1.0},
    "idle": 0.5,
    "cores": 2,
    "load": 1.0,
}
TWO = ONE | {"seconds": 40.0, "parts": 4}


def test_every_bound_can_be_broken() -> None:
    assert all(bound.holds for bound in bounds_of(2, {1: ONE, 2: TWO}))
    twice = {"GET users.listByStatus": 1, "GET rooms.adminRooms": 2}
    faults: list[dict[str, Any]] = [
        {"seconds": 80 / 1.79},
        {"failed": 1},
        {"wrong": 1},
        {"asked": {"total": 1021, "by_endpoint": {}}},
        {"asked": {"total": 1002, "by_endpoint": twice}},
    ]
    for broken in faults:
        found = bounds_of(2, {1: ONE, 2: TWO | broken})
        assert sum(not bound.holds for bound in found) == 1, broken


def test_where_the_processor_is_full_time_is_shown_and_not_judged() -> None:
    found = {1: ONE, 2: TWO | {"seconds": 79.0, "idle": 0.05}}
    (late,) = [bound for bound in bounds_of(2, found) if "time" in bound.promise]
    assert (late.judged, late.holds) == (False, True)
    text = " ".join(lines(2, found))
    assert "1.01 times as fast as one" in text
    assert "workers 10.0 s, other programs 1.0 s; idle 5 % of 2 cores" in text


def test_processor_time_is_told_by_the_child_of_the_benchmark_that_it_comes_from() -> None:
    found = {
        BENCHMARK: Process(1, 100.0, "python -m benchmarks.workers"),
        11: Process(BENCHMARK, 1.0, "python manage.py worker"),
        12: Process(11, 2.0, "guardian"),
        13: Process(12, 4.0, "python -m django qcluster"),
        14: Process(BENCHMARK, 8.0, "/usr/sbin/mariadbd --no-defaults"),
        15: Process(BENCHMARK, 16.0, "python -m demo.standin"),
        16: Process(1, 32.0, "/usr/sbin/mariadbd of somebody else"),
    }
    assert by_name(found, BENCHMARK) == {"workers": 7.0, "MariaDB": 8.0, "stand-in": 16.0}


def test_what_nobody_of_the_benchmark_used_was_used_by_other_programs() -> None:
    before = Processors({"workers": 1.0, "MariaDB": 0.0, "stand-in": 0.0}, 100.0, 50.0)
    after = Processors({"workers": 4.0, "MariaDB": 1.0, "stand-in": 1.0}, 120.0, 55.0)
    found = seconds_of(before, after)
    assert found["used"] == {"workers": 3.0, "stand-in": 1.0, "MariaDB": 1.0, OTHERS: 10.0}
    assert found["idle"] == 0.25


def test_this_machine_tells_its_processes_and_times() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = processes()[child.pid]
        assert (found.parent, "input()" in found.command) == (os.getpid(), True)
        assert 0 <= Processors.now(child.pid).idle < Processors.now(child.pid).all
    finally:
        child.communicate(b"\n")


@pytest.mark.slow
@pytest.mark.mysql
def test_two_workers_share_a_small_first_sync() -> None:
    done = run_benchmark(
        *("-m", "benchmarks.workers"),
        *("--people", "2000", "--workers", "2", "--latency-ms", "5"),
    )
    last = done.stdout.strip().splitlines()[-1]
    assert (done.returncode == 0) == last.startswith("All "), done.stdout + done.stderr
    assert "2 workers" in done.stdout
    assert "3 parts" in done.stdout, "two of 20 courses, and the people without a course"
    for rule in ("reads of a list: 1 (", "did not end well: 0 (", "wrong in the end: 0 ("):
        assert rule in done.stdout, done.stdout
