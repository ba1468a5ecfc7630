"""The results in words and columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.bounds import Results, Size, fewest, least_seconds, plugin

ORDER = ("sync", "nochange", "changed", "event_user", "event_course", "full_check")
NAMES = {
    "sync": "first sync",
    "nochange": "no change",
    "changed": "1 % changed",
    "event_user": "event: one person",
    "event_course": "event: one course",
    "full_check": "full check",
}
COLUMNS = (
    ("", 18),
    ("requests", 8),
    ("fewest", 8),
    ("plugin", 8),
    ("SQL own", 8),
    ("Moodle", 7),
    ("seconds", 8),
    ("least", 7),
    ("ratio", 6),
    ("waiting", 8),
    ("CPU s", 7),
    ("peak MB", 8),
)


def lines(run: Mapping[str, Any]) -> Iterator[str]:
    """One size: a table, and the requests of each phase by endpoint."""
    results: Mapping[str, Results] = run["results"]
    size = Size.of(results["setup"])
    yield (
        f"{run['people']:,} people ({size.people:,} of them in channels), {size.channels:,} "
        f"channels, {size.memberships:,} memberships, {size.roles:,} moderators"
    )
    yield line([title for title, _ in COLUMNS], COLUMNS)
    for phase in ORDER:
        if phase in results:
            yield line(_cells(phase, results, run), COLUMNS)
    yield ""
    for phase in ORDER:
        if phase in results:
            yield f"{NAMES[phase]:>18}: {_endpoints(results[phase])}"
    yield ""
    yield from _details(results)


def line(cells: Sequence[str], columns: Sequence[tuple[str, int]]) -> str:
    """The cells, each as wide as its column (title, width)."""
    return "  ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, columns, strict=True))


def _cells(phase: str, results: Mapping[str, Results], run: Mapping[str, Any]) -> list[str]:
    found, size = results[phase], Size.of(results["setup"])
    bound = fewest(phase, size, results, by_import=run["import"])
    least = least_seconds(bound, run["latency_ms"], run["connections"])
    theirs = plugin(phase, size)
    return [
        NAMES[phase],
        f"{found['server']['total']:,}",
        f"{bound:,}",
        f"{theirs:,}" if theirs else "-",
        f"{found['statements'].get('default', 0):,}",
        f"{found['statements'].get('moodle', 0):,}",
        f"{found['seconds']:.2f}",
        f"{least:.2f}",
        f"{found['seconds'] / least:.2f}" if least else "-",
        f"{100 * found['waiting'] / found['seconds']:.0f} %",
        f"{found['cpu']:.2f}",
        f"{found['peak_mb']:.0f}",
    ]


def _endpoints(found: Results) -> str:
    counts = found["server"]["by_endpoint"]
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{endpoint} {count:,}" for endpoint, count in ordered)


def _details(results: Mapping[str, Results]) -> Iterator[str]:
    again = results["nochange"]
    yield f"The machine's load was {again['load']:.1f} on {again['cores']} cores (1 would be ours)."
    if first := results.get("sync"):
        operations = max(1, sum(first["applied"].values()))
        yield (
            f"First sync: {first['at_once']:.1f} requests at once on average; bookkeeping "
            f"{1000 * first['bookkeeping'] / operations:.2f} ms for each of {operations:,} "
            f"operations; the stand-in's own CPU {first['server_cpu']:.1f} s."
        )
    yield (
        f"No change, median of {again['repeated']}: {again['seconds']:.2f} s; its SQL reads alone "
        f"{again['bare_sql']:.2f} s, its HTTP reads alone {again['bare_http']:.2f} s."
    )
