"""How long after a change in Moodle is Rocket.Chat in step, with the worker running?

    ./rcsync python -m benchmarks.latency [--groups 1000] [--changes 60]

A scaled Moodle on MariaDB, the stand-in Rocket.Chat, `manage.py worker` as in production. Each
change is committed with its log row at a random moment; the clock stops when the stand-in has got
the request that carries it out. The last line holds the figures; exit status 1 = the aim is missed.

People are students in three channels: suspending one site-wide takes three removals and the
deactivation. A teacher who comes back needs his role in each channel too: three requests more.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.leftovers import leaving_nothing

AIM_SECONDS = 5.0
AIM_REQUESTS = 6
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.02
POLL_SECONDS = 2


def main() -> int:
    options = _options()
    if options.measure:
        return measure(options)
    from benchmarks.site import running_site

    with running_site("mariadb", options.latency_ms, options.like) as site:
        people = ["--people", str(options.groups * 10)]
        site.phase("setup", *people, moodle_writable=True)
        first = site.phase("sync", *people)
        print(f"first sync: {first['applied']} in {first['seconds']:.0f} s", flush=True)
        result = site.folder / "latency.json"
        command = [sys.executable, "-m", "benchmarks.latency", "--measure", str(result)]
        child = {**site.environment, "RCSYNC_MOODLE_TESTING": "on"}
        with running_worker(site.environment, prepare=[*command, "--prepare"], child=child):
            subprocess.run(
                [*command, "--changes", str(options.changes)], env=child, check=True, timeout=1800
            )
        return report(json.loads(result.read_text()), options.groups)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=60)
    parser.add_argument("--latency-ms", type=float, default=10, help="of the stand-in")
    parser.add_argument("--like", default="6.5", help="the version the stand-in resembles")
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def running_worker(
    environment: Any, *, prepare: list[str] | None = None, child: Any = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """`manage.py worker` beside us, drained at the end."""
    if prepare:
        subprocess.run(prepare, env=child, check=True, timeout=300)
    worker = subprocess.Popen([sys.executable, "manage.py", "worker"], env=environment)
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(120)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def report(found: dict[str, Any], groups: int) -> int:
    seconds, requests = sorted(found["seconds"]), found["requests"]
    for kind, values in sorted(found["by_kind"].items()):
        print(f"  {kind:<22}{statistics.median(values):6.2f} s median of {len(values)}")
    median = statistics.median(seconds)
    late = seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))]
    missed = late > AIM_SECONDS or max(requests) > AIM_REQUESTS or found["missed"]
    print(
        f"latency: {len(seconds)} changes, {groups} groups, median {median:.2f} s, "
        f"95th percentile {late:.2f} s (aim {AIM_SECONDS:g}), requests per change: median "
        f"{statistics.median(requests):g}, most {max(requests)} (aim {AIM_REQUESTS}), "
        f"without effect {found['missed']}: {'MISSED' if missed else 'ok'}"
    )
    return 1 if missed else 0


# ── In a process with the site's settings ────────────────────────────────────────────────────────


def measure(options: argparse.Namespace) -> int:
    import django

    django.setup()
    if options.prepare:
        return prepare()
    wait_for_worker()
    changes = Changes(random.Random(7))
    found: dict[str, Any] = {"seconds": [], "requests": [], "missed": 0, "by_kind": {}}
    for number in range(options.changes):
        time.sleep(changes.rng.random() * POLL_SECONDS)
        name, change = changes.next(number)
        before = standin_stats()
        change()
        seconds = wait_for_writes(before["writes"] + 1)
        if seconds is None:
            found["missed"] += 1
            print(f"no effect of {name}: {_last_run()}", flush=True)
            continue
        wait_until_quiet()
        after = standin_stats()
        found["seconds"].append(seconds)
        found["requests"].append(after["total"] - before["total"])
        if found["requests"][-1] > AIM_REQUESTS:
            print(f"{name}: {_difference(before, after)}", flush=True)
        found["by_kind"].setdefault(name, []).append(seconds)
    Path(options.measure).write_text(json.dumps(found))
    return 0


def prepare() -> int:
    from integration.models import IntegratedCourse, IntegrationSettings

    IntegratedCourse.objects.update(event_sync=True)
    settings = IntegrationSettings.load()
    settings.event_seconds = POLL_SECONDS
    settings.full_pass_minutes = None  # only events are measured
    settings.full_check_cron = ""
    settings.save()
    return 0


def standin_stats() -> dict[str, Any]:
    import requests

    url = f"{os.environ['ROCKETCHAT_URL']}/_standin/stats"
    stats: dict[str, Any] = requests.get(url, timeout=10).json()
    return stats


def _last_run() -> str:
    from integration.models import SyncRun

    run = SyncRun.objects.order_by("-pk").first()
    return "no run" if run is None else f"{run.status} {run.scope} {run.planned} {run.message}"


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Requests by endpoint."""
    counts = Counter(after["by_endpoint"])
    counts.subtract(before["by_endpoint"])
    return dict(+counts)


