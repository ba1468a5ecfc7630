"""Single rows of Moodle's tables, by plain SQL: the ORM's router refuses to write to Moodle."""

import random
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from moodle.models import MoodleTable

Row = dict[str, Any]
Table = type[MoodleTable]


class Records:
    """Rows as dicts by column name; `where` are columns with the exact values wanted."""

    def __init__(self, connection: BaseDatabaseWrapper, rng: random.Random) -> None:
        self.connection = connection
        self.rng = rng
        self._quote = connection.ops.quote_name

    def all(self, table: Table, **where: Any) -> list[Row]:
        """The rows, by id."""
        columns = [field.attname for field in table._meta.concrete_fields]
        names = ", ".join(map(self._quote, columns))
        with self.connection.cursor() as cursor:
            self._run(cursor, f"SELECT {names} FROM", table, where, " ORDER BY id")
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def one(self, table: Table, **where: Any) -> Row:
        """The row that has to be there."""
        return self.all(table, **where)[0]

    def any(self, table: Table, **where: Any) -> Row | None:
        """A random row; None if there is none."""
        rows = self.all(table, **where)
        return self.rng.choice(rows) if rows else None

    def insert(self, table: Table, **values: Any) -> int:
        names = ", ".join(map(self._quote, values))
        marks = ", ".join(["%s"] * len(values))
        into = self._quote(table._meta.db_table)
        sql = f"INSERT INTO {into} ({names}) VALUES ({marks})"  # noqa: S608
        with self.connection.cursor() as cursor:
            if not self.connection.features.can_return_columns_from_insert:  # MySQL
                cursor.execute(sql, list(values.values()))
                return int(cursor.lastrowid)
            cursor.execute(f"{sql} RETURNING id", list(values.values()))
            return int(cursor.fetchone()[0])

    def update(self, table: Table, row_id: int, **values: Any) -> None:
        names = ", ".join(f"{self._quote(name)} = %s" for name in values)
        with self.connection.cursor() as cursor:
            sql = f"UPDATE {self._quote(table._meta.db_table)} SET {names} WHERE id = %s"  # noqa: S608
            cursor.execute(sql, [*values.values(), row_id])

    def delete(self, table: Table, **where: Any) -> None:
        with self.connection.cursor() as cursor:
            self._run(cursor, "DELETE FROM", table, where)

    def _run(self, cursor: Any, verb: str, table: Table, where: Row, end: str = "") -> None:
        conditions = " AND ".join(f"{self._quote(column)} = %s" for column in where)
        condition = f" WHERE {conditions}" if conditions else ""
        sql = f"{verb} {self._quote(table._meta.db_table)}{condition}{end}"
        cursor.execute(sql, list(where.values()))
