"""What an event costs: one person or one group changes in Moodle, on sites of several sizes.

    ./rcsync python -m benchmarks.event --people 1000,10000,50000

The first sync of each size is made without latency and by the bulk import; it is not measured.
Besides so many people there is one group of 1,000. Every case is looked at afterwards: plain SQL
on Moodle's tables says what has to be in the stand-in. The exit status is 0 when all bounds hold.
"""

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import bounds
from benchmarks.leftovers import leaving_nothing
from benchmarks.site import running_site
from benchmarks.table import line

LARGE_ROOM = 1_000  # members
MOST_REQUESTS = 6
MOST_BYTES = 64 * 1024
MANY_ROOMS = "suspended, 3 rooms"  # takes two requests for each room, whatever else is saved
STEEPEST = {"bytes": 0.1, "CPU": 0.2}
COLUMNS = (
    ("case", 20),
    ("requests", 8),
    ("bytes", 8),
    ("SQL own", 8),
    ("Moodle", 7),
    ("CPU ms", 7),
    ("ms", 6),
    ("wrong", 6),
)
Results = Mapping[str, Any]


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers are stopped
    print(
        f"Latency {options.latency_ms:g} ms, {options.connections} connections, "
        f"{options.database}; the stand-in answers as {options.like}. Medians."
    )
    runs = {people: _measure(options, people) for people in options.people}
    if options.json:
        options.json.write_text(json.dumps({str(people): run for people, run in runs.items()}))
    return bounds.conclude([*_verdicts(runs), *_growth(runs)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=_sizes, default=(1_000,), metavar="N,N,…")
    parser.add_argument("--latency-ms", type=float, default=20, metavar="N")
    parser.add_argument("--connections", type=int, default=8, metavar="N")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--large-room", type=int, default=LARGE_ROOM, metavar="N")
    parser.add_argument("--like", default="8.8", help="the version that the stand-in resembles")
    parser.add_argument("--json", type=Path, help="write the results here, for plot.py")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


def _measure(options: argparse.Namespace, people: int) -> dict[str, Any]:
    """Case -> its figures, of the median run of several."""
    with running_site(options.database, 0, options.like) as site:
        common = ["--people", str(people), "--connections", str(options.connections)]
        common += ["--bulk-import", "--large-room", str(options.large_room)]
        site.phase("setup", *common, moodle_writable=True)
        site.phase("sync", *common)
        site.standin.set_latency(options.latency_ms)
        found = site.phase("events", *common, moodle_writable=True)
    cases = {name: _figures(case) for name, case in found["cases"].items()}
    print(f"\n{people:,} people, and {options.large_room:,} in one group")
    print(line([title for title, _ in COLUMNS], COLUMNS))
    for name, case in cases.items():
        print(line([name, *(f"{case[title]:,.0f}" for title, _ in COLUMNS[1:])], COLUMNS))
    for name, case in cases.items():
        print(f"  {name}: {case['endpoints']}")
        for text in (*case["wrong_in_words"], *case["messages"]):
            print(f"    {text}")
    sys.stdout.flush()
    return cases


def _figures(case: Results) -> dict[str, Any]:
    runs: Sequence[Results] = case["runs"]

    def median(values: Iterator[float]) -> float:
        return statistics.median(values)

    return {
        "requests": max(sum(run["requests"].values()) for run in runs),
        "bytes": max(run["received"] for run in runs),
        "SQL own": max(run["statements"].get("default", 0) for run in runs),
        "Moodle": max(run["statements"].get("moodle", 0) for run in runs),
        "CPU ms": 1000 * median(run["cpu"] for run in runs),
        "ms": 1000 * median(run["seconds"] for run in runs),
        "wrong": len(case["wrong"]) + sum(run["status"] != "done" for run in runs),
        "wrong_in_words": case["wrong"],
        "messages": [run["message"] for run in runs if run["message"]],
        "endpoints": ", ".join(f"{name} {n}" for name, n in sorted(runs[-1]["requests"].items())),
    }


def _verdicts(runs: Mapping[int, Results]) -> Iterator[bounds.Bound]:
    """The largest of all cases, and who is in three rooms apart."""
    for people, cases in runs.items():
        print(f"\n{people:,} people:")
        few = [case for name, case in cases.items() if name != MANY_ROOMS]
        found = (
            bounds.Bound("requests", max(case["requests"] for case in few), MOST_REQUESTS),
            bounds.Bound(
                f"requests, {MANY_ROOMS}", cases[MANY_ROOMS]["requests"], MOST_REQUESTS + 2
            ),
            bounds.Bound("bytes", max(one["bytes"] for one in cases.values()), MOST_BYTES),
            bounds.Bound("wrong", sum(one["wrong"] for one in cases.values()), 0),
        )
        for bound in found:
            print(f"  {bound}")
            yield bound


def _growth(runs: Mapping[int, Results]) -> Iterator[bounds.Bound]:
    """Of each case, from the fewest people to the most."""
    if len(runs) < 2:
        return
    print(f"\nGrowth from {min(runs):,} to {max(runs):,} people, as exponents:")
    for name in runs[min(runs)]:
        for what, steepest in STEEPEST.items():
            column = "CPU ms" if what == "CPU" else what
            sizes = [(people, float(cases[name][column])) for people, cases in runs.items()]
            bound = bounds.Bound(f"{name}: {what}", bounds.exponent(sizes), steepest)
            print(f"  {bound}")
            yield bound


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
