"""The test infrastructure itself: servers that start, load, and sessions that cannot write."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.servers import MariaDB, Postgres, missing

MoodleAlias = Callable[..., AbstractContextManager[BaseDatabaseWrapper]]


def query(connection: BaseDatabaseWrapper, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.fixture(scope="module")
def sample(mariadb: MariaDB, shared: Path) -> str:
    return mariadb.url(mariadb.load(shared / "moodle" / "small.sql.gz"))


def test_mariadb_holds_the_whole_sample(sample: str, moodle_alias: MoodleAlias) -> None:
    with moodle_alias(sample) as connection:
        assert connection.vendor == "mysql"
        assert query(connection, "SELECT COUNT(*) FROM mdl_user") == 55


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mdl_user SET username = 'x'",
        "DELETE FROM mdl_user",
        "INSERT INTO mdl_config (name, value) VALUES ('x', 'y')",
        "CREATE TABLE x (id INT)",
        "DROP TABLE mdl_user",
    ],
)
def test_a_session_on_mariadb_refuses_to_write(
    sample: str, moodle_alias: MoodleAlias, statement: str
) -> None:
    with (
        moodle_alias(sample) as connection,
        pytest.raises(DatabaseError, match="READ ONLY"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("statement", ["INSERT INTO t VALUES (2)", "CREATE TABLE x (id INT)"])
def test_a_session_on_postgresql_refuses_to_write(
    postgres: Postgres, moodle_alias: MoodleAlias, statement: str
) -> None:
    name = postgres.create_database()
    postgres.sql("CREATE TABLE t (id INT); INSERT INTO t VALUES (1)", name)
    with moodle_alias(postgres.url(name)) as connection:
        assert connection.vendor == "postgresql"
        assert query(connection, "SELECT id FROM t") == 1
        with (
            pytest.raises(DatabaseError, match="read-only transaction"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_a_session_on_sqlite_refuses_to_write(tmp_path: Path, moodle_alias: MoodleAlias) -> None:
    url = f"sqlite:///{tmp_path}/a file.sqlite3"
    with moodle_alias(url, read_only=False) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INT)")
    with (
        moodle_alias(url) as connection,
        pytest.raises(DatabaseError, match="readonly database"),
        connection.cursor() as cursor,
    ):
        cursor.execute("INSERT INTO t VALUES (1)")


@pytest.mark.django_db(databases=["default", "moodle"])
def test_the_alias_comes_back_with_its_transaction(
    tmp_path: Path, moodle_alias: MoodleAlias
) -> None:
    before = connections["moodle"]
    with before.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id INT)")
    with moodle_alias(f"sqlite:///{tmp_path}/other", read_only=False) as connection:
        assert connections["moodle"] is connection
        assert "kept" not in connection.introspection.table_names()
    assert connections["moodle"] is before
    assert "kept" in before.introspection.table_names()


@pytest.mark.django_db
def test_a_test_without_the_alias_may_still_point_it(
    tmp_path: Path, moodle_alias: MoodleAlias
) -> None:
    with moodle_alias(f"sqlite:///{tmp_path}/other", read_only=False) as connection:
        assert query(connection, "SELECT 1") == 1


def test_a_wrong_statement_tells_what_the_server_said(mariadb: MariaDB) -> None:
    with pytest.raises(RuntimeError, match="syntax"):
        mariadb.sql("SELEKT 1")


def test_databases_of_one_server_are_apart(mariadb: MariaDB) -> None:
    one, other = mariadb.create_database(), mariadb.create_database()
    mariadb.sql("CREATE TABLE t (id INT)", one)
    assert mariadb.sql("SHOW TABLES", one).split() == [f"Tables_in_{one}", "t"]
    assert mariadb.sql("SHOW TABLES", other) == ""


def test_what_is_missing_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such server"):
        missing("no such server")


def test_what_is_missing_in_ci_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such server"):
        missing("no such server")
