"""A benchmark that leaves a process behind has failed, however good its figures are."""

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

MARK = "LEFT_BY_BENCHMARK"  # not one of rcsync's own: those are not passed on to every child
PATIENCE_SECONDS = 75.0  # a cluster whose worker was killed may drain for a minute


def leaving_nothing(main: Callable[[], int]) -> int:
    """`main`'s exit status, or 1 when processes that it started outlive it; those are ended."""
    if MARK in os.environ:  # a benchmark inside another one, which will look
        return main()
    mark = os.environ[MARK] = secrets.token_hex(8)
    left = 0
    try:
        status = main()
    finally:
        left = _end_leftovers(mark)
    return status or min(left, 1)


def _end_leftovers(mark: str) -> int:
    """How many there were."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    for pid, command in left.items():
        print(f"left behind: process {pid}, {command}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(left)


def marked(mark: str) -> dict[int, str]:
    """Processes that inherited the mark, with their command."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            if pid != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[pid] = command.decode(errors="replace").strip()
    return found