def wait_for_worker() -> None:
    """Until events are read and the first look at everything is done."""
    from integration.models import EventCursor

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if EventCursor.objects.filter(last_id__isnull=False).exists() and not open_runs():
            return
        time.sleep(0.2)
    raise SystemExit("The worker did not begin.")


def open_runs() -> bool:
    from integration.models import SyncRun

    open_ = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
    return SyncRun.objects.filter(status__in=open_).exists()


def wait_until_quiet() -> None:
    """Until the run of the change has ended, so that its requests are counted to the last."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while open_runs() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def wait_for_writes(writes: int) -> float | None:
    """Seconds until the stand-in has got that many writes."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE_SECONDS:
        if standin_stats()["writes"] >= writes:
            return time.monotonic() - started
        time.sleep(LOOK_SECONDS)
    return None


class Changes:
    """Changes in Moodle's tables, each undone by the one after it."""

    def __init__(self, rng: random.Random) -> None:
        from django.db import connections

        from demo.sample_moodle.registrar import Registrar

        self.rng = rng
        self.connection = connections["moodle"]
        self._office = Registrar
        self._undo: Callable[[], None] | None = None
        self._undone = ""
        self._members = self._effective()

    def next(self, number: int) -> tuple[str, Callable[[], None]]:
        """Every second change takes the one before it back."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            return f"{self._undone}, back", lambda: self._commit(undo)
        kinds = (self._leave, self._suspend, self._rename, self._suspend_everywhere)
        return self._prepared(kinds[(number // 2) % len(kinds)])

    def _prepared(
        self, kind: Callable[[Any], tuple[str, Callable[[], None], Callable[[], None]]]
    ) -> tuple[str, Callable[[], None]]:
        name, change, self._undo = kind(self._desk())
        self._undone = name
        return name, lambda: self._commit(change)

    def _desk(self) -> Any:
        return self._office(self.connection, self.rng, int(time.time()))

    def _commit(self, change: Callable[[], None]) -> None:
        from demo.sample_moodle.tables import one_transaction

        with one_transaction(self.connection):
            change()

    def _effective(self) -> list[tuple[int, int]]:
        from benchmarks.changes import effective

        found = effective(self.connection)
        teachers = {user for _, user in found.teaching}
        return sorted(pair for pair in found.members if pair[1] not in teachers)

    def _leave(self, desk: Any) -> tuple[str, Callable[[], None], Callable[[], None]]:
        from moodle.models import Group

        group_id, user = self.rng.choice(self._members)
        group = desk.records.all(Group, id=group_id)[0]
        return "group member", lambda: desk.leave(group, user), lambda: desk.join(group, user)

    def _suspend(self, desk: Any) -> tuple[str, Callable[[], None], Callable[[], None]]:
        from moodle.models import Group, UserEnrolment

        group_id, user = self.rng.choice(self._members)
        course = desk.records.all(Group, id=group_id)[0]["courseid"]
        row = desk.records.all(UserEnrolment, userid=user, enrolid=course)[0]
        return (
            "enrolment",
            lambda: desk.set_enrolment(row, status=1),
            lambda: desk.set_enrolment(row, status=0),
        )

    def _rename(self, desk: Any) -> tuple[str, Callable[[], None], Callable[[], None]]:
        from moodle.models import Group

        group = desk.records.all(Group, id=self.rng.choice(self._members)[0])[0]
        return (
            "group name",
            lambda: desk.rename_group(group, f"{group['name']} new"),
            lambda: desk.rename_group(group, group["name"]),
        )

    def _suspend_everywhere(self, desk: Any) -> tuple[str, Callable[[], None], Callable[[], None]]:
        user = self.rng.choice(self._members)[1]
        return (
            "person site-wide",
            lambda: _update_person(desk, user, suspended=1),
            lambda: _update_person(desk, user, suspended=0),
        )


def _update_person(desk: Any, user: int, **values: Any) -> None:
    """The people of the scaled Moodle have no contexts, which the desk would put into its row."""
    from moodle.models import Context, LogEntry, User

    desk.records.update(User, user, **values)
    desk.records.insert(
        LogEntry,
        eventname="\\core\\event\\user_updated",
        objecttable="user",
        objectid=user,
        crud="u",
        edulevel=0,
        contextid=0,
        contextlevel=Context.USER,
        contextinstanceid=user,
        userid=2,
        courseid=0,
        relateduserid=user,
        other="null",
        timecreated=int(time.time()),
    )


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
