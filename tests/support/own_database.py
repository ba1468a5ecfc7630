"""rcsync's own database on every engine that it may be, in a process of its own.

Django's tests know one database only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

ENGINES = ("sqlite", "mariadb", "postgres")
PATIENCE_SECONDS = 300


def empty_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of a new one."""
    if engine == "sqlite":
        return f"sqlite:///{folder}/own.sqlite3"
    server = request.getfixturevalue(engine)
    return str(server.url(server.create_database()))


def told_by(script: str, url: str) -> dict[str, Any]:
    """The JSON that a script prints which has this database."""
    settings = {
        "PYTHONPATH": str(ROOT),
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
