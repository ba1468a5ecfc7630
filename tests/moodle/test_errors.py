"""Whatever is wrong with Moodle's database ends in a sentence on the cause and one on the fix."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, transaction
from django.db.backends.postgresql.base import DatabaseWrapper

from demo.sample_moodle.builder import MoodleBuilder
from integration.domain.checks import CheckStatus
from integration.domain.errors import ConfigurationError, SourceError, SyncError
from integration.services.moodle.connection import open_connection
from integration.services.moodle.doctor import check_moodle
from integration.services.moodle.errors import explain
from moodle.models import TABLES
from rcsync_project.databases import moodle_database
from tests.support.moodle_rows import ENGINES, Site, new_site
from tests.support.pooler import pooler
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


def one_course(world: MoodleBuilder) -> None:
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
    assert error.message == (
        "Moodle's database 'moodle' on moodle-db.invalid cannot be reached "
        "(the name of the host is not known)."
    )


def test_a_port_where_nothing_listens() -> None:
    error = refused(Site("mariadb", f"mysql://rcsync:{PASSWORD}@127.0.0.1:1/moodle"), SourceError)
    assert error.message.endswith("cannot be reached (nothing answers there).")


def test_a_server_too_old_for_django_is_said_in_plain_words(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "get_database_version", lambda _self: (13, 14))
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    site = Site("postgresql", postgres.url(postgres.create_database()))
    with moodle_at(site.url) as connection:
        for _ in range(2):  # what was refused for its age must not pass the second time
            with pytest.raises(ConfigurationError) as caught:
                open_connection()
            assert caught.value.message.startswith("The server of Moodle's database '")
            assert caught.value.message.endswith(" is too old.")
            assert caught.value.hint == (
                "Upgrade that database server: PostgreSQL 14 or later is required (found 13.14)."
            )
        assert connection.connection is None


def test_a_server_that_answers_and_refuses_is_not_called_unreachable(mariadb: MariaDB) -> None:
    database = mariadb.create_database()
    mariadb.sql(
        f"CREATE OR REPLACE USER one IDENTIFIED BY '{PASSWORD}' WITH MAX_CONNECTIONS_PER_HOUR 1;"
        f"GRANT SELECT ON {database}.* TO one"
    )
    site = Site("mariadb", mariadb.url(database, "one", PASSWORD))
    with moodle_at(site.url):
        open_connection()
    error = refused(site, SourceError)
    assert "answers, but refuses the connection (" in error.message
    assert "firewall" not in error.hint


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


@pytest.mark.parametrize(
    ("password", "text", "shown"),
    [
        (PASSWORD, f"cannot use '{PASSWORD}' here", "cannot use '***' here"),
        ("roup", "table mdl_groups, password roup", "table mdl_groups, password ***"),
        ("a", "a table and an axe=a", "*** table and an axe=***"),
        ("mdl_", "no table mdl_user (mdl_)", "no table mdl_user (***)"),
        ("p@ss", "p@ss and xp@ss", "*** and xp@ss"),
        ("0123456789abcdef", "%200123456789abcdef", "%20***"),
    ],
)
def test_a_password_in_a_drivers_text_is_not_repeated_and_spoils_no_word(
    password: str, text: str, shown: str
) -> None:
    url = f"mysql://rcsync:{password.replace('@', '%40')}@127.0.0.1:1/moodle"
    with moodle_at(url) as connection:
        error = explain(OperationalError(9999, text), connection)
    assert f"({shown})" in error.message


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
    assert "has no table mdl_user and no other table of a Moodle" in error.message
    assert "MOODLE_DATABASE_URL" in error.hint


def test_tables_without_a_prefix_are_named_with_what_to_set(site: Site) -> None:
    names = [model._meta.db_table for model in TABLES]
    site.sql(*(f"ALTER TABLE {name} RENAME TO {_bare(site, name)}" for name in names))
    error = refused(site, ConfigurationError)
    assert error.message == "Moodle's tables do not begin with 'mdl_': the database has user."
    assert error.hint == "Set MOODLE_DB_PREFIX=-."


def _bare(site: Site, name: str) -> str:
    quote = "`" if site.engine == "mariadb" else '"'
    return f"{quote}{name.removeprefix('mdl_')}{quote}"


def test_a_prefix_where_none_was_expected_is_named(site: Site, no_prefix: None) -> None:
    error = refused(site, ConfigurationError)
    assert error.message == "Moodle's tables have a prefix: the database has mdl_user."
    assert error.hint == "Set MOODLE_DB_PREFIX=mdl_."


def test_tables_without_a_prefix_are_read(empty: Site, no_prefix: None) -> None:
    empty.build(one_course)
    moodle = empty.read(integrated={2})
    assert [group.name for group in moodle.groups.values()] == ["Group A"]
    with moodle_at(empty.url):
        checks = {check.name: check for check in check_moodle(lambda: 0)}
    assert checks["Moodle's tables"].found == "all 15 tables, with the prefix ''"
    assert CheckStatus.FAILED not in {check.status for check in checks.values()}


@pytest.fixture
def no_prefix(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    """As with MOODLE_DB_PREFIX=-; a site that the test made keeps its prefix."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site")
    settings.MOODLE_DB_PREFIX = ""
    _rename_tables("mdl_", "")
    yield
    _rename_tables("", "mdl_")


