"""Databases of a release, kept as files: they are restored, migrated to head, and in step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.standin import StandIn
from integration.services.backup import archive
from tests.support.installation import COURSES, GROUPS, Installation
from tests.support.own_database import MigratedDatabases
from tests.support.paths import PYTHON_PATH
from tests.support.release_dumps import ENGINES, files, stand_in_of

VERSION = "1.0.0"
LOSE_THE_ACCOUNTS = """
from integration.models import *
for model in (ManagedMembership, AccountLink):
    model.objects.all()._raw_delete("default")  # reads no column, as newer ones are not there yet
"""
PROGRAMS = {"mysql": b"-- MariaDB dump", "postgresql": b"-- PostgreSQL database dump"}
NO_PROGRAMS = {"PATH": "/nowhere"}
SLOW = [
    "sqlite",
    pytest.param("mysql", marks=pytest.mark.slow),
    pytest.param("postgresql", marks=pytest.mark.slow),
]

LATER_SETTINGS = """
from rcsync_project.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "later"]
"""
LATER_MIGRATION = """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("integration", "__latest__")]
    operations = [migrations.RunSQL(
        "ALTER TABLE integration_accountlink ADD COLUMN later integer NOT NULL DEFAULT 7",
        "ALTER TABLE integration_accountlink DROP COLUMN later")]
"""
LATER_ROWS = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT COUNT(*), MIN(later) FROM integration_accountlink")
    print(*cursor.fetchone())
"""


@pytest.fixture
def chat(engine: str) -> Iterator[StandIn]:
    with stand_in_of(VERSION, engine) as chat:
        yield chat


@pytest.fixture
def site(
    engine: str, chat: StandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> Installation:
    if engine == "sqlite":
        return Installation(tmp_path, f"sqlite:///{tmp_path / 'rcsync.sqlite3'}", chat)
    server = request.getfixturevalue("mariadb" if engine == "mysql" else "postgres")
    return Installation(tmp_path, server.url(server.create_database()), chat)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_filled_release_is_migrated_to_head_and_in_step(engine: str, site: Installation) -> None:
    said = site.manage("restore", str(files(VERSION, engine)[0]), "--apply")
    assert "integration_accountlink: 19 rows" in said
    site.manage("migrate", "--verbosity=0")
    plan = site.plan()
    assert plan["planned"] == {}
    assert plan["failed"] == []
    assert site.python(
        "from integration.models import *\n"
        "print(SyncRun.objects.count() > 3, AccountLink.objects.count(), "
        "ChannelLink.objects.count(), ManagedMembership.objects.count())"
    ).split() == ["True", "19", "4", "19"]


def upgraded(site: Installation, folder: Path) -> dict[str, str]:
    """The environment of a later rcsync, which has one migration more."""
    (folder / "later/migrations").mkdir(parents=True)
    for package in ("later", "later/migrations"):
        (folder / package / "__init__.py").touch()
    (folder / "later/migrations/0001_later.py").write_text(LATER_MIGRATION)
    (folder / "later_settings.py").write_text(LATER_SETTINGS)
    return {
        **site.environment,
        "DJANGO_SETTINGS_MODULE": "later_settings",
        "PYTHONPATH": f"{folder}:{PYTHON_PATH}",
    }


@pytest.mark.parametrize("engine", SLOW)
def test_backup_upgrade_and_restore(engine: str, site: Installation, tmp_path: Path) -> None:
    site.manage("restore", str(files(VERSION, engine)[0]), "--apply")
    site.manage("migrate", "--verbosity=0")
    site.manage("backup", "--to", str(tmp_path / "old"))
    (old,) = (tmp_path / "old").glob("*.backup")
    before, after = site.environment, upgraded(site, tmp_path)

    site.environment = after
    site.manage("migrate", "--verbosity=0")
    assert site.plan()["planned"] == {}
    site.manage("backup", "--to", str(tmp_path / "new"))
    (new,) = (tmp_path / "new").glob("*.backup")

    site.environment = before
    said = site.manage("restore", str(new), status=2)
    assert "newer than this one" in said
    assert "later.0001_later" in said
    said = site.manage("restore", str(old), "--apply")
    assert "What was there is in" in said
    assert site.plan()["planned"] == {}

    site.environment = after
    said = site.manage("restore", str(old))
    assert "1 newer migrations are to be applied after it." in said
    assert "Nothing to do: Rocket.Chat is in step with Moodle." in said
    site.manage("migrate", "--verbosity=0")
    assert site.python(LATER_ROWS).split() == ["19", "7"]


@pytest.mark.parametrize("engine", PROGRAMS)
def test_what_the_databases_program_dumped_is_read_again(
    engine: str, migrated_databases: MigratedDatabases, tmp_path: Path
) -> None:
    """The rows that were chosen are what the first sync after it goes by."""
    fixture = "mariadb" if engine == "mysql" else "postgres"
    with StandIn() as chat:
        site = Installation(tmp_path, migrated_databases.copy(fixture, tmp_path), chat)
        site.choose()
        path = Path(site.manage("backup", "--to", str(tmp_path)).split(" (")[0])
        assert archive.read(path).method == engine
        with archive.data_of(path) as data:
            assert PROGRAMS[engine] in data.read()
        said = site.manage("restore", str(path), "--look")
    assert f"integration_integratedcourse: {len(COURSES)} rows" in said
    assert f"create channel: {len(GROUPS)}" in said


@pytest.mark.parametrize("engine", [pytest.param("mysql", marks=pytest.mark.slow), "postgresql"])
def test_without_the_databases_programs_rows_are_kept_instead(
    engine: str, site: Installation, tmp_path: Path
) -> None:
    site.manage("restore", str(files(VERSION, engine)[0]), "--apply")
    site.environment |= NO_PROGRAMS
    site.manage("backup", "--to", str(tmp_path / "kept"))
    (kept,) = (tmp_path / "kept").glob("*.backup")
    site.python(LOSE_THE_ACCOUNTS)
    site.manage("restore", str(kept), "--apply")
    site.manage("migrate", "--verbosity=0")
    assert site.plan()["planned"] == {}
