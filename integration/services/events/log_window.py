"""Which rows of Moodle's log were read lately, so that rows that appear late are found. Pure.

An id is given when a row is written, and seen by others when its transaction ends: a row may appear
after rows with larger ids were read. Most numbers that are missing never existed (Galera gives ids
in steps, a rolled back transaction leaves a hole), so not the missing ids are kept but those that
were read. When more rows are there than were read, some came late.
"""

import base64
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

WAIT_SECONDS = 300  # a transaction of Moodle that takes longer is looked after by the full pass
MARK_SECONDS = 10
Mark = tuple[int, int]  # row id, unix seconds at which every row up to it had been passed


@dataclass(slots=True)
class Window:
    """`seen` are the ids that were read above `low`, ascending; nothing comes any more up to it."""

    low: int
    seen: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    restarted: int = 0  # unix seconds of the last time the log was taken for another one

    @property
    def last(self) -> int:
        return self.seen[-1] if self.seen else self.low

    def knows(self, row_id: int) -> bool:
        """Whether the row was read lately, or is the last one before."""
        index = bisect_right(self.seen, row_id)
        return row_id == self.low or (index > 0 and self.seen[index - 1] == row_id)

    def unread(self, row_ids: Iterable[int]) -> list[int]:
        return sorted(set(row_ids).difference(self.seen))

    def read(self, row_ids: Iterable[int], now: int) -> None:
        """These rows were read too. What was passed long ago is settled."""
        self.seen = sorted({*self.seen, *row_ids})
        if not self.marks or now - self.marks[-1][1] >= MARK_SECONDS:
            self.marks.append((self.last, now))
        settled = [mark for mark in self.marks if mark[1] <= now - WAIT_SECONDS]
        if settled:
            self.low = max(self.low, settled[-1][0])
            self.marks = self.marks[len(settled) :]
            self.seen = self.seen[bisect_right(self.seen, self.low) :]


def stored(window: Window) -> dict[str, Any]:
    """As JSON. A hundred thousand ids in even steps take some hundred bytes."""
    steps = [new - old for old, new in zip([window.low, *window.seen], window.seen)]
    packed = zlib.compress(",".join(map(str, steps)).encode())
    return {
        "low": window.low,
        "marks": window.marks,
        "restarted": window.restarted,
        "steps": base64.b64encode(packed).decode(),
    }


def restored(values: Mapping[str, Any], last_id: int) -> Window:
    """What `stored` made; a window without rows where there is nothing."""
    if not values:
        return Window(last_id)
    steps = zlib.decompress(base64.b64decode(values["steps"])).decode()
    seen = accumulate(map(int, steps.split(",") if steps else ()), initial=values["low"])
    marks = [(row_id, since) for row_id, since in values["marks"]]
    return Window(values["low"], list(seen)[1:], marks, values["restarted"])
