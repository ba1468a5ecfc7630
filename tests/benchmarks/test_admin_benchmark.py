"""No page of the admin needs more statements over ten times the rows, or reads a big table whole;
and pruning ends.
"""

import subprocess
import sys

import pytest

from benchmarks.admin import PAGES
from tests.support import servers
from tests.support.paths import PYTHON_PATH, ROOT

NEEDS = {"mariadb": servers.require_mariadb, "postgresql": servers.require_postgres}


@pytest.mark.parametrize(
    "database", ["mariadb", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def test_no_page_needs_more_statements_over_ten_times_the_rows_or_reads_a_big_table_whole(
    database: str,
) -> None:
    NEEDS[database]()
    options = ["--scale", "0.002", "--slow", "99", "--prune", "--database", database]
    done = subprocess.run(
        [sys.executable, "benchmarks/admin.py", *options],
        cwd=ROOT,
        env={"PYTHONPATH": PYTHON_PATH, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "No page needs more statements than before."
    assert "No condition on a big table is without an index." in lines
    assert sum(line.startswith("/admin/") for line in lines) == len(PAGES)
    assert any(line.startswith("The slowest page: /admin/") for line in lines)
    assert any(line.startswith("Pruned ") for line in lines)
