"""Why Moodle's tables are not there: another prefix or schema, half a database, or another one.

Exactly one of these is said, and the sentence never names as missing what it then says is there.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.errors import ConfigurationError, SourceError, SyncError
from integration.domain.messages import counted, joined, msg
from integration.services.moodle.rights import grant
from integration.services.moodle.server import place_of
from moodle.models import TABLES, User, UserEnrolment, table

ENDING = UserEnrolment._meta.db_table.removeprefix(table(""))
NO_PREFIX = "-"  # as MOODLE_DB_PREFIX has it
FOREIGN = 3  # tables called user, role, course may be those of another application
ELSEWHERE = """
    SELECT n.nspname, c.relname, has_schema_privilege(n.oid, 'USAGE')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND right(c.relname, length(%s)) = %s
    ORDER BY n.nspname, c.relname
"""


class Place(NamedTuple):
    """Tables of a Moodle in a schema of PostgreSQL that our queries do not look into."""

    schema: str
    prefix: str
    allowed: bool  # the account may use the schema


def missing_tables(connection: BaseDatabaseWrapper) -> SyncError | None:
    """The reason as an error; None where every table is there."""
    names = _table_names(connection)
    wanted = {model._meta.db_table for model in TABLES}
    missing = sorted(wanted - names)
    if not missing:
        return None
    if len(wanted & names) > (0 if table("") else FOREIGN):
        return _incomplete(missing)
    if prefixes := _prefixes(names):
        return _another_prefix(prefixes)
    if places := _elsewhere(connection):
        return _another_schema(connection, places)
    return ConfigurationError(
        msg(
            "The database {place} has no table {name} and no other table of a Moodle.",
            place=place_of(connection),
            name=User._meta.db_table,
        ),
        hint=msg(
            "Correct the name at the end of MOODLE_DATABASE_URL, or grant the account "
            "the right: {statement}",
            statement=grant(connection),
        ),
    )


def _incomplete(missing: Collection[str]) -> SyncError:
    return SourceError(
        counted(
            "Moodle's database lacks the table {names}, although other tables of Moodle exist.",
            "Moodle's database lacks the tables {names}, although other tables of Moodle exist.",
            len(missing),
            names=", ".join(missing),
        ),
        hint=msg("It is incomplete: restore it completely, or let Moodle's upgrade finish."),
    )


def _another_prefix(prefixes: Collection[str]) -> SyncError:
    names = ", ".join(f"{prefix}user" for prefix in prefixes)
    return ConfigurationError(
        msg(
            "Moodle's tables do not begin with '{prefix}': the database has {names}.",
            prefix=table(""),
            names=names,
        )
        if table("")
        else msg("Moodle's tables have a prefix: the database has {names}.", names=names),
        hint=_set_prefix(prefixes),
    )


def _set_prefix(prefixes: Collection[str]) -> str:
    return counted(
        "Set MOODLE_DB_PREFIX={prefixes}.",
        "Set MOODLE_DB_PREFIX to one of {prefixes}.",
        len(prefixes),
        prefixes=", ".join(prefix or NO_PREFIX for prefix in prefixes),
    )


def _another_schema(connection: BaseDatabaseWrapper, places: Collection[Place]) -> SyncError:
    fitting = [place for place in places if place.prefix == table("")] or list(places)
    first = fitting[0]
    steps: list[str] = [
        msg(
            "Add ?search_path={schema} to MOODLE_DATABASE_URL (after other options: "
            "&search_path={schema}).",
            schema=first.schema,
        )
    ]
    if first.prefix != table(""):
        steps.append(_set_prefix([first.prefix]))
    if not first.allowed:
        right = grant(connection, schema=first.schema)
        steps.append(msg("Run as administrator of the database: {statement}", statement=right))
    schemas = sorted({place.schema for place in fitting})
    return ConfigurationError(
        counted(
            "Moodle's tables are in the schema {schemas}, which rcsync does not read.",
            "Moodle's tables are in the schemas {schemas}, which rcsync does not read.",
            len(schemas),
            schemas=", ".join(f"'{schema}'" for schema in schemas),
        ),
        hint=joined(" ", steps),
    )


def _prefixes(names: Iterable[str]) -> list[str]:
    """What Moodle's table names begin with here: what stands before "user_enrolments"."""
    return sorted(name.removesuffix(ENDING) for name in names if name.endswith(ENDING))


def _table_names(connection: BaseDatabaseWrapper) -> set[str]:
    try:
        return set(connection.introspection.table_names())
    except Error:
        return set()


def _elsewhere(connection: BaseDatabaseWrapper) -> list[Place]:
    """Moodles in other schemas of PostgreSQL, also those that the account may not use."""
    if connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(ELSEWHERE, [ENDING, ENDING])
            rows = cursor.fetchall()
    except Error:
        return []
    return [Place(schema, name.removesuffix(ENDING), allowed) for schema, name, allowed in rows]
