"""A first sync by one worker, by two and by four: how much faster, and whose processor time it is.

    ./rcsync python -m benchmarks.workers [--people 5000] [--workers 1,2,4] [--latency-ms 100]

A scaled Moodle on MariaDB, the stand-in Rocket.Chat, and so many `manage.py worker`, each with one
process for runs and connections of its own. The clock begins when the pass is queued and stops when
its last part has ended. Every count begins with an empty Rocket.Chat and ends with plain SQL. The
exit status is 0 when all bounds hold; those of time are not judged where the processor was full.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import bounds
from benchmarks.bounds import Bound, Size
from benchmarks.latency import running_worker
from benchmarks.leftovers import leaving_nothing
from benchmarks.processors import Processors, seconds_of, words
from benchmarks.recorder import LISTS
from benchmarks.rush import wrong_memberships
from benchmarks.site import running_site

AIMS = {2: 1.8, 4: 3.2}  # workers -> times as fast as one
IDLE = 0.1  # of the processors' time: with less they are full
MORE_REQUESTS = 1.02  # by the fewest
ONE_PROCESS = {"RCSYNC_WORKERS": "1", "RCSYNC_WATCHDOG_SECONDS": "300"}  # also on a busy machine
PATIENCE_SECONDS = 1800.0
LOOK_SECONDS = 0.1
Found = Mapping[str, Any]


def main() -> int:
    options = _options()
    if options.measure:
        return measure(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers are stopped
    print(
        f"{options.people:,} people, latency {options.latency_ms:g} ms, {options.connections} "
        f"connections each; the stand-in answers as {options.like}."
    )
    found: dict[int, Found] = {}
    for count in options.workers:
        found[count] = _measure(options, count)
        print("\n".join(lines(count, found)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found))
    checks = [bound for count in found for bound in bounds_of(count, found)]
    for bound in checks:
        print(f"  {bound}")
    return bounds.conclude(checks)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=5_000, metavar="N")
    parser.add_argument("--workers", type=_counts, default=(1, 2, 4), metavar="N,N,…")
    parser.add_argument("--latency-ms", type=float, default=100, metavar="N")
    parser.add_argument("--connections", type=int, default=8, metavar="N", help="of each worker")
    parser.add_argument("--like", default="8.8", help="the version that the stand-in resembles")
    parser.add_argument("--json", type=Path, help="write the results here, for plot.py")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--benchmark", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


def _measure(options: argparse.Namespace, count: int) -> Found:
    """One first sync by so many workers."""
    with running_site("mariadb", 0, options.like) as site, ExitStack() as stack:
        people = ["--people", str(options.people)]
        made = site.phase(
            "setup", *people, "--connections", str(options.connections), moodle_writable=True
        )
        result = site.folder / "workers.json"
        command = [sys.executable, "-m", "benchmarks.workers", "--measure", str(result)]
        command += ["--workers", str(count), "--benchmark", str(os.getpid())]
        subprocess.run([*command, "--prepare"], env=site.environment, check=True, timeout=300)
        single = {**site.environment, **ONE_PROCESS}
        for _ in range(count):
            stack.enter_context(running_worker(single))
        site.standin.set_latency(options.latency_ms)
        site.standin.stats()
        subprocess.run(command, env=site.environment, check=True, timeout=PATIENCE_SECONDS + 300)
        asked = site.standin.stats()
        site.standin.set_latency(0)
        found: dict[str, Any] = json.loads(result.read_text())
        fewest = bounds.fewest("sync", Size.of(made), {}, by_import=False)
        wrong = wrong_memberships(site, people)
        return found | {"asked": asked, "fewest": fewest, "wrong": wrong}


def lines(count: int, found: Mapping[int, Found]) -> list[str]:
    """The figures of one count, beside those of one worker where there are any."""
    one = found[count]
    faster = ""
    if count > 1 and 1 in found:
        faster = f", {found[1]['seconds'] / one['seconds']:.2f} times as fast as one"
    first = (
        f"\n{count} worker{'s' if count > 1 else ''}: {one['seconds']:.1f} s{faster}; "
        f"{one['parts']} parts, {one['asked']['total']:,} requests (fewest {one['fewest']:,}), "
        f"each list read {most_reads_of_a_list(one)} times at most"
    )
    return [first, f"  {words(one)}"]


def bounds_of(count: int, found: Mapping[int, Found]) -> list[Bound]:
    one, name = found[count], f"workers {count}"
    more = one["asked"]["total"] / one["fewest"]
    checks = [
        Bound(f"{name}: reads of a list", most_reads_of_a_list(one), 1),
        Bound(f"{name}: requests by the fewest", more, MORE_REQUESTS),
        Bound(f"{name}: runs that did not end well", one["failed"], 0),
        Bound(f"{name}: memberships that are wrong in the end", one["wrong"], 0),
    ]
    if count in AIMS and 1 in found:
        share = one["seconds"] / found[1]["seconds"]
        idle = one["idle"] >= IDLE
        checks.append(Bound(f"{name}: time by that of one", share, 1 / AIMS[count], judged=idle))
    return checks


def most_reads_of_a_list(one: Found) -> int:
    asked: Mapping[str, int] = one["asked"]["by_endpoint"]
    return max(asked.get(name, 0) for name in LISTS)


# ── In a process with the site's settings ────────────────────────────────────────────────────────


def measure(options: argparse.Namespace) -> int:
    import django

    django.setup()
    if options.prepare:
        return prepare()
    from integration.models import WorkerBeat
    from integration.services.background import jobs

    (count,) = options.workers
    _until(lambda: WorkerBeat.objects.exclude(beat_at=None).count() >= count)
    before, began = Processors.now(options.benchmark), time.time()
    run = jobs.full_pass()
    assert run is not None
    _until(lambda: not _is_open(run.pk))
    after = Processors.now(options.benchmark)
    options.measure.write_text(json.dumps(result(run.pk, began) | seconds_of(before, after)))
    return 0


def prepare() -> int:
    """Nothing but the pass is to be done."""
    from integration.models import IntegratedCourse, IntegrationSettings

    IntegratedCourse.objects.update(background_sync=True, event_sync=False)
    settings = IntegrationSettings.load()
    settings.full_pass_minutes = None
    settings.full_check_cron = ""
    settings.save()
    return 0


def result(run_id: int, began: float) -> dict[str, Any]:
    from integration.models import SyncRun

    run = SyncRun.objects.get(pk=run_id)
    assert run.finished_at is not None
    ends = SyncRun.objects.values_list("status", flat=True)
    return {
        "seconds": run.finished_at.timestamp() - began,
        "parts": run.parts.count(),
        "failed": sum(status != SyncRun.Status.DONE for status in ends),
    }


def _is_open(run_id: int) -> bool:
    from integration.models import SyncRun

    open_ = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
    return SyncRun.objects.filter(pk=run_id, status__in=open_).exists()


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        if time.monotonic() > deadline:
            raise SystemExit("It does not come to an end.")
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
