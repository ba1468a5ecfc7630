"""One picture of what a benchmark wrote with `--json FILE`.

    ./rcsync python -m pip install -r benchmarks/requirements.txt
    ./rcsync python -m benchmarks.plot pass results.json docs/performance-pass.png

`pass` is of sync.py --scaling, `event` of event.py, `rush` of rush.py, `workers` of workers.py.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.bounds import Size, fewest, least_seconds, plugin
from benchmarks.rush_plan import PROMISED_SECONDS
from integration.services.sync import needs

Run = Mapping[str, Any]
PHASES = {"sync": "first sync", "nochange": "no change", "changed": "1 % changed"}
COLOURS = {"sync": "tab:blue", "nochange": "tab:green", "changed": "tab:orange"}
PEOPLE_PER_ROOM = 10  # in the scaled Moodle


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    figure = KINDS[options.kind](json.loads(options.results.read_text()))
    figure.tight_layout()
    figure.savefig(options.picture, dpi=110)
    print(f"wrote {options.picture}")


def a_pass(found: Any) -> Any:
    """Requests and seconds of three kinds of passes by size, beside what is possible."""
    figure, (requests, seconds) = plt.subplots(1, 2, figsize=(12, 5.4))
    runs = found["runs"]
    _by_size(
        requests,
        runs,
        lambda run, phase: run["results"][phase]["server"]["total"],
        ("the plugin's formula", _plugin),
    )
    requests.set(title="requests of one run")
    _by_size(
        seconds,
        runs,
        lambda run, phase: run["results"][phase]["seconds"],
        ("only the latency", _least),
    )
    seconds.set(title="seconds of one run")
    return figure


def _by_size(
    axes: Any,
    runs: list[Run],
    measured: Callable[[Run, str], float],
    beside: tuple[str, Callable[[Run, str], float | None]],
) -> None:
    people = [run["people"] for run in runs]
    other, value = beside
    for phase, label in PHASES.items():
        colour = COLOURS[phase]
        axes.plot(people, [measured(run, phase) for run in runs], "o-", color=colour, label=label)
        values = [value(run, phase) for run in runs]
        axes.plot(people, values, "x:", color=colour, label=f"{label}, {other}")
    axes.set(xscale="log", yscale="log", xlabel="people")
    axes.set_xticks(people, [f"{count:,}" for count in people])
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)


def _plugin(run: Run, phase: str) -> float | None:
    return plugin(phase, Size.of(run["results"]["setup"]))


def _least(run: Run, phase: str) -> float:
    results = run["results"]
    size = Size.of(results["setup"])
    requests = fewest(phase, size, results, by_import=run["import"])
    return least_seconds(requests, run["latency_ms"], run["connections"])


def event(found: Any) -> Any:
    """Bytes that are read for one event by size, beside those of both lists."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    sizes = sorted(int(people) for people in found)
    lists = [
        people * (needs.LISTED_ACCOUNT + needs.LISTED_ROOM / PEOPLE_PER_ROOM) for people in sizes
    ]
    axes.plot(sizes, lists, "x:", color="tab:red", label="both lists")
    for case in found[str(sizes[0])]:
        axes.plot(sizes, [found[str(people)][case]["bytes"] for people in sizes], "o-", label=case)
    axes.set(xscale="log", yscale="log", xlabel="people", title="bytes read for one event")
    axes.set_xticks(sizes, [f"{count:,}" for count in sizes])
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def rush(found: Any) -> Any:
    """How many of the changes had their effect after so many seconds."""
    figure, axes = plt.subplots(figsize=(8, 4))
    seconds = sorted(found["seconds"])
    changes = len(seconds) + found["without_effect"]
    shares = [100 * (number + 1) / changes for number in range(len(seconds))]
    axes.plot(seconds, shares, drawstyle="steps-post", color="tab:blue")
    axes.axvline(PROMISED_SECONDS, color="tab:red", linestyle=":")
    axes.axhline(95, color="tab:red", linestyle=":")
    axes.set(xlabel="seconds after the change", title="changes with their effect, %", ylim=(0, 101))
    axes.set_xlim(left=0)
    axes.grid(visible=True, alpha=0.3)
    return figure


def workers(found: Any) -> Any:
    """Seconds of a first sync by the number of workers, beside an even share of one's."""
    figure, axes = plt.subplots(figsize=(7, 4))
    counts = sorted(int(count) for count in found)
    seconds = [found[str(count)]["seconds"] for count in counts]
    axes.plot(counts, seconds, "o-", color="tab:blue", label="measured")
    even = [seconds[0] * counts[0] / count for count in counts]
    axes.plot(counts, even, "x:", color="tab:grey", label="an even share of one worker's")
    axes.set(xlabel="workers", title="seconds of a first sync", xticks=counts)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    return figure


KINDS: Mapping[str, Callable[[Any], Any]] = {
    "pass": a_pass,
    "event": event,
    "rush": rush,
    "workers": workers,
}

if __name__ == "__main__":
    main()
