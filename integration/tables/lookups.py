"""A lookup that Django does not have."""

import re
from typing import Any

from django.db.models import CharField, Lookup


@CharField.register_lookup
class Begins(Lookup):
    """`name__begins="anna"`: by the plain index of the column, on every database that we support.

    Django's `startswith` compares in another way than the index is sorted, so that MariaDB and
    SQLite read the whole table; its `istartswith` does so on PostgreSQL and SQLite. Upper and lower
    case are the same only where the column's collation says so, which is MariaDB's default.
    PostgreSQL needs the second index that Django makes for `db_index=True` on a CharField.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, given = self.process_lhs(compiler, connection)
        begin = connection.ops.prep_for_like_query(self.rhs)
        return f"{column} LIKE %s", [*given, f"{begin}%"]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        column, given = self.process_lhs(compiler, connection)
        begin = re.sub(r"[*?\[]", r"[\g<0>]", str(self.rhs))
        return f"{column} GLOB %s", [*given, f"{begin}*"]
