"""The benchmark of events runs from the command line and its exit status agrees with its words."""

import subprocess
import sys

from tests.support.paths import ROOT


def test_a_small_benchmark_of_events_finds_nothing_wrong_and_keeps_its_word() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.event", "--people", "120,240"),
            *("--large-room", "20", "--latency-ms", "0", "--database", "sqlite"),
        ],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    assert (done.returncode == 0) == lines[-1].startswith("All "), done.stdout + done.stderr
    assert sum(line.startswith("  holds   wrong: 0 ") for line in lines) == 2, done.stdout
