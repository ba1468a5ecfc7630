"""The figures for Prometheus, in its text format.

Gauges are read from our tables when they are asked for. Counters are rows that every process adds
to, so it does not matter which web process answers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from integration import __version__
from integration.services.ledger import counters
from integration.services.monitoring.status import Health, Numbers

GAUGES = {
    "heartbeat_age_seconds": "Seconds since a task went through a worker's queue.",
    "last_good_run_age_seconds": "Seconds since something last went entirely well.",
    "event_look_age_seconds": "Seconds since Moodle's events were last looked at.",
    "oldest_queued_run_age_seconds": "Seconds that the oldest run which could begin has waited.",
    "oldest_held_run_age_seconds": "Seconds that the oldest plan has waited for a person.",
    "paused_seconds": "Seconds since everything was paused; 0: it is not paused.",
    "clusters": "Workers that show signs of life.",
    "runs_queued": "Runs that wait for a worker.",
    "runs_running": "Runs under way.",
    "runs_held": "Runs whose removals wait for a person's approval.",
    "operations_held": "Operations of those runs.",
    "courses": "Integrated courses.",
    "courses_failing": "Integrated courses that fail or could not be reached.",
    "courses_pending": "Integrated courses that the next pass looks at again.",
    "channels": "Channels that belong to a Moodle group.",
    "accounts": "Accounts that belong to a Moodle user.",
    "conflicts_open": "Conflicts that a person has to decide.",
}
COUNTERS = {
    counters.RUNS: ("Runs that ended.", ("kind", "trigger", "status")),
    counters.OPERATIONS: ("Operations of runs.", ("kind", "result")),
    counters.REQUESTS: (
        "Requests of runs to Rocket.Chat; status none: no answer came.",
        ("endpoint", "status"),
    ),
    counters.REQUEST_SECONDS: (
        "Seconds until answers of Rocket.Chat were complete.",
        ("endpoint",),
    ),
    counters.WAITED: ("Seconds that requests waited for Rocket.Chat's limits.", ()),
}


def exposition(now: Health) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(now))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, now: Health) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Of a database that does not answer nothing is known: then there is no figure from it."""
        build = GaugeMetricFamily("rcsync_build_info", "The version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        up = GaugeMetricFamily("rcsync_up", "Whether this part works.", labels=["part"])
        for part in self._now.parts:
            up.add_metric([part.name], int(part.ok))
        yield up
        if self._now.counted:
            yield from _gauges(self._now.numbers)
            yield from _counters(counters.totals())


def _gauges(numbers: Numbers) -> Iterator[Metric]:
    values: Mapping[str, float | None] = {
        "heartbeat_age_seconds": numbers.heartbeat_age,
        "last_good_run_age_seconds": numbers.last_good_age,
        "event_look_age_seconds": numbers.event_age,
        "oldest_queued_run_age_seconds": numbers.oldest_queued_age,
        "oldest_held_run_age_seconds": numbers.oldest_held_age,
        "paused_seconds": numbers.paused_age or 0,
        "clusters": len(numbers.clusters),
        "runs_queued": numbers.queued,
        "runs_running": numbers.running,
        "runs_held": numbers.held_runs,
        "operations_held": numbers.held_operations,
        "courses": numbers.courses,
        "courses_failing": numbers.courses_failing,
        "courses_pending": numbers.courses_pending,
        "channels": numbers.channels,
        "accounts": numbers.accounts,
        "conflicts_open": numbers.conflicts,
    }
    for name, help_line in GAUGES.items():
        value = values[name]
        if value is not None:  # never yet: there is nothing to tell the age of
            yield GaugeMetricFamily(f"rcsync_{name}", help_line, value=value)
    states = GaugeMetricFamily(
        "rcsync_courses_by_state", "Integrated courses by their state.", labels=["state"]
    )
    for state, number in numbers.courses_by_state.items():
        states.add_metric([state], number)
    yield states


def _counters(totals: Mapping[counters.Key, float]) -> Iterator[Metric]:
    for name, (help_line, labels) in COUNTERS.items():
        family = CounterMetricFamily(f"rcsync_{name}", help_line, labels=labels)
        for (counted, values), number in totals.items():
            if counted == name:
                family.add_metric(values, number)
        yield family
    yield _run_seconds(totals)


def _run_seconds(totals: Mapping[counters.Key, float]) -> Metric:
    family = HistogramMetricFamily(
        "rcsync_run_seconds", "How long runs took, from start to stored result.", labels=["kind"]
    )
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, values), number in totals.items():
        if name == counters.RUN_BUCKET:
            kind, bound = values
            found[kind][bound] = number
    for kind, by_bound in sorted(found.items()):
        seconds = totals.get((counters.RUN_SECONDS, (kind,)), 0.0)
        family.add_metric([kind], _cumulative(by_bound), sum_value=seconds)
    return family


def _cumulative(by_bound: Mapping[str, float]) -> list[tuple[str, float]]:
    """Prometheus wants in each bucket what is in the smaller ones too."""
    total, found = 0.0, []
    for bound in _bounds():
        total += by_bound.get(bound, 0.0)
        found.append((bound, total))
    return found


def _bounds() -> Iterable[str]:
    return (counters.bound_in_words(bound) for bound in counters.BUCKETS)
