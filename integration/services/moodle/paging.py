"""Many rows out of Moodle with few queries and little memory.

Rows come in pages of bounded size. Each page is asked for as "what comes after the last one", which
is quick at any depth, works alike in every engine and keeps no cursor open (MySQL's driver would
hold a whole result in memory). Rows are tuples: a model instance for each would take several times
as long.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from django.db import connections
from django.db.models import F, Lookup, QuerySet, Value

from integration.domain.chunks import chunks
from integration.services.moodle.versions import readable
from moodle.models import MoodleTable

PAGE_SIZE = 5000  # rows in one answer
KEYS_PER_QUERY = 500  # MariaDB turns longer IN lists into a temporary table; SQLite allows 32,766


class _OneOf(Lookup):
    """`column IN (1, 2, …)` of whole numbers that stand in the statement. As parameters they would
    take Django and the driver as much time as the rows themselves.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, given = self.process_lhs(compiler, connection)
        return f"{column} IN ({','.join(str(int(number)) for number in self.rhs)})", [*given]


class Pager:
    """Reads tables of one database in pages. Needs the surrounding code to see to errors."""

    def __init__(self, alias: str, page_size: int = PAGE_SIZE) -> None:
        self.alias = alias
        self.page_size = page_size

    def all(self, model: type[MoodleTable], *columns: str) -> Iterator[tuple[Any, ...]]:
        """Every row of the table as (id, *columns), by id."""
        rows = self._rows(model).order_by("id").values_list("id", *self._read(model, columns))
        page = list(rows[: self.page_size])
        while page:
            yield from page
            if len(page) < self.page_size:
                return
            page = list(rows.filter(id__gt=page[-1][0])[: self.page_size])

    def by_id(
        self, model: type[MoodleTable], ids: Iterable[int], *columns: str
    ) -> Iterator[tuple[Any, ...]]:
        """The rows with these ids as (id, *columns), by id; ids without a row are left out."""
        rows = self._rows(model).order_by("id").values_list("id", *self._read(model, columns))
        ids = ids if isinstance(ids, Set | Mapping) else set(ids)  # each once
        for chunk in chunks(sorted(ids), min(self.page_size, KEYS_PER_QUERY)):
            yield from rows.filter(_OneOf(F("id"), chunk))

    def by_key(
        self, model: type[MoodleTable], key: str, values: Iterable[int], *columns: str, **also: Any
    ) -> Iterator[tuple[Any, ...]]:
        """The rows whose indexed column `key` has one of `values`, as (key, *columns), by key and
        id.

        `also` narrows the rows further. Ordering by key first lets the index give the order.
        Ordering by id alone would tempt MySQL into walking the whole table by its primary key.
        """
        read = self._read(model, columns)
        rows = self._rows(model).filter(**also).order_by(key, "id").values_list("id", key, *read)
        for chunk in chunks(sorted(set(values)), KEYS_PER_QUERY):
            for page in self._pages(rows, key, chunk):
                for row in page:
                    yield row[1:]

    def _pages(
        self, rows: QuerySet[Any, tuple[Any, ...]], key: str, values: Sequence[int]
    ) -> Iterator[list[tuple[Any, ...]]]:
        page = list(rows.filter(_OneOf(F(key), values))[: self.page_size])
        while page:
            yield page
            if len(page) < self.page_size:
                return
            last_id, last_value = page[-1][:2]
            values = values[bisect_left(values, last_value) :]
            rest = rows.filter(_OneOf(F(key), values))
            page = list(rest.exclude(**{key: last_value, "id__lte": last_id})[: self.page_size])

    def _read(self, model: type[MoodleTable], columns: Sequence[str]) -> list[str | Value]:
        return readable(connections[self.alias], model, columns)

    def _rows(self, model: type[MoodleTable]) -> QuerySet[Any]:
        return model._default_manager.using(self.alias).all()
