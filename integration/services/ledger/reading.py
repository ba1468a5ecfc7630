"""Very many rows, some at a time.

`QuerySet.iterator` does not do that on MariaDB and MySQL: their driver reads the whole answer of a
statement into memory before the first row is there.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from integration.domain.chunks import chunks

SIZE = 2_000  # rows of one statement


def rows_by(
    rows: QuerySet[Any],
    column: str = "pk",
    size: int = SIZE,
    *,
    read: Callable[[QuerySet[Any]], list[Any]] = list,
    key: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """All of them in the order of `column`, in which no two of them are equal. Rows that come
    meanwhile may be among them. `read` takes the rows of one statement, and `key` says what a row
    has in the column, where that is no attribute of it.
    """
    ordered, key = rows.order_by(column), key or attrgetter(column)
    found = read(ordered[:size])
    while found:
        yield from found
        further = ordered.filter(**{f"{column}__gt": key(found[-1])})
        found = read(further[:size]) if len(found) == size else []


def rows_in_order(rows: QuerySet[Any], size: int = SIZE) -> Iterator[list[Any]]:
    """All of them in pieces, in their own order, which may be any: their keys are read first."""
    for keys in chunks(list(rows.values_list("pk", flat=True)), size):
        yield list(rows.filter(pk__in=keys))
