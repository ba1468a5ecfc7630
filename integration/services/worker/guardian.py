"""Starts a command and ends it, with all below it, when whoever wanted it is gone.

A process that was killed cannot clean up. Its end of a pipe closes all the same, whatever killed it
and whenever: the guardian waits for that, and looks before it starts anything. It runs as a script
of its own, without Django: `guardian.py SECONDS COMMAND …`.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.2


def start(
    command: Sequence[str], seconds: float, cwd: Path, env: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """The guardian of `command`. Its number is that of the process group of all below it.

    It passes SIGTERM on and ends with the command, with the same status. When this process is gone
    the command gets a SIGTERM, and `seconds` later the whole group a SIGKILL.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(seconds), *command],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,  # nobody writes: its end says that we are gone
        start_new_session=True,
    )


def main(seconds: float, command: Sequence[str]) -> int:
    """Runs in the guardian's process; the status to exit with."""
    asked_to_end: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked_to_end.append(number))
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # who loses its parent below us becomes our child
    if _is_abandoned(0):
        return 0
    guardian = os.getpid()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: _end_with(guardian),  # noqa: PLW1509  # there are no threads here
    )
    while process.poll() is None:
        if _is_abandoned(LOOK_SECONDS):
            return _end_all(process, seconds)
        while asked_to_end:
            process.send_signal(asked_to_end.pop())
    if _has_children():
        _kill_group()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _is_abandoned(seconds: float) -> bool:
    """Whether the other end of our standard input is closed, now or within `seconds`."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _end_all(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    process.terminate()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (process.poll() is None or _has_children()):
        time.sleep(LOOK_SECONDS)
    _kill_group()
    return 0


def _has_children() -> bool:
    """Takes note of those that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _kill_group() -> None:
    """Us too."""
    os.killpg(0, signal.SIGKILL)


def _end_with(guardian: int) -> None:
    """In the new process: drain when the guardian is killed. Linux only."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != guardian:  # killed before we asked to be told
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
