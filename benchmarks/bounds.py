"""What a run costs at least, what the plugin would need, and whether the results are within bounds.

Pure. `results` of a size are the dictionaries of the phases, by the phase's name.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

READS = 2  # the list of accounts and the list of rooms
SMALL_READS = 4  # these and the server's version and settings
IMPORT_CHUNK = 500
PROMISED = 10_000  # people, the size for which bounds of time are given
PEAKS = {10_000: 150, 50_000: 200, 500_000: 1000}  # people at most -> MB of a no-change run
WRITING = ("sync", "changed", "event_user", "event_course")
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Bound:
    """A promise, what was measured, and whether it holds."""

    promise: str
    measured: float
    limit: float
    unit: str = ""
    judged: bool = True  # the promise is made for this size and kind of run

    @property
    def holds(self) -> bool:
        return not self.judged or self.measured <= self.limit

    def __str__(self) -> str:
        sign = ("holds" if self.holds else "BROKEN") if self.judged else "-"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{sign:6}  {self.promise}: {_in_words(self.measured)}{unit} "
            f"(at most {_in_words(self.limit)})"
        )


def _in_words(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


@dataclass(frozen=True)
class Size:
    """What there is to sync."""

    people: int  # who are to be in at least one channel
    channels: int
    memberships: int
    roles: int

    @classmethod
    def of(cls, setup: Results) -> "Size":
        found = setup["effective"]
        return cls(found["people"], setup["groups"], found["memberships"], found["roles"])


def fewest(phase: str, size: Size, results: Mapping[str, Results], *, by_import: bool) -> int:
    """The fewest requests that Rocket.Chat's API allows for what the phase has to do."""
    accounts = 4 + math.ceil(size.people / IMPORT_CHUNK) + 1 if by_import else size.people
    return {
        "sync": READS + accounts + size.channels + size.roles,
        "nochange": READS,
        "full_check": READS + size.channels,
        "changed": READS + int(results["change"]["total"]) if "change" in results else READS,
        "event_user": READS + 2,  # out of one channel and into another
        "event_course": READS + 1,  # a new name
    }[phase]


def plugin(phase: str, size: Size) -> int | None:
    """What local_rocketchat needs by the formula that was measured (reference/peers.md 1.6).

    It has neither an audit nor a run for one person.
    """
    first = 1 + 3 * size.channels + 2 * size.people + 4 * size.memberships
    again = 1 + size.channels + size.people + 3 * size.memberships
    return {"sync": first, "nochange": again, "changed": again}.get(phase)


def least_seconds(requests: int, latency_ms: float, connections: int) -> float:
    """The time of these requests if the server only waits and we cost nothing.

    A single request still takes its latency.
    """
    return math.ceil(requests / connections) * latency_ms / 1000


def verdicts(
    size: Size,
    results: Mapping[str, Results],
    latency_ms: float,
    connections: int,
    *,
    by_import: bool,
) -> list[Bound]:
    """The bounds of one size. Times are compared within one run of the benchmark only.

    Those of time are promised for one size; for the others they are shown and not judged.
    """
    first, changed = results["sync"], results["changed"]
    sent = first["server"]["total"]
    pages = _further_pages(results["nochange"])
    asked = results["change"]["total"]
    operations = sum(first["applied"].values())
    promised = results["setup"]["people"] == PROMISED
    by_latency = "first sync: time by the bound of its requests"
    least = least_seconds(sent, latency_ms, connections)
    timed = promised and not by_import  # an import is waited for, not worked on
    return [
        *([Bound(by_latency, first["seconds"] / least, 1.3, judged=timed)] if least else []),
        Bound(
            "first sync: requests, with two about the server",
            sent,
            fewest("sync", size, results, by_import=by_import) + SMALL_READS - READS,
            judged=not by_import,  # how often one asks whether it has ended is not known before
        ),
        *_nothing_changed(size, results, judged=promised),
        Bound(
            "1 % changed: requests by operations that cannot be merged",
            changed["server"]["total"] / asked,
            1.2 + (SMALL_READS + pages) / asked if asked < 100 else 1.2,
        ),
        Bound("bookkeeping for each operation", 1000 * first["bookkeeping"] / operations, 1, "ms"),
        *_memory(size, results),
        *_right(results),
    ]


