"""The settings under pytest: rcsync's own, read in an environment that holds nothing else.

Both databases are SQLite files in a folder of this run, because threads and processes see the same
data in a file and in production, but not in memory. `conftest.py` makes and removes the folder.
"""

import os
import secrets
import tempfile
from pathlib import Path
from unittest import mock

# The workers of pytest-xdist inherit the name from the process that chose it.
TEST_FOLDER = Path(
    os.environ.setdefault(
        "RCSYNC_TEST_FOLDER", f"{tempfile.gettempdir()}/rcsync-tests-{secrets.token_hex(8)}"
    )
)

_environment = {
    "RCSYNC_ENV_FILE": "",
    "RCSYNC_MOODLE_TESTING": "on",
    "SECRET_KEY": "only-for-tests-" + 5 * "0123456789",
    "RCSYNC_SECRET_KEYS": "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OTAxMjM0NTY=",
    "SECURE_SSL": "off",
    "DATABASE_URL": "sqlite://",
    "MOODLE_DATABASE_URL": "sqlite://",
}
with mock.patch.dict(os.environ, _environment, clear=True):
    from rcsync_project.settings import *  # noqa: F403  # all of them, then the few that differ
    from rcsync_project.settings import DATABASES, STORAGES

for _alias, _database in DATABASES.items():
    _database["TEST"] = {"NAME": str(TEST_FOLDER / f"{_alias}.sqlite3")}

STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # nothing was collected
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick to log in
AXES_ENABLED = False  # logging in without a request; tests of the log-in page switch it on
