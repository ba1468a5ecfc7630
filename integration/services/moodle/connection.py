"""Every look into Moodle: one complete reading, or an error that says what to do."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.services.moodle.errors import explain, explain_connect, is_lost
from moodle.router import MOODLE

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


def read_whole(work: Callable[[], Answer], alias: str = MOODLE) -> Answer:
    """What `work` returns; all its queries see Moodle at one moment.

    A connection that was dropped is opened again once, and `work` starts again from its beginning.
    Any other failure, and a second drop, is a SourceError (or ConfigurationError) with its cause
    and next step.
    """
    connection = open_connection(alias)
    outermost = not connection.in_atomic_block
    try:
        return _read(work, connection)
    except Error as error:
        if not (outermost and is_lost(error, connection)):
            raise explain(error, connection) from error
        logger.warning("moodle connection lost, reading again: %s", type(error).__name__)
    connection.close()
    connection = open_connection(alias)
    try:
        return _read(work, connection)
    except Error as error:
        raise explain(error, connection) from error


def open_connection(alias: str = MOODLE) -> BaseDatabaseWrapper:
    """The connection to Moodle, open; ConfigurationError or SourceError where that fails."""
    if alias == MOODLE and not settings.MOODLE_CONFIGURED:
        raise ConfigurationError(
            msg("No Moodle is configured."),
            hint=msg(
                "Set MOODLE_DATABASE_URL to the address of Moodle's database, "
                "for example mysql://rcsync:PASSWORD@moodle-db:3306/moodle, and start rcsync again."
            ),
        )
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except Error as error:
        connection.close()  # what was refused for its age would pass the second time
        raise explain_connect(error, connection) from error
    return connection


def _read(work: Callable[[], Answer], connection: BaseDatabaseWrapper) -> Answer:
    with one_moment(connection):
        return work()


@contextmanager
def one_moment(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Inside, every query sees the same state of the database, whatever Moodle changes meanwhile.

    SQLite does so in every transaction, MySQL and PostgreSQL at the level REPEATABLE READ, which
    has to be asked for as the first word of the transaction (Django's own choice is READ
    COMMITTED).
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic(using=connection.alias):
        if outermost and connection.vendor != "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
