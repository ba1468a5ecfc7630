"""django-q2's cluster as a child of ours, in a process group of its own that can be ended whole.

A cluster whose main process was killed lives on as orphans, and one whose idle worker was killed
hangs for ever: nothing but ending the whole group helps.
"""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from integration.services.ledger import heartbeat

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
LOOK_SECONDS = 0.1


class Cluster:
    """One cluster after the other under the same name."""

    def __init__(self, name: str, folder: Path, drain_seconds: int) -> None:
        self.name = name
        self._folder = folder
        self._drain_seconds = drain_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "django", "qcluster"],
            cwd=self._folder,
            env={**os.environ, heartbeat.CLUSTER_VARIABLE: self.name},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # before any thread of ours is started
        )
        self._guardian = _guardian_of(self._process.pid, self._drain_seconds)
        self.started = time.monotonic()
        logger.info("cluster=%s pid=%d started", self.name, self._process.pid)

    @property
    def pid(self) -> int:
        """Of the main process, which is the number of its group too."""
        return 0 if self._process is None else self._process.pid

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def drain(self, seconds: float) -> bool:
        """Let it finish the tasks it has. False when it did not end within `seconds`."""
        if self._process is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.ended():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def kill(self) -> None:
        """End every process of the group, whatever it is doing. Our rows know how to go on."""
        if self._guardian is not None:
            self._guardian.kill()
            self._guardian.communicate()
            self._guardian = None
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _guardian_of(group: int, seconds: int) -> "subprocess.Popen[bytes]":
    """Ends the group some time after we were killed: a cluster that hangs does not drain.

    It waits for the end of a pipe whose other end only we hold.
    """
    script = f"read _; sleep {int(seconds)}; kill -9 -{group}"
    return subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end_with_parent() -> None:
    """Drain when the worker command is killed. Linux only; elsewhere it goes on alone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
