"""The benchmark runs from the command line and its exit status agrees with its last line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


def _phases(result: Path, *arguments: str) -> dict[str, Any]:
    """Their results, of sixty people."""
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/sync.py",
            *("--people", "60", "--latency-ms", "2", "--database", "sqlite"),
            *("--json", str(result), *arguments),
        ],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    assert (done.returncode == 0) == last.startswith("All "), done.stdout + done.stderr
    phases: dict[str, Any] = json.loads(result.read_text())["runs"][0]["results"]
    return phases


def test_what_is_written_directly_is_what_a_first_sync_would_leave(tmp_path: Path) -> None:
    phases = _phases(tmp_path / "result.json", "--filled")
    assert phases["look"]["planned"] == phases["nochange"]["planned"] == {}
    assert phases["look"]["wrong"] == 0
    assert phases["fill"]["memberships"] == phases["setup"]["effective"]["memberships"]
    assert "sync" not in phases


def test_a_small_benchmark_measures_every_phase(tmp_path: Path) -> None:
    phases = _phases(tmp_path / "result.json")
    assert {
        "sync",
        "nochange",
        "changed",
        "event_user",
        "event_course",
        "full_check",
    } <= phases.keys()
    assert phases["sync"]["wrong"] == phases["changed"]["wrong"] == 0
    assert phases["nochange"]["server"]["writes"] == 0
