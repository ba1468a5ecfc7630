"""No page of the admin needs more statements over ten times the rows, and pruning ends."""

import subprocess
import sys

from benchmarks.admin import PAGES
from tests.support.paths import ROOT


def test_no_page_needs_more_statements_over_ten_times_the_rows() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/admin.py", "--scale", "0.002", "--slow", "99", "--prune"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "No page needs more statements than before."
    assert sum(line.startswith("/admin/") for line in lines) == len(PAGES)
    assert any(line.startswith("The slowest page: /admin/") for line in lines)
    assert any(line.startswith("Pruned ") for line in lines)
