"""rcsync's own database is locked, full, damaged, old, read-only or away: commands say it in one
sentence that names the cause and the next step, and end with exit status 2. Real databases.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from demo.standin import StandIn
from tests.support.installation import COURSES, GROUPS, PEOPLE_OF_A_COURSE, Installation
from tests.support.own_database import MigratedDatabases
from tests.support.servers import MariaDB, Postgres

CANNOT_RUN, NOT_READY = 2, 1
PREFIX = "rcsync's own database does not work: "
CORRUPT = "Stop rcsync and restore the latest backup (docs/backup.md)."


@pytest.fixture(scope="module")
def chat() -> Iterator[StandIn]:
    with StandIn(like="8.6") as chat:
        yield chat


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    chat: StandIn,
    migrated_databases: MigratedDatabases,
) -> Installation:
    """Set up, and never synced. Each test works on a database of its own."""
    folder = tmp_path_factory.mktemp("site")
    site = Installation(folder, migrated_databases.copy("sqlite", folder), chat)
    site.choose()
    return site


@pytest.fixture
def own(site: Installation, tmp_path: Path) -> Path:
    """A copy of the installation's own database."""
    copy = tmp_path / "own.sqlite3"
    shutil.copy(site.environment["DATABASE_URL"].removeprefix("sqlite:///"), copy)
    return copy


def says(site: Installation, own: Path | str, *command: str) -> str:
    """The one line with which a command ends that cannot run."""
    url = f"sqlite:///{own}" if isinstance(own, Path) else own
    done = site.run("manage.py", *command, DATABASE_URL=url)
    told = done.stderr.removeprefix("CommandError: ").strip()
    assert done.returncode == CANNOT_RUN, f"{command}: {done.returncode} {done.stdout}{told}"
    assert "\n" not in told
    assert "Traceback" not in done.stdout
    return told


@contextmanager
def locked(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def without_room(database: Path) -> str:
    """The address of the same database with a disk that holds not one page more."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return f"sqlite:///{database}?init_command={quote(f'PRAGMA max_page_count={pages}')}"


def damage(database: Path) -> None:
    """The pages behind the first one are rubbish, as after a broken disk."""
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def test_a_locked_database_is_said(site: Installation, own: Path) -> None:
    with locked(own):
        for command in (["sync", "--apply"], ["migrate"]):
            words = says(site, f"sqlite:///{own}?timeout=1", *command)
            assert words.startswith(f"{PREFIX}database is locked. Another process has locked it")


def test_a_full_disk_is_said_and_what_the_broken_run_did_is_taken_up(
    site: Installation, own: Path, chat: StandIn
) -> None:
    """Also what Rocket.Chat did and our tables could not take: nothing is made twice."""
    told = says(site, without_room(own), "sync", "--apply")
    assert told.startswith(f"{PREFIX}database or disk is full. Its disk is full: free some space")
    again = [
        site.run("manage.py", "sync", "--apply", *more, DATABASE_URL=f"sqlite:///{own}")
        for more in ([], ["--full-check"])
    ]
    assert [done.returncode for done in again] == [0, 0], again
    assert "Nothing to do" in again[1].stdout
    state = chat.state()
    rooms = [room for room in state["rooms"] if "moodle_group" in (room["customFields"] or {})]
    assert len(rooms) == len(GROUPS)
    people = [user for user in state["users"] if user["username"].startswith("person")]
    assert len(people) == len(COURSES) * PEOPLE_OF_A_COURSE


@pytest.mark.parametrize("command", [["sync"], ["worker"], ["migrate"]])
def test_a_damaged_database_is_said(site: Installation, own: Path, command: list[str]) -> None:
    damage(own)
    words = says(site, own, *command)
    assert words.startswith(PREFIX)
    assert words.endswith(CORRUPT), words


def test_a_file_that_is_no_database_is_said(site: Installation, tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_bytes(b"this is a letter to somebody" * 500)
    assert says(site, letter, "sync") == (
        f"{PREFIX}file is not a database. It is damaged, or not a database. {CORRUPT}"
    )


def test_status_and_doctor_say_it_as_what_does_not_work(site: Installation, own: Path) -> None:
    """Their exit status 1 means that something does not work."""
    damage(own)
    for command in ("status", "doctor"):
        done = site.run("manage.py", command, DATABASE_URL=f"sqlite:///{own}")
        assert (done.returncode, done.stderr) == (NOT_READY, "")
        assert CORRUPT in done.stdout
        assert "Courses: 0" not in done.stdout, "what cannot be counted is not zero"


def test_tables_that_were_never_made_lead_to_migrate(site: Installation, tmp_path: Path) -> None:
    assert "Run: ./rcsync migrate" in says(site, tmp_path / "empty.sqlite3", "sync")


def test_a_mistake_of_ours_keeps_its_traceback(site: Installation) -> None:
    code = "from django.db import connection as c; c.cursor().execute('SELECT nonsense FRM x')"
    done = site.run("manage.py", "shell", "--command", code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "does not work" not in done.stderr


def test_a_mariadb_that_may_only_be_read_or_is_away_is_said(
    site: Installation, tmp_path: Path, mariadb: MariaDB
) -> None:
    name = mariadb.create_database()
    mariadb.sql(f"CREATE USER replica@localhost; GRANT ALL ON {name}.* TO replica@localhost")
    try:
        mariadb.sql("SET GLOBAL read_only = 1")
        told = says(site, mariadb.url(name, "replica"), "migrate")
    finally:
        mariadb.sql("SET GLOBAL read_only = 0; DROP USER replica@localhost")
    assert "It is read-only" in told
    away = mariadb.url(name).replace(str(mariadb.socket), str(tmp_path / "no-socket"))
    words = says(site, away, "sync", "--apply")
    assert words.startswith(f"{PREFIX}there is no socket at that path. Check that the server runs")


def test_a_postgresql_that_may_only_be_read_is_said(site: Installation, postgres: Postgres) -> None:
    name = postgres.create_database()
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    told = says(site, postgres.url(name), "migrate")
    assert told.startswith(f"{PREFIX}cannot execute")
    assert "DATABASE_URL names a replica" in told
