"""Reads the tables of the Moodle plugin local_rocketchat (SELECT only). Both forks are understood:
a table or column that one of them lacks counts as empty.

Never read: the plugin's password and the tokens among the user preferences.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from integration.domain.database_errors import NOT_ALLOWED, code_of
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.plugin import PluginCourse, PluginRows
from integration.services.moodle.connection import read_whole
from moodle.models import PluginConfig, table
from moodle.router import MOODLE

PLUGIN = "local_rocketchat"
SETTINGS = ("host", "port", "protocol", "username", "groupregex")
COURSES, ROLES = f"{PLUGIN}_courses", f"{PLUGIN}_roles"
OWN_LOGIN = f"{PLUGIN}_external_user"  # stored only after that person's own log-in
Row = Mapping[str, Any]


def read_plugin(alias: str = MOODLE) -> PluginRows:
    """ConfigurationError where this Moodle has nothing of the plugin, SourceError where it cannot
    be read.
    """
    return read_whole(lambda: _read(alias), alias)


def _read(alias: str) -> PluginRows:
    known = PluginConfig.objects.using(alias).filter(plugin=PLUGIN, name__in=SETTINGS)
    settings = dict(known.values_list("name", "value"))
    tables = _Tables(connections[alias])
    if not settings and not tables.has(COURSES):
        raise ConfigurationError(
            msg("Moodle's database contains nothing of the plugin local_rocketchat."),
            hint=msg(
                "There is nothing to import. If the plugin is installed, let the database account "
                "read the tables {names}.",
                names=f"{table(COURSES)}, {table(ROLES)}",
            ),
        )
    return PluginRows(
        scheme="http" if settings.get("protocol", "0").strip() == "1" else "https",
        host=settings.get("host", "").strip(),
        port=settings.get("port", "").strip(),
        username=settings.get("username", "").strip(),
        pattern_text=settings.get("groupregex", ""),
        courses=_courses(tables.rows(COURSES, "course", "eventbasedsync", "pendingsync")),
        roles=frozenset(
            row["role"] for row in tables.rows(ROLES, "role", "requiresync") if row["requiresync"]
        ),
        accounts=_accounts(tables),
        task_on=_task_on(tables),
    )


def _accounts(tables: "_Tables") -> Mapping[int, str] | None:
    if not tables.may_read("user_preferences"):
        return None
    rows = tables.rows("user_preferences", "userid", "value", only=("name", OWN_LOGIN))
    return {row["userid"]: row["value"].strip() for row in rows if row["value"].strip()}


def _courses(rows: Iterator[Row]) -> tuple[PluginCourse, ...]:
    found: dict[int, PluginCourse] = {}
    for row in rows:
        known = found.get(row["course"], PluginCourse(row["course"]))
        found[row["course"]] = PluginCourse(
            row["course"],
            known.event_sync or bool(row["eventbasedsync"]),
            known.pending or bool(row["pendingsync"]),
        )
    return tuple(found[course] for course in sorted(found))


def _task_on(tables: "_Tables") -> bool | None:
    """None where the table is out of sight: every Moodle has it."""
    if not tables.may_read("task_scheduled"):
        return None
    tasks = tables.rows("task_scheduled", "disabled", only=("component", PLUGIN))
    return any(not task["disabled"] for task in tasks)


class _Tables:
    """Tables that not every Moodle has, or whose columns differ."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            listed = connection.introspection.table_names(cursor, include_views=True)
        self._names = set(listed)

    def has(self, name: str) -> bool:
        return table(name) in self._names

    def may_read(self, name: str) -> bool:
        """PostgreSQL also lists tables that the account may not read."""
        if not self.has(name):
            return False
        try:
            with transaction.atomic(using=self._connection.alias), self._connection.cursor() as sql:
                quoted = self._connection.ops.quote_name(table(name))
                sql.execute(f"SELECT * FROM {quoted} WHERE 1 = 0")  # noqa: S608
        except Error as error:
            if code_of(error) in NOT_ALLOWED:
                return False
            raise
        return True

    def rows(self, name: str, *columns: str, only: tuple[str, str] | None = None) -> Iterator[Row]:
        """By id, of those whose column has the value of `only`. Columns that are not there are
        None; a table that is not there has no rows.
        """
        if not self.has(name):
            return
        quote = self._connection.ops.quote_name
        with self._connection.cursor() as cursor:
            described = self._connection.introspection.get_table_description(cursor, table(name))
            there = [column for column in columns if column in {one.name for one in described}]
            where = f" WHERE {quote(only[0])} = %s" if only else ""
            chosen = ", ".join(map(quote, there))
            cursor.execute(
                f"SELECT {chosen} FROM {quote(table(name))}{where} ORDER BY id",  # noqa: S608
                [only[1]] if only else [],
            )
            for values in cursor.fetchall():
                yield {**dict.fromkeys(columns), **dict(zip(there, values, strict=True))}
