"""Which statements read a big table from one end to the other: asked of MariaDB and PostgreSQL.

The answers do not depend on how many rows there are: what could use an index counts as using it.
SQLite, which nobody has at such a size, is not asked.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

BIG = (
    "integration_accountlink",
    "integration_managedmembership",
    "integration_syncoperation",
    "integration_auditentry",
)


def whole_tables(sql: str, params: Any) -> list[str]:
    """The big tables that the SELECT filters row by row, without an index for its conditions.

    A statement without conditions reads the first rows in the order of an index, or counts the
    accounts.
    """
    if not sql.startswith("SELECT") or " WHERE " not in sql:
        return []
    if not any(table in sql for table in BIG):
        return []
    return sorted({table for table in _scanned(sql, params) if table in BIG})


def _scanned(sql: str, params: Any) -> Iterator[str]:
    if connection.vendor == "mysql":
        yield from _on_mariadb(sql, params)
    elif connection.vendor == "postgresql":
        yield from _on_postgresql(sql, params)


def _on_mariadb(sql: str, params: Any) -> Iterator[str]:
    """Over few rows MariaDB takes no index, but says which it could take."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        if row["table"] and row["type"] in ("ALL", "index") and not row["possible_keys"]:
            yield _table(sql, row["table"])


def _on_postgresql(sql: str, params: Any) -> Iterator[str]:
    """Where reading the whole table is forbidden, it is done only if there is no other way. Without
    the order, for which an index that helps with no condition would do.
    """
    condition = re.sub(r" ORDER BY [^()]+$", "", sql)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {condition}", params[: condition.count("%s")])
        found = cursor.fetchone()[0]
    plans = [(json.loads(found) if isinstance(found, str) else found)[0]["Plan"]]
    while plans:
        plan = plans.pop()
        plans += plan.get("Plans", ())
        table = plan.get("Relation Name")
        if table and "Filter" in plan and not plan.keys() & {"Index Cond", "Recheck Cond"}:
            yield table


def _table(sql: str, alias: str) -> str:
    """The table of an alias of Django: U0, T3."""
    quote = connection.ops.quote_name
    return next((table for table in BIG if f"{quote(table)} {quote(alias)}" in sql), alias)
