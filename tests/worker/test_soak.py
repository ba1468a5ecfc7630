"""A short soak: random changes, killed processes, faults; `benchmarks/soak.py` runs for longer."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.paths import ROOT

MINUTES = os.environ.get("RCSYNC_SOAK_MINUTES", "0.5")


@pytest.mark.slow
def test_whatever_happens_all_is_right_in_the_end(note: Callable[[str], None]) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.soak",
        "--minutes",
        MINUTES,
        "--database",
        "sqlite",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200
    )
    for line in done.stdout.splitlines():
        note(line)
    assert done.returncode == 0, done.stdout + done.stderr
