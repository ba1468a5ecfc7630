"""The benchmark of events runs from the command line and its exit status agrees with its words."""

import pytest

from tests.support.benchmarks import run_benchmark


@pytest.mark.slow
def test_a_small_benchmark_of_events_finds_nothing_wrong_and_keeps_its_word() -> None:
    done = run_benchmark(
        *("-m", "benchmarks.event", "--people", "120,240"),
        *("--large-room", "20", "--latency-ms", "0", "--database", "sqlite"),
    )
    lines = done.stdout.strip().splitlines()
    assert (done.returncode == 0) == lines[-1].startswith("All "), done.stdout + done.stderr
    assert sum(line.startswith("  holds   wrong: 0 ") for line in lines) == 2, done.stdout
