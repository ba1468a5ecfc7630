"""No process outlives whoever started it, at whatever moment that one is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import leftovers
from integration.services.worker import guardian
from tests.support.paths import ROOT
from tests.support.processes import MARK, processes_with

PATIENCE = 120.0

# Ends on nothing but SIGKILL, and has a child that loses its parent.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork() or os.fork() or os._exit(0)
time.sleep(600)
"""
# Starts a cluster and is killed at a chosen moment.
PARENT = """
import os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, ROOT)
from integration.services.worker import guardian
moment = sys.argv[1]
if moment == "while it is started":
    class Deadly(subprocess.Popen):
        def _execute_child(self, *args, **kwargs):
            super()._execute_child(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
    guardian.subprocess.Popen = Deadly
guardian.start([sys.executable, "-c", STUBBORN], 0.5, cwd=Path("/"), env=os.environ)
if moment == "later":
    time.sleep(1.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def until(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("moment", ["while it is started", "right after", "later"])
def test_nothing_outlives_a_killed_parent(moment: str, tmp_path: Path) -> None:
    mark = tmp_path.as_posix() + moment
    code = PARENT.replace("STUBBORN", repr(STUBBORN)).replace("ROOT", repr(str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code, moment], env={**os.environ, MARK: mark}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    if moment == "later":
        assert len(processes_with(mark)) >= 2, "the test is about something"
    assert until(lambda: not processes_with(mark)), processes_with(mark)


def start(command: list[str], mark: str, seconds: float = 0.5) -> "subprocess.Popen[bytes]":
    return guardian.start(command, seconds, cwd=Path("/"), env={**os.environ, MARK: mark})


def test_a_command_drains_when_its_guardian_is_killed(tmp_path: Path) -> None:
    """The worker sees that the guardian ended and ends the group; until then nothing new starts."""
    mark = tmp_path.as_posix()
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit()); time.sleep(600)"
    process = start([sys.executable, "-c", code], mark)
    assert until(lambda: len(processes_with(mark)) == 2)
    process.kill()
    process.communicate()
    assert until(lambda: not processes_with(mark))


def test_a_guardian_passes_sigterm_on_and_ends_with_the_same_status(tmp_path: Path) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); time.sleep(600)"
    process = start([sys.executable, "-c", code], tmp_path.as_posix())
    assert until(lambda: len(processes_with(tmp_path.as_posix())) == 2)
    time.sleep(0.5)  # so that it listens to the signal
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 7
    process.communicate()


def test_orphans_of_a_command_that_ended_are_ended(tmp_path: Path) -> None:
    mark = tmp_path.as_posix()
    process = start(["sh", "-c", "sleep 600 & exit 0"], mark)
    assert until(lambda: process.poll() is not None)
    process.communicate()
    assert until(lambda: not processes_with(mark)), processes_with(mark)


def test_every_benchmark_that_people_start_looks_for_what_it_left() -> None:
    """But for the one that draws pictures, and for the steps, which run inside of another."""
    started = {
        path.stem: path.read_text()
        for path in (ROOT / "benchmarks").glob("*.py")
        if "__main__" in path.read_text()
    }
    assert len(started) > 8
    without = {name for name, text in started.items() if "leaving_nothing(main)" not in text}
    assert without == {"phases", "plot"}


def test_a_benchmark_that_leaves_a_process_behind_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(leftovers.MARK, raising=False)
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", 0.5)
    started: list[subprocess.Popen[bytes]] = []

    def careless() -> int:
        started.append(subprocess.Popen(["sleep", "600"]))
        return 0

    assert leftovers.leaving_nothing(careless) == 1
    assert "left behind: process" in capsys.readouterr().out
    assert started[0].wait(PATIENCE) == -signal.SIGKILL, "and it is ended"
    monkeypatch.delenv(leftovers.MARK)
    assert leftovers.leaving_nothing(lambda: 0) == 0
    monkeypatch.delenv(leftovers.MARK)
