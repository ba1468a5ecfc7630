"""Many rows into one of our tables, or out of it, at once.

Django's `bulk_create` takes some 0.1 ms of processor time for a row, mostly to prepare values that
are ready already. In a run of 10,000 operations that was half of the time spent outside of waiting
for Rocket.Chat (benchmarks/sync.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import DateTimeField, Field, JSONField, Model, QuerySet
from django.db.models.constants import OnConflict
from django.utils import timezone

from integration.fields import MessageField, MessageJSONField
from integration.services.ledger.reading import rows_by

ROWS = 500  # in one statement
READ_ROWS = 5_000  # in one statement
VALUES = 16_000  # in one statement; PostgreSQL takes 65,535, SQLite says what it takes


def insert(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows of values in the order of `columns`; other columns get their defaults.

    Values are plain: numbers, texts, booleans, None, and what a JSON or time column takes.
    """
    _insert(model, columns, rows, None, ())


def insert_missing(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """As `insert`; a row that violates a uniqueness is left out."""
    _insert(model, columns, rows, OnConflict.IGNORE, ())


def insert_or_update(
    model: type[Model], unique: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """As `insert`; a row whose `unique` value exists already is updated instead."""
    _insert(model, columns, rows, OnConflict.UPDATE, (unique,))


def rows_of(queryset: "QuerySet[Any, tuple[Any, ...]]") -> Iterator[tuple[Any, ...]]:
    """The rows as the driver gives them: booleans are 0 and 1 in some engines."""
    try:
        sql, values = queryset.query.sql_with_params()
    except EmptyResultSet:  # a filter that nothing can pass, such as one for no courses
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        while part := cursor.fetchmany(ROWS):
            yield from part


def every_row(model: type[Model], *columns: str) -> Iterator[tuple[Any, ...]]:
    """The primary key and these columns of all rows, by key, as `rows_of` gives them.

    In several statements: MariaDB's driver has the whole answer of each in memory. A filter would
    make the engine walk over most rows, so there is none.
    """
    rows = model._default_manager.values_list("pk", *columns)
    return rows_by(rows, size=READ_ROWS, read=lambda some: list(rows_of(some)), key=itemgetter(0))


def _insert(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    on_conflict: OnConflict | None,
    unique: Sequence[str],
) -> None:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    others = [name for name in fields if name not in columns and not fields[name].primary_key]
    defaults = [_default(fields[name]) for name in others]
    literals = [_literal(value) for value in defaults]
    constants = tuple(v for v, known in zip(defaults, literals, strict=True) if known is None)
    prepare = [(i, _prepared(fields[name])) for i, name in enumerate(columns)]
    special = [(i, how) for i, how in prepare if how is not None]
    named = [fields[name] for name in (*columns, *others)]
    updated = [str(fields[name].column) for name in columns if name not in unique]
    start, end = _sql(model, named, on_conflict, updated, unique)
    marks = ["%s"] * len(columns) + [literal or "%s" for literal in literals]
    mark = f"({', '.join(marks)})"
    size = min(ROWS, (connection.features.max_query_params or VALUES) // marks.count("%s"))
    pending = iter(rows)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        while part := [(*_ready(row, special), *constants) for row in islice(pending, size)]:
            sql = f"{start} {', '.join([mark] * len(part))} {end}"
            cursor.execute(sql, list(chain.from_iterable(part)))


def _sql(
    model: type[Model],
    named: Sequence["Field[Any, Any]"],
    on_conflict: OnConflict | None,
    updated: Sequence[str],
    unique: Sequence[str],
) -> tuple[str, str]:
    """What stands before the rows, and what after them."""
    operations = connection.ops
    into = operations.insert_statement(on_conflict=on_conflict)
    table = operations.quote_name(model._meta.db_table)
    names = ", ".join(operations.quote_name(str(field.column)) for field in named)
    end = operations.on_conflict_suffix_sql(named, on_conflict, updated, unique)
    return f"{into} {table} ({names}) VALUES", end


def _default(field: "Field[Any, Any]") -> Any:
    now = isinstance(field, DateTimeField) and (field.auto_now or field.auto_now_add)
    value = timezone.now() if now else field.get_default()
    how = _prepared(field)
    return how(value) if how is not None and value is not None else value


def _literal(value: Any) -> str | None:
    """The same in every engine's SQL, for defaults that would have to be quoted in each row."""
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, int):
        return str(value)
    plain = isinstance(value, str) and (not value or (value.isascii() and value.isalpha()))
    return f"'{value}'" if plain else None


def _prepared(field: "Field[Any, Any]") -> Callable[[Any], Any] | None:
    """What has to be done to a value of this column before the driver takes it."""
    if isinstance(field, MessageJSONField | MessageField):
        return lambda value: field.get_db_prep_value(value, connection)
    if isinstance(field, JSONField):
        return _json
    if isinstance(field, DateTimeField):
        return _time
    return None


def _json(value: Any) -> Any:
    return connection.ops.adapt_json_value(value, None)


def _time(value: datetime | None) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _ready(
    row: Sequence[Any], special: Sequence[tuple[int, Callable[[Any], Any]]]
) -> Sequence[Any]:
    if not special:
        return row
    values = list(row)
    for i, how in special:
        values[i] = how(values[i])
    return values
