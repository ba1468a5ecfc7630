"""Whatever is wrong with Moodle's database ends in a sentence on the cause and one on the fix."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, transaction

from demo.sample_moodle.builder import World
from integration.domain.errors import ConfigurationError, SourceError, SyncError
from integration.services.moodle.errors import explain
from moodle.models import TABLES
from tests.support.moodle_rows import ENGINES, Site, new_site
from tests.support.servers import MariaDB, Postgres, moodle_at

PASSWORD = "Geheim-4711"


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return new_site(request.param, request, tmp_path)


@pytest.fixture
def site(empty: Site) -> Site:
    empty.build(one_course)
    return empty


def one_course(world: World) -> None:
    course = world.course(world.category("Science"), "BIO", "Biology")
    anna = world.user("Anna", "Berg", "anna.berg", "anna.berg@campus.invalid")
    world.enrol(course, [anna])
    world.group(course, "Group A", [anna])


def refused(site: Site, kind: type[SyncError]) -> SyncError:
    with pytest.raises(kind) as caught:
        site.read(integrated={2})
    assert type(caught.value) is kind
    assert PASSWORD not in f"{caught.value} {caught.value!r}"
    assert caught.value.hint
    return caught.value


# --- no way in ------------------------------------------------------------------------------------


def test_no_moodle_configured(settings: Any, tmp_path: Path) -> None:
    settings.MOODLE_CONFIGURED = False
    error = refused(Site("sqlite", f"sqlite:///{tmp_path}/none"), ConfigurationError)
    assert error.message == "No Moodle is configured."
    assert "Set MOODLE_DATABASE_URL" in error.hint


@pytest.mark.parametrize("scheme", ["mysql", "postgres"])
def test_a_server_that_does_not_answer(scheme: str) -> None:
    url = f"{scheme}://rcsync:{PASSWORD}@127.0.0.1:1/moodle"
    error = refused(Site(scheme, url), SourceError)
    assert "Moodle's database 'moodle' on 127.0.0.1:1 cannot be reached (" in error.message
    assert "Check that the server runs" in error.hint


def test_a_host_that_does_not_exist() -> None:
    url = f"mysql://rcsync:{PASSWORD}@moodle-db.invalid/moodle"
    error = refused(Site("mariadb", url), SourceError)
    assert "on moodle-db.invalid cannot be reached (" in error.message
    # mysqlclient's words, and those of PyMySQL
    assert "Unknown server host" in error.message or "Can't connect to MySQL" in error.message


def test_a_wrong_password(mariadb: MariaDB) -> None:
    database = mariadb.create_database()
    mariadb.sql(
        f"CREATE OR REPLACE USER wrong IDENTIFIED BY 'other'; GRANT SELECT ON {database}.* TO wrong"
    )
    error = refused(Site("mariadb", mariadb.url(database, "wrong", PASSWORD)), ConfigurationError)
    assert "Moodle's database refuses the user 'wrong' (Access denied" in error.message
    assert "Correct the user and the password in MOODLE_DATABASE_URL" in error.hint


def test_an_unknown_user_of_postgresql(postgres: Postgres) -> None:
    url = postgres.url(postgres.create_database(), "nobody", PASSWORD)
    error = refused(Site("postgresql", url), ConfigurationError)
    assert "refuses the user 'nobody'" in error.message


def test_an_unknown_database(empty: Site) -> None:
    if empty.engine == "sqlite":
        error = refused(empty, ConfigurationError)
        assert "moodle.sqlite3 (unable to open database file)" in error.message
    else:
        unknown = replace(empty, url=empty.url.replace(empty.database, "moodel"))
        error = refused(unknown, ConfigurationError)
        assert "There is no Moodle database 'moodel'" in error.message
    assert "$CFG->dbname" in error.hint


def test_a_password_in_a_drivers_text_is_not_repeated() -> None:
    with moodle_at(f"mysql://rcsync:{PASSWORD}@127.0.0.1:1/moodle") as connection:
        error = explain(OperationalError(9999, f"cannot use '{PASSWORD}' here"), connection)
    assert "cannot use '***' here" in error.message


# --- rights ---------------------------------------------------------------------------------------


def test_an_account_without_any_right(mariadb: MariaDB) -> None:
    database = mariadb.create_database()
    mariadb.sql(f"CREATE OR REPLACE USER useless IDENTIFIED BY '{PASSWORD}'")
    error = refused(Site("mariadb", mariadb.url(database, "useless", PASSWORD)), ConfigurationError)
    assert "The database account 'useless' may not read" in error.message
    assert f"GRANT SELECT ON `{database}`.* TO 'useless'@'%';" in error.hint


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
def test_an_account_that_may_not_read_one_table(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    site = new_site(engine, request, tmp_path)
    site.build(one_course)
    server, database = site.server, site.database
    assert isinstance(server, MariaDB | Postgres)
    allowed = [model._meta.db_table for model in TABLES if model._meta.db_table != "mdl_enrol"]
    if isinstance(server, MariaDB):
        server.sql(f"CREATE OR REPLACE USER partly@localhost IDENTIFIED BY '{PASSWORD}'")
        grant = f"GRANT SELECT ON `{database}`.* TO 'partly'@'localhost';"
    else:
        server.sql("CREATE USER partly")
        grant = 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "partly";'
    who = "partly@localhost" if engine == "mariadb" else "partly"
    server.sql("".join(f"GRANT SELECT ON {name} TO {who};" for name in allowed), database)
    partly = replace(site, url=server.url(database, "partly", PASSWORD))
    error = refused(partly, ConfigurationError)
    assert "The database account 'partly' may not read all of Moodle's tables" in error.message
    assert "mdl_enrol" in error.message
    assert grant in error.hint
    server.sql(grant, database)
    assert set(partly.read(integrated={2}).courses) == {2}


# --- another schema -------------------------------------------------------------------------------


def test_a_wrong_prefix_names_the_right_one(site: Site) -> None:
    names = [model._meta.db_table for model in TABLES]
    site.sql(*(f"ALTER TABLE {name} RENAME TO m2_{name.removeprefix('mdl_')}" for name in names))
    error = refused(site, ConfigurationError)
    assert error.message == ("Moodle's tables do not begin with 'mdl_': the database has m2_user.")
    assert error.hint == "Set MOODLE_DB_PREFIX=m2_."


def test_a_database_that_is_no_moodle(empty: Site) -> None:
    empty.sql("CREATE TABLE wp_posts (id INTEGER)")
    error = refused(empty, ConfigurationError)
    assert "shows no table mdl_user and nothing else of a Moodle" in error.message
    assert "MOODLE_DATABASE_URL" in error.hint


def test_a_missing_table(site: Site) -> None:
    site.sql("DROP TABLE mdl_groups_members")
    error = refused(site, SourceError)
    assert "no table mdl_groups_members, though it has others" in error.message
    assert "restore it whole" in error.hint


def test_a_missing_column(site: Site) -> None:
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    error = refused(site, SourceError)
    assert "A column that rcsync reads is missing" in error.message
    assert "visibility" in error.message
    assert "rcsync reads Moodle 3.9 and newer" in error.hint


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM mdl_user", "mdl_user lacks rows"),
        ("DELETE FROM mdl_role", "mdl_role lacks rows"),
        ("DELETE FROM mdl_course", "mdl_course lacks the course that is the site itself"),
        (
            "DELETE FROM mdl_course WHERE category = 0",
            "mdl_course lacks the course that is the site",
        ),
        ("DELETE FROM mdl_config", "mdl_config does not say Moodle's version"),
    ],
)
def test_a_half_restored_database(site: Site, statement: str, finding: str) -> None:
    site.sql(statement)
    error = refused(site, SourceError)
    assert error.message.startswith(f"This is not a whole Moodle: {finding}")
    assert "restored completely" in error.hint


# --- a server that is too busy --------------------------------------------------------------------


def test_a_query_that_takes_too_long(site: Site) -> None:
    impatient = site
    if isinstance(site.server, MariaDB):
        site.server.sql("SET GLOBAL max_statement_time = 0.3")
    elif isinstance(site.server, Postgres):
        site.server.sql(f"ALTER DATABASE {site.database} SET statement_timeout = '300ms'")
    else:
        impatient = replace(site, url=f"{site.url}?timeout=0")
    lock = {"sqlite": "BEGIN EXCLUSIVE", "mariadb": "LOCK TABLES mdl_groups WRITE"}
    try:
        with moodle_at(site.url, read_only=False) as busy:
            if site.engine == "postgresql":
                transaction.set_autocommit(False, using="moodle")
            with busy.cursor() as cursor:
                cursor.execute(lock.get(site.engine, "LOCK TABLE mdl_groups"))
                error = refused(impatient, SourceError)
            busy.rollback()
    finally:
        if isinstance(site.server, MariaDB):
            site.server.sql("SET GLOBAL max_statement_time = 0")
    assert "Moodle's database took too long to answer" in error.message
