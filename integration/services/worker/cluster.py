"""django-q2's cluster as a child process in a process group of its own, which can be ended whole.

A cluster whose main process was killed leaves orphans, and one whose idle worker was killed hangs
for ever; only ending the whole group helps.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from integration.services.ledger import heartbeat
from integration.services.worker import guardian

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1


class Cluster:
    """One cluster after the other under the same name."""

    def __init__(self, name: str, folder: Path, drain_seconds: int) -> None:
        self.name = name
        self._folder = folder
        self._drain_seconds = drain_seconds
        self._process: subprocess.Popen[bytes] | None = None  # the guardian, which leads the group
        self.started = 0.0

    def start(self) -> None:
        self._process = guardian.start(
            [sys.executable, "-m", "django", "qcluster"],
            self._drain_seconds,
            cwd=self._folder,
            env={**os.environ, heartbeat.CLUSTER_VARIABLE: self.name},
        )
        self.started = time.monotonic()
        logger.info("cluster=%s pid=%d started", self.name, self._process.pid)

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def drain(self, seconds: float) -> bool:
        """Let the cluster finish its tasks. False when it did not end within `seconds`."""
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
        """End every process of the group at once. The rows of its runs say how to go on."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._process = None
