"""What an account may do in Moodle's database, and the statement that gives it the right."""

import re

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.messages import msg
from integration.services.moodle.server import value
from moodle.models import TABLES, User

WRITE_RIGHTS = {"ALL", "ALTER", "CREATE", "DELETE", "DROP", "INSERT", "TRUNCATE", "UPDATE"}
SCHEMA = """
    SELECT n.nspname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %s ORDER BY NOT pg_table_is_visible(c.oid), n.nspname
"""


def grant(connection: BaseDatabaseWrapper, account: str = "", schema: str = "") -> str:
    """The statement that lets an account (ours, if none is named) read Moodle, and nothing else."""
    user, name = account or connection.settings_dict["USER"], connection.settings_dict["NAME"]
    if connection.vendor == "postgresql":
        schema = _quoted(schema or _schema(connection))
        usage = "" if schema == "public" else f'GRANT USAGE ON SCHEMA {schema} TO "{user}"; '
        return f'{usage}GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO "{user}";'
    if connection.vendor == "mysql":
        host = "%" if account else _mysql_host(connection)
        return f"GRANT SELECT ON `{name}`.* TO '{user}'@'{host}';"
    return msg("make the file readable for the user rcsync runs as.")


def write_rights(connection: BaseDatabaseWrapper) -> list[str]:
    """What the account could change in Moodle's database if the session let it."""
    if connection.vendor == "postgresql":
        sql = "SELECT has_table_privilege(%s, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        quote = connection.ops.quote_name
        names = [model._meta.db_table for model in TABLES]
        return [name for name in names if value(connection, sql, [quote(name)])]
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW GRANTS")
            grants = [str(row[0]) for row in cursor.fetchall()]
        return [grant for grant in grants if may_write(grant, connection.settings_dict["NAME"])]
    return []


def may_write(grant: str, database: str) -> bool:
    """Whether a line of SHOW GRANTS gives a right to change something in the database."""
    found = re.match(r"GRANT (?P<rights>.+?) ON (?P<where>`.+?`|\*)\.(?P<table>\S+) TO ", grant)
    if found is None:  # a role: its rights have lines of their own
        return False
    rights = {right.split()[0] for right in found["rights"].split(", ")}
    return bool(rights & WRITE_RIGHTS) and _is_about(found["where"], found["table"], database)


def _is_about(where: str, table: str, database: str) -> bool:
    """In `name`.* the name is a pattern as of LIKE, where a backslash takes % and _ literally."""
    if where == "*":
        return True
    name = where[1:-1].replace("``", "`")
    if table != "*":
        return name == database
    wild = {"%": ".*", "_": "."}
    parts = re.findall(r"\\.|.", name, re.DOTALL)
    pattern = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(pattern, database, re.DOTALL) is not None


def _schema(connection: BaseDatabaseWrapper) -> str:
    """Where Moodle's tables are, the visible ones first."""
    try:
        return str(value(connection, SCHEMA, [User._meta.db_table]) or "public")
    except Error:
        return "public"


def _quoted(name: str) -> str:
    return (
        name if re.fullmatch("[a-z_][a-z0-9_]*", name) else '"{}"'.format(name.replace('"', '""'))
    )


def _mysql_host(connection: BaseDatabaseWrapper) -> str:
    """The host part of our account, which MySQL takes for a part of its name."""
    try:
        return str(value(connection, "SELECT CURRENT_USER()")).rpartition("@")[2]
    except Error:
        return "%"
