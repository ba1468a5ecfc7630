"""`./rcsync run`, as a person starts it, and kill -9."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from demo.standin import StandIn
from tests.support.installation import Installation
from tests.support.own_database import MigratedDatabases
from tests.support.paths import ROOT
from tests.support.processes import MARK, processes_with

PATIENCE = 300.0
ALL = 8  # run; two guardians, gunicorn and its process; worker; guardian, cluster and its processes


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="8.8") as chat:
        yield chat


def until(what: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.2)
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_kill_9_of_run_leaves_nothing_behind(
    chat: StandIn, migrated_databases: MigratedDatabases, tmp_path: Path
) -> None:
    """Neither processes nor an open port; what it did is in the database."""
    site = Installation(
        tmp_path,
        migrated_databases.copy("sqlite", tmp_path),
        chat,
        RCSYNC_DRAIN_SECONDS="2",
        RCSYNC_STATIC_DIR=str(tmp_path / "static"),
        ALLOWED_HOSTS="127.0.0.1",
    )
    site.choose()
    mark, port = tmp_path.as_posix(), free_port()
    command = [str(ROOT / "rcsync"), "run", "--bind", f"127.0.0.1:{port}", "--web-processes", "1"]
    run = subprocess.Popen(command, env={**site.environment, MARK: mark}, cwd=tmp_path)
    try:
        assert until(lambda: answers(port))
        assert until(lambda: len(processes_with(mark)) >= ALL), "web pages and worker run"
    finally:
        os.kill(run.pid, signal.SIGKILL)  # the launcher became Python: it is `run` itself
        run.wait()
    assert until(lambda: not processes_with(mark)), processes_with(mark)
    assert not answers(port)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False