def _rename_tables(old: str, new: str) -> None:
    for model in TABLES:
        model._meta.db_table = f"{new}{model._meta.db_table.removeprefix(old)}"
        for column in model._meta.concrete_fields:
            vars(column).pop("cached_col", None)  # holds the table's name


@pytest.mark.parametrize("name", ["mdl_user", "mdl_user_enrolments"])
def test_one_missing_table_gets_one_message_that_does_not_contradict_itself(
    site: Site, name: str
) -> None:
    site.sql(f"DROP TABLE {name}")
    error = refused(site, SourceError)
    assert (
        error.message
        == f"Moodle's database lacks the table {name}, although other tables of Moodle exist."
    )
    assert "MOODLE_DB_PREFIX" not in error.hint


# --- schemas of PostgreSQL ------------------------------------------------------------------------


@pytest.fixture
def in_a_schema(postgres: Postgres) -> Site:
    """A Moodle in the schema `campus`, where nobody looks by himself."""
    database = postgres.create_database()
    postgres.sql("CREATE SCHEMA campus", database)
    site = Site("postgresql", f"{postgres.url(database)}?search_path=campus", database, postgres)
    site.build(one_course)
    return site


def test_a_schema_is_read_by_its_search_path(in_a_schema: Site) -> None:
    assert set(in_a_schema.read(integrated={2}).courses) == {2}
    with moodle_at(in_a_schema.url):
        checks = {check.name: check for check in check_moodle(lambda: 0)}
    assert checks["Moodle's tables"].status is CheckStatus.OK
    assert checks["Moodle's account"].status is CheckStatus.WARNING, "it is the owner"


def test_tables_in_another_schema_are_named_with_their_schema(in_a_schema: Site) -> None:
    site = replace(in_a_schema, url=in_a_schema.url.partition("?")[0])
    error = refused(site, ConfigurationError)
    assert error.message == (
        "Moodle's tables are in the schema 'campus', which rcsync does not read."
    )
    assert error.hint.startswith("Add ?search_path=campus to MOODLE_DATABASE_URL")
    assert "GRANT" not in error.hint
    assert "correct the name" not in error.hint.lower()


def test_a_schema_that_the_account_may_not_use_is_named_with_the_right_it_lacks(
    in_a_schema: Site, postgres: Postgres
) -> None:
    postgres.sql("DROP USER IF EXISTS outsider; CREATE USER outsider")
    url = f"{postgres.url(in_a_schema.database, 'outsider')}?search_path=campus"
    error = refused(replace(in_a_schema, url=url), ConfigurationError)
    statement = (
        'GRANT USAGE ON SCHEMA campus TO "outsider"; '
        'GRANT SELECT ON ALL TABLES IN SCHEMA campus TO "outsider";'
    )
    assert error.hint.endswith(statement)
    postgres.sql(statement, in_a_schema.database)
    assert set(replace(in_a_schema, url=url).read(integrated={2}).courses) == {2}
    postgres.sql("DROP OWNED BY outsider", in_a_schema.database)


def test_a_search_path_that_is_none_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="search_path"):
        moodle_database("postgres://u@h/n?search_path=a;DROP", Path())


# --- a connection pooler --------------------------------------------------------------------------


def test_a_pooler_that_refuses_options_is_passed_and_its_session_is_left_as_it_was(
    postgres: Postgres,
) -> None:
    database = postgres.create_database()
    Site("postgresql", postgres.url(database)).build(one_course)
    with pooler(postgres) as folder:
        behind = Site("postgresql", postgres.url(database).replace(str(postgres.folder), folder))
        assert set(behind.read(integrated={2}).courses) == {2}
        with moodle_at(behind.url) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
            cursor.execute("SHOW default_transaction_read_only")
            assert cursor.fetchone() == ("off",), "the session may be another client's next"
            with pytest.raises(DatabaseError, match="read-only transaction"):
                cursor.execute("DELETE FROM mdl_user")


def test_an_option_that_a_pooler_refuses_is_named(postgres: Postgres) -> None:
    url = postgres.url(postgres.create_database())
    with pooler(postgres) as folder:
        behind = f"{url.replace(str(postgres.folder), folder)}?options=-csearch_path%3Dcampus"
        error = refused(Site("postgresql", behind), ConfigurationError)
    assert "pooler" in error.message
    assert "unsupported startup parameter: options" in error.message
    assert "search_path=NAME" in error.hint


# --- what is not there ----------------------------------------------------------------------------


def test_a_missing_table(site: Site) -> None:
    site.sql("DROP TABLE mdl_groups_members")
    error = refused(site, SourceError)
    assert "lacks the table mdl_groups_members, although other" in error.message
    assert "restore it completely" in error.hint


def test_a_missing_column(site: Site) -> None:
    site.sql("ALTER TABLE mdl_groups DROP COLUMN visibility")
    error = refused(site, SourceError)
    assert "A column that rcsync reads is missing" in error.message
    assert "visibility" in error.message
    assert "rcsync supports Moodle 3.9 and newer" in error.hint


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
        ("DELETE FROM mdl_config", "mdl_config does not contain Moodle's version"),
    ],
)
def test_a_half_restored_database(site: Site, statement: str, finding: str) -> None:
    site.sql(statement)
    error = refused(site, SourceError)
    assert error.message.startswith(f"This is not a complete Moodle: {finding}")
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
