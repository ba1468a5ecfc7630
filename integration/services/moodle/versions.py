"""Moodle's versions, and what a database of an older one lacks.

Moodle writes its version into mdl_config as a date with a counter: 2024100705.01 is 4.5.5. The
first eight digits name the branch.
"""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Value

from moodle.models import Config, Group, MoodleTable

OLDEST = 2020061500  # 3.9, the oldest whose columns were compared
GROUP_VISIBILITY = 2023042400  # 4.2 brought mdl_groups.visibility
WITHOUT_MNET = 2025041400  # 5.0 removed auth_mnet and enrol_mnet
NEWEST_TRIED = 20251006  # the branch 5.1, the newest that was tried on a real database

LATER_COLUMNS: dict[type[MoodleTable], dict[str, tuple[int, int]]] = {
    Group: {"visibility": (GROUP_VISIBILITY, 0)}  # before, every member list could be seen
}
"""Columns that came after OLDEST: since which version, and what counts where they are missing."""

Absent = dict[tuple[type[MoodleTable], str], int]
_absent: WeakKeyDictionary[BaseDatabaseWrapper, tuple[Any, Absent]] = WeakKeyDictionary()


def number_of(text: str) -> int | None:
    """2024100705 of "2024100705.01"; None where the text is no version."""
    whole = text.strip().split(".")[0]
    return int(whole) if whole.isascii() and whole.isdecimal() else None


def readable(
    connection: BaseDatabaseWrapper, model: type[MoodleTable], columns: Sequence[str]
) -> list[str | Value]:
    """The columns for `values_list`, with a value in place of one that this Moodle is too old for.

    A column that this version has to have stays in: where it is missing the database is damaged,
    and the query says so.
    """
    if model not in LATER_COLUMNS:
        return list(columns)
    absent = absent_columns(connection)
    return [
        Value(absent[model, column]) if (model, column) in absent else column for column in columns
    ]


def absent_columns(connection: BaseDatabaseWrapper) -> Absent:
    """(table, column) -> the value that counts there. Asked for once per connection."""
    connection.ensure_connection()
    known = _absent.get(connection)
    if known is None or known[0] is not connection.connection:
        known = _absent[connection] = (connection.connection, _ask(connection))
    return known[1]


def _ask(connection: BaseDatabaseWrapper) -> Absent:
    rows = Config.objects.using(connection.alias).filter(name="version")
    version = number_of(rows.values_list("value", flat=True).first() or "")
    if version is None:
        return {}
    return {
        (model, column): value
        for model, later in LATER_COLUMNS.items()
        for column, (since, value) in later.items()
        if version < since and column not in _columns(connection, model)
    }


def _columns(connection: BaseDatabaseWrapper, model: type[MoodleTable]) -> set[str]:
    """Asked by a query without rows, which finds the table as every other query does."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")  # noqa: S608  # a name of our own
        return {str(column[0]) for column in cursor.description}
