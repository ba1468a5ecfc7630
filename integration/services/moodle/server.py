"""What a database server is called and can be asked, in each engine's own words."""

import importlib
import re
from importlib import metadata
from typing import Any

from django.db import Error, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.messages import msg
from moodle.models import User

CLOCKS = {
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
}
VERSIONS = {
    "mysql": "SELECT VERSION()",
    "postgresql": "SHOW server_version",
    "sqlite": "SELECT sqlite_version()",
}
ENCODINGS = {
    "mysql": "SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE "
    "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = 'firstname'",
    "postgresql": "SHOW server_encoding",
    "sqlite": "PRAGMA encoding",
}
FULL_UNICODE = {"utf8mb4", "UTF8", "UTF-8", "UTF-16le", "UTF-16be"}


def description(connection: BaseDatabaseWrapper) -> str:
    """ "MariaDB 10.11.19 through mysqlclient 2.3.1" """
    version = str(value(connection, VERSIONS[connection.vendor]))
    name = "MariaDB" if "mariadb" in version.lower() else connection.display_name
    number = re.match(r"[\d.]*", version)
    server = f"{name} {number[0] if number else version}"
    return msg("{server} through {driver}", server=server, driver=driver(connection))


def driver(connection: BaseDatabaseWrapper) -> str:
    """The Python package that talks to the server, with its version."""
    if connection.vendor == "sqlite":
        return msg("Python's sqlite3")
    package = "psycopg"
    if connection.vendor == "mysql":
        module: Any = importlib.import_module("MySQLdb")  # PyMySQL can stand in under this name
        package = "PyMySQL" if module.__file__.split("/")[-2] == "pymysql" else "mysqlclient"
    return f"{package} {metadata.version(package)}"


def seconds(connection: BaseDatabaseWrapper) -> float:
    """The server's clock, in unix seconds."""
    return float(value(connection, CLOCKS[connection.vendor]))


def encoding(connection: BaseDatabaseWrapper) -> str:
    """How names are stored."""
    of_table = [User._meta.db_table] if connection.vendor == "mysql" else None
    return str(value(connection, ENCODINGS[connection.vendor], of_table))


def refusal_to_write(connection: BaseDatabaseWrapper) -> str:
    """What the session answers to a statement that would write; "" where it lets it pass.

    The statement can change nothing: no row fits its condition, and it is rolled back.
    """
    table = connection.ops.quote_name(User._meta.db_table)
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET deleted = deleted WHERE 1 = 0")  # noqa: S608
            transaction.set_rollback(True, using=connection.alias)
    except Error as error:
        return str(error.args[-1])
    return ""


def user_of(connection: BaseDatabaseWrapper) -> str:
    return f"'{connection.settings_dict['USER']}'"


def place_of(connection: BaseDatabaseWrapper) -> str:
    """'moodle' on moodle-db:3306, without user and password."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        path = str(settings["NAME"]).removeprefix("file://").removesuffix("?mode=ro")
        return msg("at {path}", path=path)
    options = settings.get("OPTIONS", {})
    host = settings["HOST"] or options.get("unix_socket") or options.get("read_default_file")
    if not host:
        return f"'{settings['NAME']}'"
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return msg("'{name}' on {host}", name=settings["NAME"], host=f"{host}{port}")


def value(connection: BaseDatabaseWrapper, sql: str, values: list[str] | None = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    return row[0] if row else None
