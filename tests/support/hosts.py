"""Machines for tests: network namespaces with names and process ids of their own, and a bridge.

Servers stay where they are, on sockets of this machine; a `Forwarder` gives each an address on the
bridge. A machine is cut off by taking its link down, and dies with everything that ran on it.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.servers import START_SECONDS, missing, require_redis


@cache
def prefix() -> str:
    """Of a network in which no interface is: a test that was killed leaves its bridge behind, and
    with two of the same address no machine would reach anything.
    """
    command = ["ip", "-4", "-o", "address"]
    taken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    networks = (f"10.214.{number}" for number in range(77, 255))
    return next(one for one in networks if f" {one}." not in taken)


def hub() -> str:
    """The address of the bridge."""
    return f"{prefix()}.1"


def require_namespaces() -> None:
    if os.geteuid() != 0:
        missing("network namespaces need root")
    if not shutil.which("ip") or not shutil.which("unshare"):
        missing("ip (iproute2) or unshare (util-linux) is not installed")
    probe = f"rcsync-{secrets.token_hex(3)}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        missing("this machine (a container?) may not make network namespaces")
    _ip("netns", "del", probe)


class Machine:
    """One host, on which one worker runs."""

    def __init__(self, number: int, bridge: str) -> None:
        self.name = f"host{number}"
        self._space = f"{bridge}-{number}"
        self._link = f"{bridge}l{number}"
        _ip("netns", "add", self._space)
        _ip("link", "add", self._link, "type", "veth", "peer", "eth0", "netns", self._space)
        _ip("link", "set", self._link, "master", bridge, "up")
        inside = ["-n", self._space]
        _ip(*inside, "address", "add", f"{prefix()}.{number + 10}/24", "dev", "eth0")
        _ip(*inside, "link", "set", "eth0", "up")
        _ip(*inside, "link", "set", "lo", "up")
        self._process: subprocess.Popen[bytes] | None = None

    def start_worker(self, environment: Mapping[str, str]) -> None:
        work = f"hostname {self.name}; exec {sys.executable} manage.py worker --beat 1"
        apart = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self._space, *apart, "sh", "-c", work],
            env=environment,
            cwd=ROOT,
        )

    def cut_off(self) -> None:
        """From now on its packets go nowhere; nobody is told."""
        _ip("link", "set", self._link, "down")

    def die(self) -> None:
        """All its processes at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.die()
        _ip("link", "del", self._link)
        _ip("netns", "del", self._space)


class Forwarder:
    """An address on the bridge for a server on a Unix socket, or on a port of loopback."""

    def __init__(self, target: Path | int) -> None:
        self._target = target
        self._listener = socket.create_server((hub(), 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), self._connected() as server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()

    def _connected(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._target))
        return connection


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def network(machines: int) -> Iterator[list[Machine]]:
    """So many machines on a bridge that has the address `hub()`; all of it goes at the end."""
    bridge = f"rc{secrets.token_hex(2)}"
    made: list[Machine] = []
    _ip("link", "add", bridge, "type", "bridge")
    try:
        _ip("address", "add", f"{hub()}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number in range(1, machines + 1):
            made.append(Machine(number, bridge))  # noqa: PERF401  # removed even if the next fails
        yield made
    finally:
        for machine in made:
            machine.remove()
        _ip("link", "del", bridge)


@contextmanager
def running_redis(folder: Path) -> Iterator[Path]:
    """The path of its socket."""
    program = require_redis()
    path = folder / "redis"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([program, *options], cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(START_SECONDS * 10):
            if path.exists() or process.poll() is not None:
                break
            threading.Event().wait(0.1)
        assert path.exists(), (folder / "redis.log").read_text()
        yield path
    finally:
        process.terminate()
        process.wait()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
