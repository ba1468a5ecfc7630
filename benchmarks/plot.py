"""Pictures of the results that `sync.py --scaling --json FILE` wrote.

    ./rcsync python -m pip install -r benchmarks/requirements.txt
    ./rcsync python benchmarks/plot.py results.json docs/performance

writes docs/performance-requests.png and docs/performance-time.png.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.bounds import Size, fewest, least_seconds, plugin

Run = Mapping[str, Any]
PHASES = {"sync": "first sync", "nochange": "no change", "changed": "1 % changed"}
COLOURS = {"sync": "tab:blue", "nochange": "tab:green", "changed": "tab:orange"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("prefix", help="what the names of the pictures begin with")
    options = parser.parse_args()
    runs = json.loads(options.results.read_text())["runs"]
    _picture(
        f"{options.prefix}-requests.png",
        "requests of one run",
        runs,
        lambda run, phase: run["results"][phase]["server"]["total"],
        {"the plugin's formula": _plugin},
    )
    _picture(
        f"{options.prefix}-time.png",
        "seconds of one run",
        runs,
        lambda run, phase: run["results"][phase]["seconds"],
        {"only the latency": _least},
    )


def _picture(
    name: str,
    title: str,
    runs: Sequence[Run],
    measured: Callable[[Run, str], float],
    beside: Mapping[str, Callable[[Run, str], float | None]],
) -> None:
    figure, axes = plt.subplots(figsize=(10, 5))
    people = [run["people"] for run in runs]
    for phase, label in PHASES.items():
        colour = COLOURS[phase]
        axes.plot(people, [measured(run, phase) for run in runs], "o-", color=colour, label=label)
        for other, value in beside.items():
            values = [value(run, phase) for run in runs]
            axes.plot(people, values, "x:", color=colour, label=f"{label}, {other}")
    axes.set(xscale="log", yscale="log", xlabel="people", title=title)
    axes.set_xticks(people, [f"{count:,}" for count in people])
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(name, dpi=110)
    print(f"wrote {name}")


def _plugin(run: Run, phase: str) -> float | None:
    return plugin(phase, Size.of(run["results"]["setup"]))


def _least(run: Run, phase: str) -> float:
    results = run["results"]
    size = Size.of(results["setup"])
    requests = fewest(phase, size, results, by_import=run["import"])
    return least_seconds(requests, run["latency_ms"], run["connections"])


if __name__ == "__main__":
    main()
