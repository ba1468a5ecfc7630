"""PostgreSQL for reading Moodle, also through a connection pooler such as PgBouncer.

A pooler refuses startup options, and shares one session between clients: what a session is set to
would reach others, Moodle among them. So nothing is set for the session. Every transaction says
itself that it is READ ONLY and which schemas it looks into, and a statement outside of a
transaction gets one of its own.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base

from rcsync_project.databases import schemas_of


class DatabaseWrapper(base.DatabaseWrapper):
    """OPTIONS may hold `read_only` (bool) and `search_path` (schemas with commas between them)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_in_transaction)

    def get_connection_params(self) -> dict[str, Any]:
        parameters = super().get_connection_params()
        self._read_only = parameters.pop("read_only", True)
        self._schemas = schemas_of(parameters.pop("search_path", ""))
        return parameters

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.read_only = self._read_only  # psycopg then sends BEGIN READ ONLY
        return connection

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs lack it
        if not autocommit and self._schemas:
            names = ", ".join(map(self.ops.quote_name, self._schemas))
            with self.wrap_database_errors:
                self.connection.execute(f"SET LOCAL search_path TO {names}")


def _in_transaction(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    connection = context["connection"]
    if connection.in_atomic_block or not connection.get_autocommit():
        return execute(sql, params, many, context)
    with transaction.atomic(using=connection.alias):
        return execute(sql, params, many, context)
