"""The benchmark runs from the command line and its exit status agrees with its last line."""

import json
from pathlib import Path
from typing import Any

from tests.support.benchmarks import run_benchmark


def _phases(result: Path, *arguments: str) -> dict[str, Any]:
    """Their results, of sixty people."""
    done = run_benchmark(
        "benchmarks/sync.py",
        *("--people", "60", "--latency-ms", "2", "--database", "sqlite"),
        *("--json", str(result), *arguments),
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