def filled_verdicts(size: Size, results: Mapping[str, Results]) -> list[Bound]:
    """The bounds where no first sync was made and only runs without changes were measured."""
    return [
        *_nothing_changed(size, results, judged=False),
        Bound("operations planned over what was written", _planned(results["look"]), 0),
        Bound("memberships that are wrong after that", results["look"]["wrong"], 0),
    ]


def _nothing_changed(
    size: Size, results: Mapping[str, Results], *, judged: bool
) -> Iterator[Bound]:
    """`judged`: the bound of time is."""
    again = results["nochange"]
    allowed = SMALL_READS + _further_pages(again)
    bare = again["bare_sql"] + again["bare_http"]
    yield Bound("no change: requests", again["server"]["total"], allowed)
    yield Bound("no change: writes", again["server"]["writes"], 0)
    yield Bound("no change: operations planned", _planned(again), 0)
    by_bare = "no change: time by the bare SQL and HTTP reads"
    yield Bound(by_bare, again["seconds"] / bare, 2.0, judged=judged)
    megabytes = next((limit for most, limit in PEAKS.items() if size.people <= most), math.inf)
    yield Bound("no change: memory", again["peak_mb"], megabytes, "MB")


def _further_pages(result: Results) -> int:
    """Of the lists of accounts and rooms, where the server does not give them at once."""
    lists = ("GET users.listByStatus", "GET users.list", "GET rooms.adminRooms")
    asked = result["server"]["by_endpoint"]
    return sum(max(0, asked.get(name, 0) - 1) for name in lists)


def _memory(size: Size, results: Mapping[str, Results]) -> list[Bound]:
    peak = max(found.get("peak_mb", 0) for found in results.values())
    return [Bound("memory of any run", peak, 300, "MB")] if size.people <= 10_000 else []


def _right(results: Mapping[str, Results]) -> list[Bound]:
    """Fast and wrong is not wanted: what the server holds is what plain SQL says."""
    return [
        Bound("memberships that are wrong after the first sync", results["sync"]["wrong"], 0),
        Bound("memberships that are wrong after 1 % changed", results["changed"]["wrong"], 0),
        Bound("operations left undone", sum(map(_undone, map(results.__getitem__, WRITING))), 0),
        Bound("operations planned by the full check", _planned(results["full_check"]), 0),
    ]


def _planned(result: Results) -> int:
    return sum(result["planned"].values())


def _undone(result: Results) -> int:
    return _planned(result) - sum(result["applied"].values())


def ceiling_verdict(ceiling: float, latency_ms: float, connections: int) -> Bound:
    """The server must be able to answer faster than we are allowed to ask. Without latency we ask
    as fast as it answers.
    """
    needed = connections / (latency_ms / 1000) if latency_ms else ceiling
    name = "stand-in: asked of it by what it can do"
    return Bound(name, needed / ceiling, 0.7, judged=bool(latency_ms))


def exponent(sizes: Sequence[tuple[int, float]]) -> float:
    """Growth from the smallest size to the largest: 1 is linear."""
    (small, quick), (large, slow) = min(sizes), max(sizes)
    return math.log(slow / quick) / math.log(large / small)


def conclude(checks: Iterable[Bound]) -> int:
    """Print how many of the bounds hold and which do not; 0 where all do, else 1."""
    checks = [check for check in checks if check.judged]
    broken = [check.promise for check in checks if not check.holds]
    print()
    if broken:
        held = len(checks) - len(broken)
        print(f"{held} of {len(checks)} bounds hold; broken: {'; '.join(broken)}")
        return 1
    print(f"All {len(checks)} bounds hold.")
    return 0
