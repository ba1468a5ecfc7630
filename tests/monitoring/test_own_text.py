"""A database that cannot store every name is refused before a name is lost. Real servers."""

import re
from collections.abc import Iterator

import pytest

from demo.standin import StandIn
from tests.support.installation import Installation
from tests.support.own_database import MigratedDatabases
from tests.support.servers import MariaDB, Postgres

TABLES = ("integration_channellink", "integration_syncrun")
NOT_READY = 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A Moodle and a Rocket.Chat. Each test names a database of its own."""
    folder = tmp_path_factory.mktemp("site")
    with StandIn(like="8.6") as chat:
        yield Installation(folder, f"sqlite:///{folder / 'none.sqlite3'}", chat)


def manage(site: Installation, url: str, *command: str, status: int = 0) -> str:
    done = site.run("manage.py", *command, DATABASE_URL=url)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_tables_that_cannot_hold_every_name_are_refused_with_the_statement_that_repairs_them(
    site: Installation, mariadb: MariaDB, migrated_databases: MigratedDatabases
) -> None:
    name = migrated_databases.on_mariadb(mariadb)
    url = mariadb.url(name)
    for table in TABLES:
        mariadb.sql(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb3", name)
    mariadb.sql("CREATE TABLE somebody_elses (name varchar(9)) CHARACTER SET utf8mb3", name)
    refused = manage(site, url, "migrate", status=NOT_READY)
    named = (
        f"These tables of rcsync cannot store every name, for example an emoji: {', '.join(TABLES)}"
    )
    assert named in refused
    assert named in site.run("manage.py", "doctor", DATABASE_URL=url).stdout
    (statements,) = re.findall(r"then run: (.*;)$", refused, re.MULTILINE)
    mariadb.sql(statements, name)
    manage(site, url, "migrate")
    assert "rcsync's texts" not in site.run("manage.py", "doctor", DATABASE_URL=url).stdout


def test_a_new_database_of_a_narrow_character_set_gets_no_tables(
    site: Installation, mariadb: MariaDB
) -> None:
    name = mariadb.create_database()
    mariadb.sql(f"ALTER DATABASE {name} CHARACTER SET latin1")
    told = manage(site, mariadb.url(name), "migrate", status=NOT_READY)
    assert "has the character set latin1, which cannot store every name" in told
    assert f"ALTER DATABASE `{name}` CHARACTER SET utf8mb4;" in told
    assert mariadb.sql("SHOW TABLES", name) == ""


def test_a_postgresql_that_is_not_utf8_is_refused(site: Installation, postgres: Postgres) -> None:
    postgres.sql("CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    told = manage(site, postgres.url("narrow"), "migrate", status=NOT_READY)
    assert "has the encoding LATIN1, which cannot store every name" in told
    assert "ENCODING 'UTF8' TEMPLATE template0" in told
