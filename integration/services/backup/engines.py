"""How each kind of database is copied: SQLite by its online backup, the others by their programs.

A password reaches those programs by their environment, as Django's `dbshell` does it: it is on no
command line and in no message.
"""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any

from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.secret import without
from integration.services.backup import rows
from integration.services.backup.archive import BLOCK
from integration.services.backup.tables import own_tables

ROWS = "rows"
DUMPS = {"mysql": ("mariadb-dump", "mysqldump"), "postgresql": ("pg_dump",)}
CLIENTS = {"mysql": ("mariadb", "mysql"), "postgresql": ("psql",)}
PACKAGES = {"mysql": "mariadb-client", "postgresql": "postgresql-client"}
OPTIONS = {
    "pg_dump": ["--no-owner", "--no-privileges", "--encoding=UTF8"],
    "psql": ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"],
    "mariadb": ["--batch"],
    "mysql": ["--batch"],
}
# One snapshot without locks, and nothing that needs more rights than our own tables.
MYSQL_DUMP = ["--single-transaction", "--skip-lock-tables", "--no-tablespaces", "--hex-blob"]
COMPLETE = {"mysql": b"-- Dump completed", "postgresql": b"PostgreSQL database dump complete"}
TAIL = 4096  # bytes


def method_of(connection: BaseDatabaseWrapper) -> str:
    """The vendor where its programs are there (both: what dumps and what loads), else `rows`."""
    vendor = connection.vendor
    if vendor == "sqlite" or (_program(DUMPS[vendor]) and _program(CLIENTS[vendor])):
        return vendor
    return ROWS


def dump(connection: BaseDatabaseWrapper, method: str, target: Path) -> None:
    """Write our tables to `target`, and look whether all of them got there."""
    if method == ROWS:
        rows.dump(connection, target)
    elif method == "sqlite":
        _copy(Path(connection.settings_dict["NAME"]), target)
        _check_sqlite(target)
    else:
        _dump_by_program(connection, method, target)


def load(
    connection: BaseDatabaseWrapper, method: str, data: IO[bytes], migrations: Iterable[str]
) -> None:
    """Replace our tables. PostgreSQL and SQLite change all of them or none."""
    if method == "sqlite":
        _load_sqlite(connection, data)
    elif method == ROWS:
        with connection.cursor() as cursor:
            for statement in _drops(connection):
                cursor.execute(statement)
        rows.load(connection, data, migrations)
    else:
        _load_by_program(connection, method, data)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────


def _copy(source: Path, target: Path) -> None:
    """Also while others read and write."""
    with (
        closing(sqlite3.connect(source, timeout=20)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _check_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")  # one file, without a -wal beside it
        answer = database.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        raise ConfigurationError(
            msg("SQLite finds the copy damaged: {answer}", answer=str(answer)),
            hint=msg("The database itself is damaged: restore the last good backup."),
        )


def _load_sqlite(connection: BaseDatabaseWrapper, data: IO[bytes]) -> None:
    path = Path(connection.settings_dict["NAME"])
    connection.close()
    unpacked = path.with_name(f".{path.name}.restored")
    try:
        with os.fdopen(
            os.open(unpacked, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            shutil.copyfileobj(data, file, BLOCK)
        _check_sqlite(unpacked)
        _copy(unpacked, path)
    finally:
        unpacked.unlink(missing_ok=True)


# ── MariaDB, MySQL, PostgreSQL ───────────────────────────────────────────────────────────────────


def _dump_by_program(connection: BaseDatabaseWrapper, method: str, target: Path) -> None:
    tables = own_tables(connection)
    if method == "postgresql":
        chosen, last = [f"--table={table}" for table in tables], []
    else:
        chosen, last = MYSQL_DUMP, tables
    with target.open("wb") as output:
        _run(connection, DUMPS[method], chosen, last, stdout=output)
    with target.open("rb") as file:
        file.seek(max(target.stat().st_size - TAIL, 0))
        if COMPLETE[method] not in file.read():
            raise ConfigurationError(
                msg("The dump ended early."), hint=msg("Free some disk space, then try again.")
            )


def _load_by_program(connection: BaseDatabaseWrapper, method: str, data: IO[bytes]) -> None:
    drops = "".join(f"{statement};\n" for statement in _drops(connection))
    connection.close()  # PostgreSQL would wait for our own locks
    _run(connection, CLIENTS[method], [], [], first=drops.encode(), data=data)


def _drops(connection: BaseDatabaseWrapper) -> list[str]:
    tables = ", ".join(map(connection.ops.quote_name, own_tables(connection)))
    if not tables:
        return []
    if connection.vendor == "postgresql":
        return [f"DROP TABLE IF EXISTS {tables} CASCADE"]
    off, on = "SET FOREIGN_KEY_CHECKS = 0", "SET FOREIGN_KEY_CHECKS = 1"
    return [off, f"DROP TABLE IF EXISTS {tables}", on]


def _run(
    connection: BaseDatabaseWrapper,
    programs: Sequence[str],
    options: Sequence[str],
    last: Sequence[str],
    *,
    stdout: IO[bytes] | None = None,
    first: bytes = b"",
    data: IO[bytes] | None = None,
) -> None:
    """`first` and `data` are its input; what it says on stderr becomes the error."""
    program = _program(programs)
    if program is None:
        raise ConfigurationError(
            msg("{program} is not installed on this machine.", program=programs[0]),
            hint=msg("Install it: apt install {name}", name=PACKAGES[connection.vendor]),
        )
    where, environment = _where(connection)
    name = Path(program).name
    command = [program, *OPTIONS.get(name, []), *options, *where, *last]
    with tempfile.TemporaryFile() as said:
        status = _feed(command, environment, chain([first], _blocks(data)), stdout, said)
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    if status:
        text = without(words, [str(connection.settings_dict.get("PASSWORD") or "")])
        raise ConfigurationError(
            msg("{program} failed: {text}", program=name, text=text or str(status)),
            hint=msg("Remove the cause, then run it again."),
        )


def _feed(
    command: Sequence[str],
    environment: Mapping[str, str],
    blocks: Iterable[bytes],
    stdout: IO[bytes] | None,
    stderr: IO[bytes],
) -> int:
    """Run the program with `blocks` as its input; its exit status."""
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=stdout or subprocess.DEVNULL,
        stderr=stderr,
    ) as process:
        if process.stdin:
            with suppress(BrokenPipeError):  # it ended early: its last words say why
                process.stdin.writelines(blocks)
                process.stdin.close()
    return process.returncode


def _blocks(data: IO[bytes] | None) -> Iterator[bytes]:
    while data is not None and (block := data.read(BLOCK)):
        yield block


def _where(connection: BaseDatabaseWrapper) -> tuple[list[str], dict[str, str]]:
    """Address, user and database as the programs take them, and what goes by the environment."""
    settings: dict[str, Any] = connection.settings_dict
    _name, *arguments = connection.client.settings_to_cmd_args_env(settings, [])[0]
    environment = connection.client.settings_to_cmd_args_env(settings, [])[1] or {}
    socket = settings["OPTIONS"].get("unix_socket")
    return [*([f"--socket={socket}"] if socket else []), *arguments], environment


def _program(names: Sequence[str]) -> str | None:
    return next((found for name in names if (found := shutil.which(name))), None)
