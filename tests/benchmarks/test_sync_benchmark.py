"""The benchmark runs from the command line and its exit status agrees with its last line."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT


def test_a_small_benchmark_measures_every_phase(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/sync.py",
            *("--people", "60", "--latency-ms", "2", "--database", "sqlite"),
            *("--json", str(result)),
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
    phases = json.loads(result.read_text())["runs"][0]["results"]
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
