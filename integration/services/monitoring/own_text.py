"""Whether rcsync's own database can hold every text: names with emoji, of every script."""

from collections.abc import Sequence

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DEFAULT_DB_ALIAS

from integration.domain.checks import Check, CheckStatus
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg

FULL_UNICODE = "utf8mb4"  # utf8mb3, which servers also call utf8, has no emoji
_SET = f"CHARACTER SET {FULL_UNICODE}"
# The tables that this database has, of all the tables that our models name.
NARROW_TABLES = (
    "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    " AND character_set_name <> %s AND table_name IN ({names}) ORDER BY table_name"
)
DEFAULT_CHARSET = (
    "SELECT default_character_set_name FROM information_schema.schemata"
    " WHERE schema_name = DATABASE()"
)


def narrow_text(connection: BaseDatabaseWrapper) -> ConfigurationError | None:
    """What cannot hold every text, with the statement that repairs it; None: everything can."""
    if connection.vendor == "mysql":
        return _of_mysql(connection)
    return _of_postgresql(connection) if connection.vendor == "postgresql" else None


def check_own_text() -> list[Check]:
    """For the doctor: nothing where all is well."""
    found = narrow_text(connections[DEFAULT_DB_ALIAS])
    if found is None:
        return []
    return [Check(msg("rcsync's texts"), CheckStatus.FAILED, found.message, found.hint)]


def _of_mysql(connection: BaseDatabaseWrapper) -> ConfigurationError | None:
    ours = connection.introspection.django_table_names()
    names = ", ".join(["%s"] * len(ours))
    with connection.cursor() as cursor:
        cursor.execute(NARROW_TABLES.format(names=names), [FULL_UNICODE, *ours])
        tables = [row[0] for row in cursor.fetchall()]
        cursor.execute(DEFAULT_CHARSET)
        (charset,) = cursor.fetchone()
    statements = []
    if charset != FULL_UNICODE:  # the tables of later versions would have it too
        statements.append(f"ALTER DATABASE `{connection.settings_dict['NAME']}` {_SET}")
    statements += [f"ALTER TABLE `{table}` CONVERT TO {_SET}" for table in tables]
    return _cannot_hold(tables, charset, statements) if statements else None


def _cannot_hold(
    tables: Sequence[str], charset: str, statements: Sequence[str]
) -> ConfigurationError:
    hint = msg(
        "Stop rcsync, make a backup, then run: {statements};", statements="; ".join(statements)
    )
    if not tables:
        found = msg(
            "rcsync's own database has the character set {charset}, which cannot store every name.",
            charset=charset,
        )
        return ConfigurationError(found, hint=hint)
    names = ", ".join(tables)
    return ConfigurationError(
        msg(
            "These tables of rcsync cannot store every name, for example an emoji: {names}",
            names=names,
        ),
        hint=hint,
    )


def _of_postgresql(connection: BaseDatabaseWrapper) -> ConfigurationError | None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
    if encoding == "UTF8":
        return None
    return ConfigurationError(
        msg(
            "rcsync's own database has the encoding {encoding}, which cannot store every name.",
            encoding=encoding,
        ),
        hint=msg(
            "Create another one and name it in DATABASE_URL: CREATE DATABASE rcsync "
            "ENCODING 'UTF8' TEMPLATE template0; move the rows with ./rcsync backup and "
            "restore."
        ),
    )
