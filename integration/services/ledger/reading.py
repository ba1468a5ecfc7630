"""Very many rows, some at a time.

`QuerySet.iterator` does not do that on MariaDB and MySQL: their driver reads the whole answer of a
statement into memory before the first row is there.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from integration.domain.chunks import chunks

SIZE = 2_000  # rows of one statement


def rows_by(rows: QuerySet[Any], column: str = "pk", size: int = SIZE) -> Iterator[Any]:
    """All of them in the order of `column`, in which no two of them are equal. Rows that come
    meanwhile may be among them.
    """
    ordered = rows.order_by(column)
    found = list(ordered[:size])
    while found:
        yield from found
        last = getattr(found[-1], column)
        found = list(ordered.filter(**{f"{column}__gt": last})[:size]) if len(found) == size else []


def rows_in_order(rows: QuerySet[Any], size: int = SIZE) -> Iterator[list[Any]]:
    """All of them in pieces, in their own order, which may be any: their keys are read first."""
    for keys in chunks(list(rows.values_list("pk", flat=True)), size):
        yield list(rows.filter(pk__in=keys))
