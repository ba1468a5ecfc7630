"""Moodle's tables in a database of our own: made from `moodle.models`, filled in bulk.

The product itself cannot write to Moodle (three locks). This code goes round the first one, the
router, by plain SQL on a connection of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.color import no_style
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from moodle.models import TABLES, MoodleTable

BATCH = 5000


@contextmanager
def writable(path: Path) -> Iterator[BaseDatabaseWrapper]:
    """A connection that may write to the SQLite file, closed afterwards."""
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {"timeout": 20},
    }
    connection = ConnectionHandler({"default": database})["default"]
    try:
        yield connection
    finally:
        connection.close()


def create_tables(connection: BaseDatabaseWrapper) -> None:
    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.create_model(model)


def insert(
    connection: BaseDatabaseWrapper,
    model: type[MoodleTable],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Rows of values in the order of `columns`. What is not named gets the table's default."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(column) for column in columns)
    marks = ", ".join(["%s"] * len(columns))
    table = quote(model._meta.db_table)
    sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  # names of our own
    pending = iter(rows)
    with connection.cursor() as cursor:
        while batch := list(islice(pending, BATCH)):
            cursor.executemany(sql, batch)


@contextmanager
def one_transaction(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """All or nothing. Django's own `atomic` knows only connections that the settings name."""
    if connection.in_atomic_block:
        yield
        return
    connection.set_autocommit(False)
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.set_autocommit(True)


def reset_sequences(connection: BaseDatabaseWrapper) -> None:
    """Let PostgreSQL count on from the highest id; the other engines do so by themselves."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(TABLES)):
            cursor.execute(statement)
