"""What the first sync after a restore would do: a preview over a copy that is thrown away."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.models import SyncRun
from integration.services.backup import archive, engines
from integration.services.backup.restore import Inspection
from integration.services.runs import runner
from integration.services.runs.order import Order
from integration.services.runs.runner import Finished


def first_sync(found: Inspection) -> Finished:
    """Moodle and Rocket.Chat are read, nothing is written but in the copy.

    Raises:
        ConfigurationError: no copy could be made.
    """
    with _scratch() as connection:
        with archive.data_of(found.path) as data:
            engines.load(connection, found.manifest.method, data, found.manifest.migrations)
        call_command("migrate", verbosity=0)
        return runner.execute(Order(SyncRun.Kind.FULL_CHECK, SyncRun.Trigger.COMMAND))


@contextmanager
def _scratch() -> Iterator[BaseDatabaseWrapper]:
    """An empty database that every thread takes for our own meanwhile."""
    if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
        with (
            tempfile.TemporaryDirectory(prefix="rcsync-look-") as folder,
            _our_own(str(Path(folder) / "copy.sqlite3")) as connection,
        ):
            yield connection
        return
    server = connections[DEFAULT_DB_ALIAS]
    name = f"rcsync_look_{secrets.token_hex(4)}"
    charset = " CHARACTER SET utf8mb4" if server.vendor == "mysql" else ""
    try:
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}{charset}")
    except Error:
        raise ConfigurationError(
            msg("The account of DATABASE_URL may not make a database to try the backup in."),
            hint=msg("Grant that right temporarily, or check ./rcsync sync after restoring."),
        ) from None
    try:
        with _our_own(name) as connection:
            yield connection
    finally:
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def _our_own(name: str) -> Iterator[BaseDatabaseWrapper]:
    before, settings = connections[DEFAULT_DB_ALIAS], connections.settings[DEFAULT_DB_ALIAS]
    connections.settings[DEFAULT_DB_ALIAS] = {**settings, **before.settings_dict, "NAME": name}
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    connections[DEFAULT_DB_ALIAS] = connection
    try:
        yield connection
    finally:
        connection.close()
        connections.settings[DEFAULT_DB_ALIAS] = settings
        connections[DEFAULT_DB_ALIAS] = before
