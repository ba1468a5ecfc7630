"""Reading a whole list, and never taking a part of it for the whole.

`count=0` returns everything where the server allows it (default); otherwise a page of some size
comes back, and a wish for more is cut down silently. So: go on by what was received, until `total`
(reference: "Paging").
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from integration.services.errors import TransientError, UnexpectedAnswer
from integration.services.rocketchat.answers import Json, number, objects, wrong
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.reactions import AnswerTooLarge

Row = TypeVar("Row")

PAGE = 1000  # more than most servers give; they cut it down to what they allow
SLACK = 1000  # how much a list may grow while it is read, on top of doubling


class Listing(Generic[Row]):
    """One list of the server: where it is, and how its rows are read.

    `parse` turns a JSON row into a value, or None for one that does not matter; `identity` names a
    row, so that one that moved to the next page while we read is not counted twice. `sort` is a
    unique order; `sort_first` False leaves it to later pages, where the server may not take it.
    """

    def __init__(
        self,
        path: str,
        key: str,
        identity: Callable[[Json, str], str],
        parse: Callable[[Json, str], Row | None],
        *,
        params: Mapping[str, object] | None = None,
        sort: str = '{"_id":1}',
        sort_first: bool = True,
    ) -> None:
        self.path, self.key = path, key
        self.identity, self.parse = identity, parse
        self.params, self.sort, self.sort_first = dict(params or {}), sort, sort_first

    @property
    def where(self) -> str:
        return f"GET {self.path}"


def read_all(client: RocketChat, features: Features, listing: Listing[Row]) -> dict[str, Row]:
    """Every row by its identity, or an error.

    A list that changes under us is read a second time.
    """
    reading = _Reading(client, features, listing)
    if reading.complete() or reading.complete():
        return reading.rows
    raise UnexpectedAnswer(
        f"{listing.where}: the server counts {reading.total} but lists {len(reading.seen)}.",
        hint="If many people change things right now, run again later.",
        endpoint=listing.where,
        status=200,
    )


class _Reading(Generic[Row]):
    """One pass over a listing, page by page."""

    def __init__(self, client: RocketChat, features: Features, listing: Listing[Row]) -> None:
        self.client, self.features, self.listing = client, features, listing
        self.rows: dict[str, Row] = {}
        self.seen: set[str] = set()
        self.total = 0

    def complete(self) -> bool:
        """Read from the start; whether as many different rows came as the server counts."""
        self.rows, self.seen, offset, first_total = {}, set(), 0, None
        while True:
            received = self._page(offset)
            offset += received
            first_total = self.total if first_total is None else first_total
            if offset >= self.total:
                return len(self.seen) >= self.total
            if self.total > 2 * first_total + SLACK:
                raise wrong(self.listing.where, "its total grows without end")

    def _page(self, offset: int) -> int:
        """Take one page in; how many rows it had.

        A page that brings nothing new would be read for ever.
        """
        where, before = self.listing.where, len(self.seen)
        answer = self._ask(offset)
        page = objects(answer, self.listing.key, where)
        self.total = number(answer, "total", where)
        for row in page:
            self._take(row)
        if len(self.seen) == before and offset + len(page) < self.total:
            raise wrong(where, f"it counts {self.total} entries but gives no more after {before}")
        if not offset and len(page) < self.total:
            self.features.count_unlimited = False
        return len(page)

    def _take(self, row: Json) -> None:
        where = self.listing.where
        identity = self.listing.identity(row, where)
        if identity not in self.seen:
            self.seen.add(identity)
            value = self.listing.parse(row, where)
            if value is not None:
                self.rows[identity] = value

    def _ask(self, offset: int) -> Json:
        """Everything at once where that is known to work, else pages.

        Also when everything is too much.
        """
        if offset == 0 and self.features.count_unlimited:
            try:
                return self._get(offset, count=0)
            except TransientError as error:
                if not (isinstance(error, AnswerTooLarge) or error.status >= 500):
                    raise
                self.features.count_unlimited = False
        return self._get(offset, count=PAGE)

    def _get(self, offset: int, *, count: int) -> Json:
        params = {**self.listing.params, "count": count, "offset": offset}
        if self.listing.sort_first or count:
            params["sort"] = self.listing.sort
        return self.client.get(self.listing.path, params, slow=True)
