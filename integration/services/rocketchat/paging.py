"""Reading a whole list, and never taking a part of it for the whole.

`count=0` returns everything where the server allows it (default); otherwise a page of some size
comes back, and a wish for more is cut down silently. So: go on by what was received, until `total`
(server source: getPaginationItems.ts).
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from integration.domain.errors import TransientError, UnexpectedAnswer
from integration.domain.messages import msg
from integration.services.rocketchat.answers import Json, number, objects, wrong
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import AnswerTooLarge
from integration.services.rocketchat.features import Features

Row = TypeVar("Row")

PASSES = 3
PAGE_SIZE = 1000  # more than most servers give; they cut it down to what they allow
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
    """Every row by its identity, or an error. A list that shifts under us is read again."""
    reading = _Reading(client, features, listing)
    for _ in range(PASSES):
        if reading.complete():
            return reading.rows
    raise UnexpectedAnswer(
        msg(
            "{call}: the server counts {total} but lists {listed}.",
            call=listing.where,
            total=reading.total,
            listed=len(reading.seen),
        ),
        hint=msg("If many people change things right now, run again later."),
        endpoint=listing.where,
        status=200,
    )


class _Reading(Generic[Row]):
    """One pass over a listing, page by page.

    Each page begins with the last row of the one before: is it another row, then something before
    it came or went, and whoever moved across the border would be missed.
    """

    def __init__(self, client: RocketChat, features: Features, listing: Listing[Row]) -> None:
        self.client, self.features, self.listing = client, features, listing
        self.rows: dict[str, Row] = {}
        self.seen: set[str] = set()
        self.last = ""
        self.total = 0

    def complete(self) -> bool:
        """Read from the start; whether all came, and nothing moved meanwhile."""
        self.rows, self.seen, self.last = {}, set(), ""
        first_total = None
        while True:
            if not self._page(max(len(self.seen) - 1, 0)):
                return False
            first_total = self.total if first_total is None else first_total
            if len(self.seen) >= self.total:
                return True
            if self.total > 2 * first_total + SLACK:
                raise wrong(self.listing.where, msg("its total grows without end"))

    def _page(self, offset: int) -> bool:
        """Take one page in; False when it does not continue the one before."""
        where, before = self.listing.where, len(self.seen)
        at_once = offset == 0 and self.features.count_unlimited
        answer = self._everything() if at_once else self._get(offset, count=PAGE_SIZE)
        page = objects(answer, self.listing.key, where)
        self.total = number(answer, "total", where)
        if before and (not page or self.listing.identity(page[0], where) != self.last):
            return False
        for row in page:
            self._take(row)
        if len(self.seen) < self.total:
            if len(self.seen) == before:
                short = msg(
                    "it counts {total} entries but gives only {given}",
                    total=self.total,
                    given=before,
                )
                raise wrong(where, short)
            if at_once:
                self.features.count_unlimited = False
                return self.listing.sort_first
        return True

    def _take(self, row: Json) -> None:
        where = self.listing.where
        self.last = self.listing.identity(row, where)
        if self.last not in self.seen:
            self.seen.add(self.last)
            value = self.listing.parse(row, where)
            if value is not None:
                self.rows[self.last] = value

    def _everything(self) -> Json:
        """All in one answer, or the first page where that is too much for the server or for us."""
        try:
            return self._get(0, count=0)
        except TransientError as error:
            if not (isinstance(error, AnswerTooLarge) or error.status >= 500):
                raise
        self.features.count_unlimited = False
        return self._get(0, count=PAGE_SIZE)

    def _get(self, offset: int, *, count: int) -> Json:
        params = {**self.listing.params, "count": count, "offset": offset}
        if self.listing.sort_first or count:
            params["sort"] = self.listing.sort
        return self.client.get(self.listing.path, params, slow=True)
