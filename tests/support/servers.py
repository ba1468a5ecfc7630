"""Throw-away database servers, and what tests need from outside the repository.

A server lives in a temporary folder, listens on a Unix socket only and dies with the test session,
so runs can go on side by side and nothing on the machine is touched. What is not installed skips
the tests that need it, with the reason; with CI=true it fails them.
"""

import gzip
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rcsync_project.databases import moodle_database

START_SECONDS = 60
STOP_SECONDS = 20
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")

# ── What may be missing ──────────────────────────────────────────────────────────────────────────


def missing(reason: str) -> Any:
    """Skip the test; in CI, where everything has to be there, fail it. Outside pytest, end."""
    pytest = sys.modules.get("pytest")
    if pytest is None:  # a benchmark, which works without pytest
        raise SystemExit(reason)
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"{reason} (with CI=true this is a failure)", pytrace=False)
    pytest.skip(reason)


def shared_dir() -> Path:
    """The folder with sample data and recordings beside the repository; RCSYNC_SHARED moves it."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    return Path(os.environ.get("RCSYNC_SHARED") or beside)


def require_shared() -> Path:
    folder = shared_dir()
    if not folder.is_dir():
        missing(f"the shared sample data is not at {folder}")
    return folder


def require_mariadb() -> Path:
    """Where `mariadbd` is."""
    return _require("mariadbd", "MariaDB (Debian: mariadb-server)")


def require_postgres() -> Path:
    """Where `postgres` is, of the newest version that is installed."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name)
    )
    return _require("postgres", "PostgreSQL (Debian: postgresql)", *reversed(versions))


def require_chromium() -> tuple[Path, Path]:
    """Where `chromium` and `chromedriver` are."""
    browser = _require("chromium", "Chromium (Debian: chromium)")
    return browser, _require("chromedriver", "ChromeDriver (Debian: chromium-driver)")


def require_promtool() -> Path:
    return _require("promtool", "promtool (Debian: prometheus)")


def require_redis() -> Path:
    return _require("redis-server", "Redis (Debian: redis-server)")


def _find(program: str, *folders: Path) -> Path | None:
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    found = shutil.which(program, path=path)
    return Path(found) if found else None


def _require(program: str, name: str, *folders: Path) -> Path:
    found = _find(program, *folders)
    if found is None:
        missing(f"{name} is not installed")
    assert found is not None
    return found


# ── Servers ──────────────────────────────────────────────────────────────────────────────────────


