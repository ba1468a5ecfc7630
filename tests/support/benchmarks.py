"""Benchmarks as they are run from the command line."""

import subprocess
import sys

from tests.support.paths import PYTHON_PATH, ROOT

PATIENCE_SECONDS = 600


def run_benchmark(*command: str) -> "subprocess.CompletedProcess[str]":
    """`command` is what stands behind `python`."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PYTHONPATH": PYTHON_PATH, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
