"""What the worker tells systemd, over the socket that systemd names."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from integration.services.background import outages, schedules
from integration.services.events import poller
from integration.services.ledger import heartbeat
from integration.services.runs import kept_login
from integration.services.worker import supervisor
from tests.support.paths import ROOT

CLUSTER = "host/1"
PATIENCE = 120  # seconds, of a busy machine


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def told(listener: socket.socket) -> str:
    return listener.recv(4096).decode()


def all_that_is_told(listener: socket.socket) -> Iterator[str]:
    with suppress(TimeoutError):
        while True:
            yield told(listener)


class NoCluster:
    def __init__(self, *_: object) -> None:
        self.drained = False

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def drain(self, _seconds: float) -> bool:
        self.drained = True
        return True


def test_the_loop_of_the_supervisor_feeds_the_watchdog(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "Cluster", NoCluster)
    monkeypatch.setattr(supervisor, "close_old_connections", lambda: None)
    monkeypatch.setattr(schedules, "install", lambda: None)
    for module, name in (
        (poller, "poll_until"),
        (outages, "watch_until"),
        (kept_login, "give_up_left_behind"),
        (kept_login, "give_up"),
    ):
        monkeypatch.setattr(module, name, lambda *_: None)
    for name in ("register", "unregister"):
        monkeypatch.setattr(heartbeat, name, lambda _name: None)
    stop = threading.Event()
    watched = supervisor.Supervisor(CLUSTER, stop)
    hangs, goes_on = threading.Event(), threading.Event()

    def chore() -> None:
        if hangs.is_set():
            goes_on.wait(PATIENCE)

    watched._chores = [supervisor.Every(0.0, chore)]
    running = threading.Thread(target=watched.run)
    running.start()
    assert told(systemd).startswith("READY=1\nSTATUS=rcsync ")
    assert [told(systemd), told(systemd)] == ["WATCHDOG=1", "WATCHDOG=1"]

    hangs.set()  # a supervisor that hangs in a chore must not be fed
    systemd.settimeout(2)
    assert set(all_that_is_told(systemd)) <= {"WATCHDOG=1"}  # what was under way, then silence
    systemd.settimeout(PATIENCE)
    stop.set()
    goes_on.set()
    running.join(PATIENCE)
    assert told(systemd).startswith("STOPPING=1")


def test_a_worker_that_waits_for_settings_counts_as_started(systemd: socket.socket) -> None:
    environment: dict[str, Any] = {
        **os.environ,
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "DATABASE_URL": "sqlite://",
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
    }
    with subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--wait"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as worker:
        try:
            waits = "READY=1\nSTATUS=waits: rcsync's own tables are missing"
            assert told(systemd).startswith(waits)
            assert told(systemd) == "WATCHDOG=1"
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0
        finally:
            worker.kill()


def test_a_signal_that_comes_while_the_end_is_waited_for_ends_the_worker() -> None:
    """Whoever waits for an event holds its lock at moments, and the signal comes in one of them."""
    code = """
import os, signal
from integration.management.commands.worker import ended_by_signals
stop = ended_by_signals()
with stop._cond:
    os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(30)
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(){code}"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
