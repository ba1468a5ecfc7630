"""Three locks keep rcsync from writing to Moodle: router, session, account. Here: the first two."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections, router

from integration.models import IntegratedCourse
from moodle.models import TABLES, Course, User
from moodle.router import MoodleIsReadOnly
from tests.support.moodle_rows import ENGINES, Site, columns_of, new_site
from tests.support.servers import MariaDB, moodle_at


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module", params=ENGINES)
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Site:
    """One for all tests: none of them may leave a trace in it."""
    site = new_site(request.param, request, tmp_path_factory.mktemp("site"))
    with django_db_blocker.unblock():
        site.build()
    return site


def _admin() -> User:
    return User.objects.using("moodle").get(id=2)


def _raw(statement: str) -> Callable[[], None]:
    def run() -> None:
        with connections["moodle"].cursor() as cursor:
            cursor.execute(statement)

    return run


WRITES: dict[str, Callable[[], object]] = {
    "save": lambda: _admin().save(),
    "save_using": lambda: _admin().save(using="moodle"),
    "create": lambda: Course.objects.create(shortname="x"),
    "create_using": lambda: Course.objects.using("moodle").create(shortname="x"),
    "update": lambda: User.objects.update(firstname="x"),
    "update_using": lambda: User.objects.using("moodle").update(firstname="x"),
    "delete_using": lambda: User.objects.using("moodle").all().delete(),
    "bulk_create_using": lambda: Course.objects.using("moodle").bulk_create([Course(category=1)]),
    "raw_insert": _raw("INSERT INTO mdl_config (name, value) VALUES ('x', 'y')"),
    "raw_update": _raw("UPDATE mdl_user SET firstname = 'x'"),
    "raw_delete": _raw("DELETE FROM mdl_user"),
    "raw_create": _raw("CREATE TABLE mdl_new (id INTEGER)"),
    "raw_drop": _raw("DROP TABLE mdl_user"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_no_way_of_writing_reaches_moodle(site: Site, write: Callable[[], object]) -> None:
    with moodle_at(site.url), pytest.raises((MoodleIsReadOnly, DatabaseError)):
        write()
    with moodle_at(site.url):
        assert set(User.objects.values_list("firstname", flat=True)) == {"Guest user", "Admin"}
        assert Course.objects.count() == 1


def test_the_router_says_what_was_refused() -> None:
    with pytest.raises(MoodleIsReadOnly, match="only ever reads Moodle: writing to mdl_user"):
        router.db_for_write(User)


def test_moodles_tables_are_read_from_moodle_and_ours_are_not() -> None:
    assert {router.db_for_read(model) for model in TABLES} == {"moodle"}
    assert router.db_for_read(IntegratedCourse) == "default"
    assert router.db_for_write(IntegratedCourse) == "default"


def test_nothing_is_migrated_into_moodle(settings: Any) -> None:
    settings.MOODLE_TESTING = False
    assert not router.allow_migrate("moodle", "moodle")
    assert not router.allow_migrate("default", "moodle")
    assert not router.allow_migrate("moodle", "integration")
    assert not router.allow_migrate("moodle", "auth")
    assert router.allow_migrate("default", "integration")


def test_the_app_has_no_migrations_and_wants_none() -> None:
    out = StringIO()
    call_command("makemigrations", "--dry-run", stdout=out)
    assert "moodle" not in out.getvalue()
    assert not (Path(sys.modules["moodle"].__path__[0]) / "migrations").exists()


def test_the_prefix_of_the_environment_begins_every_table() -> None:
    environment = {**os.environ, "DEBUG": "on", "MOODLE_DB_PREFIX": "m2_", "RCSYNC_ENV_FILE": ""}
    environment["DJANGO_SETTINGS_MODULE"] = "rcsync_project.settings"
    code = (
        "import django; django.setup(); from moodle.models import TABLES; "
        "print(*(f'{m._meta.db_table}:{m._meta.managed}' for m in TABLES))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [f"m2_{model._meta.db_table.removeprefix('mdl_')}:False" for model in TABLES]
    assert done.stdout.split() == expected


def test_every_column_we_read_is_in_moodles_own_tables(mariadb: MariaDB, shared: Path) -> None:
    database = mariadb.load(shared / "moodle" / "small.sql.gz")
    with moodle_at(mariadb.url(database)) as connection, connection.cursor() as cursor:
        for model in TABLES:
            described = connection.introspection.get_table_description(cursor, model._meta.db_table)
            assert set(columns_of(model)) <= {column.name for column in described}
