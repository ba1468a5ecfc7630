"""How fast and how frugal the sync is, measured against a stand-in Rocket.Chat.

    ./rcsync python benchmarks/sync.py --people 10000 --latency-ms 20
    ./rcsync python benchmarks/sync.py --scaling --json results.json
    ./rcsync python benchmarks/sync.py --people 50000,500000 --filled --latency-ms 0

Makes a Moodle of that size in a throw-away database, starts a stand-in with that latency, and
measures each kind of run in a process of its own. The last line says which bounds hold; the exit
status is 0 when all of them do. With `--filled` the server and the ledger are written as a first
sync would leave them, and only runs without changes are measured: so half a million people take
minutes.
"""

import argparse
import json
import signal
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import bounds, table
from benchmarks.ceiling import bare_ratio, ceiling
from benchmarks.leftovers import leaving_nothing
from benchmarks.site import Site, running_site

SIZES = (1_000, 10_000, 50_000)
REPEATED = 3  # the short runs, of which the median counts
STEEPEST = {"sync": 1.1, "nochange": 1.05}  # exponents of time


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers are stopped
    sizes = SIZES if options.scaling else options.people
    able = ceiling(options.like, options.connections)
    print(
        f"Latency {options.latency_ms:g} ms, {options.connections} connections, {options.database}"
        f"{', bulk import' if options.bulk_import else ''}; the stand-in answers as {options.like} "
        f"and manages {able:.0f} requests/s without latency."
    )
    if options.latency_ms:
        bare = bare_ratio(options.like, options.connections, options.latency_ms)
        print(
            f"At that latency the barest client takes {bare:.2f} of what the latency alone would.\n"
        )
    measure = _measure_filled if options.filled else _measure
    runs = [measure(options, people) for people in sizes]
    if options.json:
        options.json.write_text(json.dumps({"ceiling": able, "runs": runs}, indent=1))
    checks = [bounds.ceiling_verdict(able, options.latency_ms, options.connections)]
    for run in runs:
        checks += _verdicts(run)
    if len(runs) > 1:
        checks += _growth(runs)
    return bounds.conclude(checks)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=_sizes, default=(10_000,), metavar="N,N,…")
    parser.add_argument("--scaling", action="store_true", help=f"all of {SIZES} people")
    parser.add_argument("--latency-ms", type=float, default=20, metavar="N")
    parser.add_argument("--connections", type=int, default=8, metavar="N")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--import", action="store_true", dest="bulk_import")
    parser.add_argument("--filled", action="store_true", help="no first sync: only no-change runs")
    parser.add_argument("--like", default="8.8", help="the version that the stand-in resembles")
    parser.add_argument("--json", type=Path, help="write the results here, for plot.py")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(size) for size in text.split(",")))


def _measure(options: argparse.Namespace, people: int) -> dict[str, Any]:
    """Every phase of one size, in an order in which each finds what it needs."""
    with running_site(options.database, options.latency_ms, options.like) as site:
        common = _common(options, people)
        results = {"setup": site.phase("setup", *common, moodle_writable=True)}
        results["sync"] = _checked(site, common, "sync")
        results["nochange"] = _median([_nochange(site, common) for _ in range(REPEATED)])
        results["full_check"] = site.phase("full_check", *common)
        results["change"] = site.phase("change", *common, moodle_writable=True)
        results["changed"] = _checked(site, common, "sync")
        for name in ("event_user", "event_course"):
            results[name] = site.phase(name, *common, moodle_writable=True)
    return _shown(options, people, results)


def _measure_filled(options: argparse.Namespace, people: int) -> dict[str, Any]:
    """Runs without changes over what was written directly. The first of them is to find nothing."""
    with running_site(options.database, options.latency_ms, options.like) as site:
        common = _common(options, people)
        results = {"setup": site.phase("setup", *common, moodle_writable=True)}
        results["fill"] = site.phase("fill", *common)
        results["look"] = _checked(site, common, "sync")
        results["nochange"] = _median([_nochange(site, common) for _ in range(REPEATED)])
    return _shown(options, people, results)


def _common(options: argparse.Namespace, people: int) -> list[str]:
    """Arguments of every phase."""
    common = ["--people", str(people), "--connections", str(options.connections)]
    return [*common, "--bulk-import"] if options.bulk_import else common


def _shown(
    options: argparse.Namespace, people: int, results: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    run = {
        "people": people,
        "latency_ms": options.latency_ms,
        "connections": options.connections,
        "database": options.database,
        "import": options.bulk_import,
        "results": results,
    }
    print("\n".join(table.lines(run)), flush=True)
    return run


def _nochange(site: Site, common: Sequence[str]) -> dict[str, Any]:
    """The server's counts without those of the bare reads, which send the same once more."""
    found = site.phase("nochange", *common)
    found["server"] = found["server_in_run"]
    return found


def _checked(site: Site, common: Sequence[str], phase: str) -> dict[str, Any]:
    """A run, and how many memberships are wrong after it by plain SQL."""
    found = site.phase(phase, *common)
    wanted = site.phase("members", *common)["members"]
    there = {
        (room["customFields"].get("moodle_group"), username)
        for room in site.standin.state()["rooms"]
        if room["customFields"].get("moodle_group")
        for username in room["members"]
    }
    bots = {member for member in there if member[1] == "rcsync-bot"}
    return found | {"wrong": len({tuple(member) for member in wanted} ^ (there - bots))}


def _median(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of repeated runs the one with the median ratio, so that its figures belong together."""

    def ratio(one: Mapping[str, Any]) -> float:
        return float(one["seconds"] / (one["bare_sql"] + one["bare_http"]))

    middle = statistics.median_low(ratio(one) for one in found)
    chosen = next(one for one in found if ratio(one) == middle)
    return chosen | {"repeated": len(found)}


def _verdicts(run: Mapping[str, Any]) -> list[bounds.Bound]:
    size = bounds.Size.of(run["results"]["setup"])
    found = (
        bounds.filled_verdicts(size, run["results"])
        if "fill" in run["results"]
        else bounds.verdicts(
            size, run["results"], run["latency_ms"], run["connections"], by_import=run["import"]
        )
    )
    print(f"\n{run['people']:,} people:")
    for bound in found:
        print(f"  {bound}")
    return found


def _growth(runs: Sequence[Mapping[str, Any]]) -> list[bounds.Bound]:
    """Time by size, from the smallest to the largest."""
    found = []
    for phase in [name for name in STEEPEST if name in runs[0]["results"]]:
        times = [(run["people"], run["results"][phase]["seconds"]) for run in runs]
        name = f"{table.NAMES[phase]}: exponent from {times[0][0]:,} to {times[-1][0]:,} people"
        found.append(bounds.Bound(name, bounds.exponent(times), STEEPEST[phase]))
    print("\nGrowth:")
    for bound in found:
        print(f"  {bound}")
    return found


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
