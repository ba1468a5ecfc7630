"""`./rcsync demo`, as a newcomer calls it, in a copy of the project."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT as TOP

NEWCOMER = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, with this environment's packages."""
    place = tmp_path_factory.mktemp("newcomer") / "rcsync"
    shutil.copytree(TOP, place, ignore=LEFT_OUT)
    (place / ".venv").symlink_to(TOP / ".venv")
    return place


def demo(copy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [copy / "rcsync", "demo", *options],
        env=NEWCOMER,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_first_time_it_syncs_everything_and_the_second_time_goes_on_from_there(
    copy: Path,
) -> None:
    first = demo(copy, "--once", "--fresh")
    assert first.returncode == 0, first.stderr
    assert "264 x create account" in first.stdout
    assert "Every channel holds exactly the right people; nothing is left to do." in first.stdout
    second = demo(copy, "--once")
    assert second.returncode == 0, second.stderr
    assert "Done: nothing." in second.stdout
    assert "Every channel holds exactly the right people; nothing is left to do." in second.stdout


def test_fresh_begins_with_nothing(copy: Path) -> None:
    assert "264 x create account" in demo(copy, "--once", "--fresh").stdout


@pytest.fixture
def served(copy: Path) -> Iterator[tuple[str, str]]:
    """The address of a demo that serves, and what it printed before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = copy.parent / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [copy / "rcsync", "demo", "--port", str(port)],
            env=NEWCOMER,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}/"
        _wait_for(address, process)
        yield address, output.read_text()
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the demo does not serve")


def test_it_serves_the_admin_and_prints_address_user_and_password(
    served: tuple[str, str],
) -> None:
    address, printed = served
    assert f"{address}   user admin, password " in printed
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.url.startswith(f"{address}admin/login/")
        assert b"rcsync" in answer.read()


def test_it_runs_a_worker(copy: Path, served: tuple[str, str]) -> None:
    address, _printed = served
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run(
            [copy / "rcsync", "status", "--json"],
            env=NEWCOMER | {"RCSYNC_DEMO": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout and json.loads(done.stdout)["parts"]["worker"]["ok"]:
            return
        time.sleep(0.5)
    raise AssertionError(f"no worker showed a sign of life beside {address}")
