"""rcsync's own database on every engine that it may be, in a process of its own.

Django's tests know one database only.

To migrate from nothing takes five seconds and more, to copy a migrated database a moment. So each
engine is migrated once, and a test that needs the tables gets a copy of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import PYTHON_PATH
from tests.support.servers import MariaDB, Postgres

ENGINES = ("sqlite", "mariadb", "postgres")
PATIENCE_SECONDS = 300
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
print("{}")
"""


class MigratedDatabases:
    """Copies of databases with rcsync's tables, and no rows but those that migrations write."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._made: set[str] = set()  # engines that were migrated
        self._template = ""  # of PostgreSQL

    def copy(self, engine: str, folder: Path) -> str:
        """The address of a new one; SQLite's is in `folder`."""
        if engine == "sqlite":
            return f"sqlite:///{self.on_sqlite(folder / 'own.sqlite3')}"
        server: MariaDB | Postgres = self._request.getfixturevalue(engine)
        if isinstance(server, MariaDB):
            return server.url(self.on_mariadb(server))
        return server.url(self.on_postgres(server))

    def on_sqlite(self, file: Path) -> Path:
        """The same file, made anew."""
        original = self._folder / "migrated.sqlite3"
        if "sqlite" not in self._made:
            told_by(MIGRATE, f"sqlite:///{original}")
            self._made.add("sqlite")
        shutil.copy(original, file)
        return file

    def on_mariadb(self, server: MariaDB) -> str:
        """The name of a new one, loaded from a dump: MariaDB has no templates."""
        dump = self._folder / "migrated.sql"
        if "mariadb" not in self._made:
            name = server.create_database()
            told_by(MIGRATE, server.url(name))
            dump.write_bytes(server.dump(name))
            self._made.add("mariadb")
        return server.load(dump)

    def on_postgres(self, server: Postgres) -> str:
        """The name of a new one."""
        if "postgres" not in self._made:
            self._template = server.create_database()
            told_by(MIGRATE, server.url(self._template))
            self._made.add("postgres")
        return server.create_database(self._template)


@pytest.fixture(scope="session")
def migrated_databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MigratedDatabases:
    return MigratedDatabases(request, tmp_path_factory.mktemp("migrated"))


def told_by(script: str, url: str) -> dict[str, Any]:
    """The JSON that a script prints which has this database."""
    settings = {
        "PYTHONPATH": PYTHON_PATH,
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
        "DATABASE_URL": url,
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
