"""Django's system check of rcsync's own database, which `migrate` asks for before it begins."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DEFAULT_DB_ALIAS, connections, transaction

from integration.services.monitoring.own_text import narrow_text


@register(Tags.database)
def check_own_database(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """Whether it can hold every text. Raises the database's error where it does not work.

    Django's own checks would say of a locked or damaged SQLite that it lacks JSON.
    """
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "sqlite":
        with transaction.atomic(DEFAULT_DB_ALIAS), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_master")
    found = narrow_text(connection)
    return [Error(found.message, hint=found.hint, id="rcsync.E005")] if found else []
