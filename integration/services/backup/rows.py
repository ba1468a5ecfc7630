"""Where the database's own programs are missing: every row as a line of JSON, past the models.

Secrets stay encrypted, because no column is read as a field. Values go back into tables made by the
same migrations of the same kind of database.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from integration.services.backup.tables import own_tables

CHUNK = 500  # rows
MIGRATIONS = MigrationRecorder.Migration._meta.db_table


def dump(connection: BaseDatabaseWrapper, target: Path) -> None:
    with target.open("w") as file, transaction.atomic(using=connection.alias):
        for table in own_tables(connection):
            if table != MIGRATIONS:
                for columns, row in _rows(connection, table):
                    file.write(json.dumps([table, columns, row], default=_plain) + "\n")


def load(connection: BaseDatabaseWrapper, data: IO[bytes], migrations: Iterable[str]) -> None:
    """Into an empty database, whose tables are made as they were when the backup was made."""
    latest = dict(one.split(".", 1) for one in sorted(migrations))
    for app, name in latest.items():
        call_command("migrate", app, name, database=connection.alias, verbosity=0)
    tables = [table for table in own_tables(connection) if table != MIGRATIONS]
    quoted = connection.ops.quote_name
    with (
        transaction.atomic(using=connection.alias),
        connection.constraint_checks_disabled(),
        connection.cursor() as cursor,
    ):
        for table in tables:  # content types and permissions, which the migrations filled in
            cursor.execute(f"DELETE FROM {quoted(table)}")  # noqa: S608  # our own names
        for (table, columns), lines in groupby(map(json.loads, data), lambda line: line[:2]):
            into = f"{quoted(table)} ({', '.join(map(quoted, columns))})"
            places = ", ".join(["%s"] * len(columns))
            while chunk := [row for _table, _columns, row in islice(lines, CHUNK)]:
                cursor.executemany(f"INSERT INTO {into} VALUES ({places})", chunk)  # noqa: S608
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
            if any(quoted(table) in statement for table in tables):
                cursor.execute(statement)


def _rows(connection: BaseDatabaseWrapper, table: str) -> Iterator[tuple[list[str], Sequence[Any]]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
        columns = [column[0] for column in cursor.description]
        while chunk := cursor.fetchmany(CHUNK):
            for row in chunk:
                yield columns, row


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date | time | Decimal | UUID):
        return str(value)
    raise TypeError(f"a column holds a {type(value).__name__}, which no backup can hold")
