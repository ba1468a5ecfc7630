"""A lookup that Django does not have, and the index that it takes."""

from typing import Any

from django.db.models import CharField, Func, Lookup
from django.db.models.functions import Upper


class ByteOrder(Func):
    """On PostgreSQL the expression in the order of its bytes, which is the one order that shows a
    LIKE where to begin and to end. Elsewhere the expression.
    """

    arity = 1
    template = "%(expressions)s"

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template='%(expressions)s COLLATE "C"')


def any_case(column: str) -> ByteOrder:
    """What the index of a column is made of that `begins` is asked of. MariaDB makes none of it."""
    return ByteOrder(Upper(column))


@CharField.register_lookup
class Begins(Lookup):
    """`name__begins="anna"`: in any case, by an index on every database that we support.

    MariaDB and MySQL take the plain index of the column, whose collation decides what is the same;
    SQLite and PostgreSQL the index of `any_case`. Which letters have an upper case is said by the
    database: by SQLite those of ASCII alone.

    Django's `istartswith` is by no index on PostgreSQL and SQLite, its `startswith` by none on
    MariaDB.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, given = self.process_lhs(compiler, connection)
        return f"{column} LIKE %s", [*given, self._pattern(connection)]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, given = self.process_lhs(compiler, connection)
        sql = f'UPPER({column}) COLLATE "C" LIKE UPPER(%s)'
        return sql, [*given, self._pattern(connection)]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        """For a LIKE SQLite takes no index of an expression, but for what is between two texts."""
        column, given = self.process_lhs(compiler, connection)
        sql = f"(UPPER({column}) >= UPPER(%s) AND UPPER({column}) < UPPER(%s) || char(1114111))"
        return sql, [*given, self.rhs, *given, self.rhs]

    def _pattern(self, connection: Any) -> str:
        return f"{connection.ops.prep_for_like_query(self.rhs)}%"
