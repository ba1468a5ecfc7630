"""Reading a whole list, and never taking a part of it for the whole.

`count=0` returns everything where the server allows it (default); otherwise a page of some size
comes back, and a wish for more is cut down silently. So: go on by what was received, until `total`
(server source: getPaginationItems.ts).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar, cast

from integration.domain.errors import TransientError, UnexpectedAnswer
from integration.domain.messages import msg
from integration.services.rocketchat.answers import Json, number, rows, words, wrong
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import AnswerTooLarge
from integration.services.rocketchat.features import Features

Row = TypeVar("Row")

PASSES = 3
PAGE_SIZE = 1000  # more than most servers give; they cut it down to what they allow
SHOWN = 120  # characters of a row without an identity
SLACK = 1000  # how much a list may grow while it is read, on top of doubling


class Listing(Generic[Row]):
    """One list of the server: where it is, and how its rows are read.

    `parse` turns a JSON row into a value, or None for one that does not matter; `identity` names a
    row, so that one that moved to the next page while we read is not counted twice. `sort` is a
    unique order; `sort_first` False leaves it to later pages, where the server may not take it.
    `lenient`: a row that cannot be understood is passed over and reported; else it ends the
    reading.
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
        lenient: bool = False,
    ) -> None:
        self.path, self.key = path, key
        self.identity, self.parse = identity, parse
        self.params, self.sort, self.sort_first = dict(params or {}), sort, sort_first
        self.lenient = lenient

    @property
    def where(self) -> str:
        return f"GET {self.path}"


@dataclass(frozen=True, slots=True)
class Whole(Generic[Row]):
    """A list that was received completely. `not_understood`: identity, or the row itself where it
    has none -> what is wrong with it.
    """

    rows: dict[str, Row]
    not_understood: dict[str, str]


def read_all(client: RocketChat, features: Features, listing: Listing[Row]) -> dict[str, Row]:
    """Every row by its identity, or an error. A list that shifts under us is read again."""
    return read_whole(client, features, listing).rows


def read_whole(client: RocketChat, features: Features, listing: Listing[Row]) -> Whole[Row]:
    """As `read_all`, with the rows of a lenient listing that could not be understood."""
    reading = _Reading(client, features, listing)
    for _ in range(PASSES):
        if reading.complete():
            return Whole(reading.rows, reading.not_understood)
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
        self.not_understood: dict[str, str] = {}
        self.seen: set[str] = set()
        self.last = ""
        self.total = 0

    def complete(self) -> bool:
        """Read from the start; whether all came, and nothing moved meanwhile."""
        self.rows, self.not_understood, self.seen, self.last = {}, {}, set(), ""
        first_total = None
        while True:
            if not self._page(max(len(self.seen) - 1, 0)):
                return False
            first_total = self.total if first_total is None else first_total
            if len(self.seen) >= self.total:
                return True
            if self.total > 2 * first_total + SLACK:
                raise wrong(self.listing.where, msg("its total keeps growing"))

    def _page(self, offset: int) -> bool:
        """Take one page in; False when it does not continue the one before."""
        where, before = self.listing.where, len(self.seen)
        at_once = offset == 0 and self.features.count_unlimited
        answer = self._everything() if at_once else self._get(offset, count=PAGE_SIZE)
        page = cast("list[_Received[Row]]", rows(answer, self.listing.key, where))
        self.total = number(answer, "total", where)
        if before and (not page or page[0].identity != self.last):
            return False
        for row in page:
            self._take(row)
        if len(self.seen) < self.total:
            if len(self.seen) == before:
                short = msg(
                    "it counts {total} entries, but lists only {given}",
                    total=self.total,
                    given=before,
                )
                raise wrong(where, short)
            if at_once:
                self.features.count_unlimited = False
                return self.listing.sort_first
        return True

    def _take(self, row: "_Received[Row]") -> None:
        """Whatever it holds, it was received."""
        if row.problem is not None and not self.listing.lenient:
            raise row.problem
        self.last = row.identity
        if self.last in self.seen:
            return
        self.seen.add(self.last)
        if row.problem is not None:
            self.not_understood[self.last] = row.problem.message
        elif row.value is not None:
            self.rows[self.last] = row.value

    def _received(self, row: object) -> "_Received[Row]":
        """What the list keeps of a JSON row."""
        where, identity = self.listing.where, ""
        try:
            if not isinstance(row, dict):
                raise wrong(where, msg("a row of its list is no object"))
            identity = self.listing.identity(row, where)
            return _Received(identity, self.listing.parse(row, where), None)
        except UnexpectedAnswer as problem:
            shown = identity or _what_can_be_shown(row)
            return _Received(shown, None, problem.with_traceback(None))  # which would keep the row

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
        each = (self.listing.key, self._received)
        return self.client.get(self.listing.path, params, slow=True, each=each)


class _Received(NamedTuple, Generic[Row]):
    """A row that came. Without an identity it has what can be shown of it."""

    identity: str
    value: Row | None  # None: it does not matter, or there is a problem
    problem: UnexpectedAnswer | None


def _what_can_be_shown(row: object) -> str:
    return words(json.dumps(row, sort_keys=True), longest=SHOWN)
