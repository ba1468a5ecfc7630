"""gunicorn as gunicorn.conf.py sets it up: slow clients are no business of the others."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HALF_A_HEADER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
HALF_A_BODY = (  # with a cookie, because without one it is refused before its body is read
    b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Cookie: csrftoken=0123456789abcdef0123456789abcdef\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername="
)
SILENCE = 8  # seconds until a client that says nothing, or a process that has not started, ends
PATIENCE = 120
THREADS = 2 * 8


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    log = tmp_path_factory.mktemp("web") / "log"
    environment = {
        **os.environ,
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "ALLOWED_HOSTS": "localhost",
        "SECURE_SSL": "off",
        "DATABASE_URL": f"sqlite:///{log.parent}/own.sqlite3",
        "RCSYNC_STATIC_DIR": str(log.parent / "static"),
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
    }
    # As installed: a form that is cut off is refused with a page, and pages have a style.
    collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(collect, cwd=ROOT, env=environment, check=True)
    with log.open("wb") as output:
        web = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "rcsync_project.wsgi"),
                *("--bind", f"127.0.0.1:{port}", "--timeout", str(SILENCE)),
            ],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(port, log)
        yield port
    finally:
        web.terminate()
        web.wait(20)
    assert "Traceback" not in log.read_text()


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            assert ask(port) == 200
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(log.read_text())


def ask(port: int) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status


def slow_clients(port: int, number: int, words: bytes) -> list[socket.socket]:
    clients = []
    for _ in range(number):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(words)
        clients.append(client)
    time.sleep(0.3)  # until gunicorn has taken them
    return clients


@pytest.mark.parametrize("words", [HALF_A_HEADER, HALF_A_BODY], ids=["header", "body"])
def test_four_slow_clients_do_not_keep_a_fifth_waiting(port: int, words: bytes) -> None:
    clients = slow_clients(port, 4, words)
    assert ask(port) == 200
    for client in clients:
        assert is_held(client), "the fifth was answered before a slow one was cut off"
        client.close()


def is_held(client: socket.socket) -> bool:
    """Whether the server neither answered nor closed it."""
    client.setblocking(False)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    return False


def test_more_silent_clients_than_threads_are_cut_off(port: int) -> None:
    clients = slow_clients(port, THREADS, HALF_A_HEADER)
    assert ask(port) == 200
    clients[0].settimeout(PATIENCE)
    assert clients[0].recv(1000) == b""
    for client in clients:
        client.close()
