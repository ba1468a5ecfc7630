"""The throw-away world of a benchmark: databases, a stand-in Rocket.Chat, and phases run in it.

Everything lives in a temporary folder, listens on this machine only and ends with the benchmark.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.standin import ADMIN_ID, ADMIN_TOKEN
from tests.support.paths import PYTHON_PATH
from tests.support.servers import running_mariadb

ROOT = Path(__file__).resolve().parent.parent
PHASE_SECONDS = 1800  # a phase that takes longer is stopped
BUFFER_MEGABYTES = 2048  # of MariaDB, as a site has whose tables are in memory
HOOK_SECONDS = 600  # the state of half a million accounts takes a while
NOT_INHERITED = ("ROCKETCHAT_", "RCSYNC_", "DATABASE_", "MOODLE_", "DJANGO_")


@dataclass(frozen=True)
class StandIn:
    """A stand-in server in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        """Its counts since the last call: total, writes, by_endpoint."""
        counts = self._hook("GET", "stats")
        self._hook("POST", "stats/reset")
        return counts

    def state(self) -> dict[str, Any]:
        return self._hook("GET", "state")

    def set_latency(self, milliseconds: float) -> None:
        """How long every call takes at least, from now on."""
        self._hook("POST", "settings", {"latency_ms": milliseconds})

    def cpu_seconds(self) -> float:
        """Processor time it has used; 0.0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/stat")
        if not status.exists():
            return 0.0
        fields = status.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _hook(
        self, method: str, page: str, wishes: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = None if wishes is None else json.dumps(wishes).encode()
        request = urllib.request.Request(f"{self.url}/_standin/{page}", body, method=method)
        with urllib.request.urlopen(request, timeout=HOOK_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def running_standin(latency_ms: float, like: str) -> Iterator[StandIn]:
    command = [sys.executable, "-m", "demo.standin", "--like", like]
    process = subprocess.Popen(
        [*command, "--latency-ms", str(latency_ms)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**_clean_environment(), "PYTHONPATH": PYTHON_PATH},
    )
    try:
        assert process.stdout is not None
        yield StandIn(process.stdout.readline().split()[-1], process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Site:
    """A Moodle, rcsync's own tables and a Rocket.Chat, for phases to work on."""

    folder: Path
    standin: StandIn
    environment: Mapping[str, str]

    def phase(self, name: str, *arguments: str, moodle_writable: bool = False) -> dict[str, Any]:
        """Run one phase in a process of its own; its result, with what the server counted."""
        result = self.folder / f"{name}.json"
        command = [sys.executable, "-m", "benchmarks.phases", name, str(result), *arguments]
        extra = {"RCSYNC_MOODLE_TESTING": "on"} if moodle_writable else {}
        cpu = self.standin.cpu_seconds()
        self.standin.stats()
        subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment, **extra},
            check=True,
            timeout=PHASE_SECONDS,
        )
        counts, used = self.standin.stats(), self.standin.cpu_seconds() - cpu
        found: dict[str, Any] = json.loads(result.read_text())
        return found | {"phase": name, "server": counts, "server_cpu": used}


@contextmanager
def running_site(database: str, latency_ms: float, like: str) -> Iterator[Site]:
    """`database` is mariadb or sqlite, for Moodle's tables and for rcsync's own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rcsync-benchmark-")))
        if database == "mariadb":
            server = stack.enter_context(running_mariadb(BUFFER_MEGABYTES))
            own, moodle = (server.url(server.create_database()) for _ in range(2))
        else:
            own, moodle = (f"sqlite:///{folder}/{name}.sqlite3" for name in ("own", "moodle"))
        standin = stack.enter_context(running_standin(latency_ms, like))
        yield Site(folder, standin, _environment(own, moodle, standin.url))


def _environment(own: str, moodle: str, rocketchat: str) -> dict[str, str]:
    return {
        **_clean_environment(),
        "PYTHONPATH": PYTHON_PATH,
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        "RCSYNC_ENV_FILE": "",
        "RCSYNC_SECRET_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": own,
        "MOODLE_DATABASE_URL": moodle,
        "ROCKETCHAT_URL": rocketchat,
        "ROCKETCHAT_USER_ID": ADMIN_ID,
        "ROCKETCHAT_AUTH_TOKEN": ADMIN_TOKEN,
    }


def _clean_environment() -> dict[str, str]:
    """Ours, without what would lead a phase to somebody's real servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