class DatabaseServer:
    """A running server in `folder`. Its administrator needs no password."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """The address of a database, as MOODLE_DATABASE_URL takes it."""
        raise NotImplementedError

    def client(self, database: str) -> Sequence[str | Path]:
        """The command that runs the SQL on its standard input."""
        raise NotImplementedError

    def create_database(self) -> str:
        """A new, empty database; the answer is its name."""
        name = f"moodle_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def load(self, dump: Path, database: str = "") -> str:
        """Run a dump (.sql or .sql.gz) in `database`, or in a new one; the answer is its name."""
        database = database or self.create_database()
        with gzip.open(dump) if dump.suffix == ".gz" else dump.open("rb") as file:
            self._run(file.read(), database)
        return database

    def sql(self, statements: str, database: str = "") -> str:
        """Run statements as the administrator; the answer is what the client prints."""
        return self._run(statements.encode(), database)

    def _run(self, statements: bytes, database: str) -> str:
        done = subprocess.run(
            self.client(database), input=statements, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout.decode()


class MariaDB(DatabaseServer):
    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        return f"mysql://{user}:{password}@localhost/{database}?unix_socket={self.socket}"

    def client(self, database: str) -> Sequence[str | Path]:
        program = _require("mariadb", "MariaDB's client")
        options = ["--no-defaults", f"--socket={self.socket}", "--user=root", "--batch"]
        return [program, *options, database] if database else [program, *options]

    def dump(self, database: str) -> bytes:
        """What `load` makes the same database of. MariaDB has no templates."""
        program = _require("mariadb-dump", "MariaDB's mariadb-dump")
        options = ["--no-defaults", f"--socket={self.socket}", "--user=root"]
        done = subprocess.run([program, *options, database], capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout


class Postgres(DatabaseServer):
    def create_database(self, template: str = "template1") -> str:
        """A new database, as the template is; nobody may be connected to that."""
        name = f"moodle_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        return f"postgres://{user}:{password}@/{self.folder}/{database}"

    def client(self, database: str) -> Sequence[str | Path]:
        psql = require_postgres().with_name("psql")
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align"]
        where = [
            f"--host={self.folder}",
            "--username=postgres",
            f"--dbname={database or 'postgres'}",
        ]
        return [psql, *options, *where]


@contextmanager
def running_mariadb(buffer_megabytes: int = 64) -> Iterator[MariaDB]:
    program = require_mariadb()
    install = _require("mariadb-install-db", "MariaDB's mariadb-install-db")
    with _temporary_folder("rcsync-mariadb-") as folder:
        # In a shared /tmp, a server that starts removes the temporary tables of the others.
        (folder / "tmp").mkdir()
        common = [
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            f"--tmpdir={folder / 'tmp'}",
        ]
        if os.geteuid() == 0:
            common.append("--user=root")
        _finish(install, *common, "--auth-root-authentication-method=normal", "--skip-test-db")
        server = MariaDB(folder)
        options = [
            f"--socket={server.socket}",
            f"--pid-file={folder / 'pid'}",
            "--skip-networking",
            "--skip-log-bin",
            "--character-set-server=utf8mb4",
            f"--innodb-buffer-pool-size={buffer_megabytes}M",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        with _running([program, *common, *options], server, stop=signal.SIGTERM):
            yield server


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    program = require_postgres()
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    with _temporary_folder("rcsync-postgres-", owner=user) as folder:
        data = folder / "data"
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        _finish(program.with_name("initdb"), *options, "--no-sync", f"--pgdata={data}", user=user)
        server = Postgres(folder)
        where = ["-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-F"]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for the tests' connections.
        with _running([program, *where], server, stop=signal.SIGINT, user=user):
            yield server


@contextmanager
def _temporary_folder(prefix: str, owner: str | None = None) -> Iterator[Path]:
    """Directly under /tmp, because the path of a Unix socket has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # a fresh folder
    try:
        if owner is not None:
            shutil.chown(folder, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _finish(program: Path, *arguments: str, user: str | None = None) -> None:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, **_as_user(user)
    )
    if done.returncode:
        raise RuntimeError(f"{program.name} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def _running(
    command: Sequence[str | Path],
    server: DatabaseServer,
    *,
    stop: signal.Signals,
    user: str | None = None,
) -> Iterator[None]:
    log = server.folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **_as_user(user)
        )
    try:
        _wait_until_it_answers(process, server, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(
    process: subprocess.Popen[bytes], server: DatabaseServer, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.sql("SELECT 1")
        except RuntimeError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(
        f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-3000:]}"
    )


def _as_user(user: str | None) -> dict[str, Any]:
    """Arguments of Popen. The folder is one the user may enter, which ours may not be."""
    return {"user": user, "group": user, "extra_groups": [], "cwd": "/"} if user else {}


# ── The alias "moodle" ───────────────────────────────────────────────────────────────────────────


@contextmanager
def moodle_at(url: str, *, read_only: bool = True) -> Iterator[BaseDatabaseWrapper]:
    """Point the alias `moodle` at another database, in every thread that connects meanwhile.

    The connection the test had comes back untouched, with its transaction. Threads that live on
    have to close theirs.
    """
    before = connections["moodle"]
    settings_before = connections.settings["moodle"]
    config = moodle_database(url, Path("/"), read_only=read_only)
    connections.settings["moodle"] = {**settings_before, **_blank(settings_before), **config}
    pointed = connections.create_connection("moodle")
    connections["moodle"] = pointed
    try:
        yield pointed
    finally:
        pointed.close()
        connections.settings["moodle"] = settings_before
        connections["moodle"] = before


def _blank(settings: dict[str, Any]) -> dict[str, Any]:
    return {"OPTIONS": {}, "TEST": {**settings["TEST"], "NAME": None}}
