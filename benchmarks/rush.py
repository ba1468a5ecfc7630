"""The first week of term: thousands of changes within minutes, with the worker running.

    ./rcsync python -m benchmarks.rush [--people 50000] [--changes 3000] [--minutes 10]

A scaled Moodle on MariaDB, the stand-in Rocket.Chat, `manage.py worker` as in production. In 200
courses people join groups (half of them in lists of 15 within 5 seconds), new people come, others
leave, each with the log rows that Moodle writes. The clock of a change begins when it is committed
and stops when rcsync has stored that the request was answered. More changes a minute than 300 are a
compressed rush, whose factor is printed; the 10 seconds stay real ones. Exit status 1 = a bound is
broken.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import rush_plan
from benchmarks.bounds import Bound
from benchmarks.latency import (
    POLL_SECONDS,
    open_runs,
    prepare,
    running_worker,
    standin_stats,
    wait_for_worker,
)
from benchmarks.leftovers import leaving_nothing
from benchmarks.processors import Processors, seconds_of, words
from benchmarks.recorder import RECORD, Recorded, reads, recorded_in
from benchmarks.rush_plan import LEAVE, NEWCOMER, Change, Pair
from benchmarks.site import Site, running_site

COURSES = 200
WRITES_BY_FEWEST = 1.3
SETTLE_SECONDS = 60.0
EFFECTS = ("add_members", "remove_member")


def main() -> int:
    options = _options()
    if options.measure:
        return measure(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that the servers are stopped
    with running_site("mariadb", options.latency_ms, options.like) as site:
        people = ["--people", str(options.people)]
        site.phase("setup", *people, "--bulk-import", moodle_writable=True)
        first = site.phase("sync", *people)
        print(f"first sync: {first['applied']} in {first['seconds']:.0f} s", flush=True)
        result = site.folder / "rush.json"
        command = [sys.executable, "-m", "benchmarks.rush", *people, "--measure", str(result)]
        command += ["--benchmark", str(os.getpid())]
        command += ["--record", str(site.folder / "requests.jsonl")]
        wanted = [f"--changes={options.changes}", f"--minutes={options.minutes}"]
        child = {**site.environment, "RCSYNC_MOODLE_TESTING": "on"}
        watched = {
            **site.environment,
            "DJANGO_SETTINGS_MODULE": "benchmarks.recorded_settings",
            RECORD: command[-1],
        }
        with running_worker(watched, prepare=[*command, "--prepare"], child=child):
            seconds = 60 * options.minutes + 10 * SETTLE_SECONDS
            subprocess.run([*command, *wanted], env=child, check=True, timeout=seconds)
        found = json.loads(result.read_text()) | {"wrong": wrong_memberships(site, people)}
        if options.json:
            options.json.write_text(json.dumps(found))
        return report(found, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=50_000, metavar="N")
    parser.add_argument("--changes", type=int, default=3000, metavar="N")
    parser.add_argument("--minutes", type=float, default=10, metavar="N")
    parser.add_argument("--latency-ms", type=float, default=20, help="of the stand-in")
    parser.add_argument("--like", default="8.8", help="the version the stand-in resembles")
    parser.add_argument("--json", type=Path, help="write the results here, for plot.py")
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--benchmark", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def wrong_memberships(site: Site, people: Sequence[str]) -> int:
    """Memberships on the server that plain SQL does not ask for, and those that are missing."""
    wanted = site.phase("members", *people)["members"]
    there = {
        (room["customFields"]["moodle_group"], username)
        for room in site.standin.state()["rooms"]
        if room["customFields"].get("moodle_group")
        for username in room["members"]
        if username != "rcsync-bot"
    }
    return len({tuple(member) for member in wanted} ^ there)


def report(found: Mapping[str, Any], options: argparse.Namespace) -> int:
    """Print the figures and the bounds; the exit status."""
    factor = options.changes / options.minutes / rush_plan.USUAL_RATE
    half, most, last = (rush_plan.percentile(found["seconds"], part) for part in (0.5, 0.95, 1))
    print(
        f"{found['changes']:,} changes in {found['took'] / 60:.1f} minutes in {found['courses']} "
        f"courses, {options.people:,} people: {factor:.2g} times the rush of 3,000 in 10 minutes"
    )
    print(
        f"effects after: median {half:.1f} s, 95th percentile {most:.1f} s, last {last:.1f} s; "
        f"{len(found['run_seconds'])} runs, {found['runs_with_lists']} of them read the lists"
    )
    half, most = (rush_plan.percentile(found["run_seconds"], part) for part in (0.5, 0.95))
    print(f"seconds of a run: median {half:.1f}, 95th percentile {most:.1f}; {words(found)}")
    print(f"writes: {found['writes']:,}, fewest {found['fewest']:,} ({_by(found['written'])})")
    print(
        f"reads: {sum(found['read'].values()):,} requests, {found['bytes'] / 1e6:.1f} MB "
        f"({_by(found['read'])})\n"
        f"the lists once for each look that found changes: {2 * found['looks']:,} requests, "
        f"{found['bytes_of_lists'] * found['looks'] / 1e6:.1f} MB"
    )
    checks = bounds_of(found)
    for bound in checks:
        print(f"  {bound}")
    broken = [bound.promise for bound in checks if not bound.holds]
    print(f"Broken: {'; '.join(broken)}" if broken else f"All {len(checks)} bounds hold.")
    return 1 if broken else 0


def bounds_of(found: Mapping[str, Any]) -> list[Bound]:
    late = rush_plan.percentile(found["seconds"], 0.95)
    return [
        Bound("effect of a change, 95th percentile", late, rush_plan.PROMISED_SECONDS, "s"),
        Bound("writes by the fewest", found["writes"] / found["fewest"], WRITES_BY_FEWEST),
        Bound("reads of a list in one run, at most", found["most_reads_of_a_list"], 1),
        Bound("changes without effect", found["without_effect"], 0),
        Bound("memberships that are wrong in the end", found["wrong"], 0),
    ]


def _by(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in Counter(counts).most_common(6))


# ── In a process with the site's settings ────────────────────────────────────────────────────────


def measure(options: argparse.Namespace) -> int:
    import django

    django.setup()
    if options.prepare:
        return prepare_rush()
    wait_for_worker()
    runs = last_run()
    rush = Rush(random.Random(7), options.changes, 60 * options.minutes)
    lists = bytes_of_lists()
    before, known = standin_stats(), len(recorded_in(options.record))
    processors = Processors.now(options.benchmark)
    took = rush.make()
    deadline = time.monotonic() + 5 * SETTLE_SECONDS
    quiet = 0.0
    while quiet < 2 * POLL_SECONDS and time.monotonic() < deadline:
        time.sleep(0.5)
        quiet = 0.0 if open_runs() else quiet + 0.5
    used = seconds_of(processors, Processors.now(options.benchmark))
    asked = Counter(standin_stats()["by_endpoint"])
    asked.subtract(before["by_endpoint"])
    seconds, missing = rush_plan.seconds_of_effects(rush.done, effects_since(runs))
    written = {name: n for name, n in asked.items() if n > 0 and not name.startswith("GET ")}
    Path(options.measure).write_text(
        json.dumps(
            {
                "changes": len(rush.done),
                "took": took,
                "courses": len(rush.courses),
                "seconds": seconds,
                "without_effect": missing,
                "written": written,
                "writes": sum(written.values()),
                "fewest": rush_plan.fewest_writes(rush.made),
                "run_seconds": seconds_of_runs(runs),
                "looks": rush_plan.looks_with_changes(rush.made, POLL_SECONDS),
                "bytes_of_lists": lists,
            }
            | used
            | figures_of_reads(reads(recorded_in(options.record)[known:]))
        )
    )
    return 0


def prepare_rush() -> int:
    """Only the courses of the rush have event sync, and only events are looked at."""
    from integration.models import IntegratedCourse, IntegrationSettings

    prepare()
    IntegrationSettings.objects.update(bulk_import=False)
    number = min(COURSES, IntegratedCourse.objects.count() // 5)  # who joins comes from elsewhere
    some = IntegratedCourse.objects.order_by("course_id").values_list("pk", flat=True)[:number]
    IntegratedCourse.objects.exclude(pk__in=list(some)).update(event_sync=False)
    return 0


def last_run() -> int:
    from integration.models import SyncRun

    return max(SyncRun.objects.values_list("pk", flat=True), default=0)


def seconds_of_runs(run: int) -> list[float]:
    """Of those that found something to do, sorted; the others leave no row."""
    from integration.models import SyncRun

    times = SyncRun.objects.filter(pk__gt=run).values_list("started_at", "finished_at")
    return sorted((ended - began).total_seconds() for began, ended in times if ended)


def effects_since(run: int) -> list[tuple[Pair, float]]:
    """Who was let in or taken out by later runs: the pair, and when that was stored."""
    from integration.models import SyncOperation

    rows = SyncOperation.objects.filter(run__gt=run, kind__in=EFFECTS, status="done")
    columns = ("kind", "moodle_group_id", "moodle_user_id", "details", "finished_at")
    found: list[tuple[Pair, float]] = []
    for _, group, user, details, at in rows.values_list(*columns):
        people = [one["user"] for one in details.get("joiners", ())] or [user]
        found += [((group, person), at.timestamp()) for person in people]
    return found


def figures_of_reads(asked: Sequence[Recorded]) -> dict[str, Any]:
    """What the worker read, by endpoint, and how often a run read a whole list."""
    lists = Counter((one.run, one.endpoint) for one in asked if one.whole)
    return {
        "read": Counter(one.endpoint for one in asked),
        "bytes": sum(one.size for one in asked),
        "runs_with_lists": len({run for run, _ in lists}),
        "most_reads_of_a_list": max(lists.values(), default=0),
    }


def bytes_of_lists() -> int:
    """Of both lists as they are now: accounts and rooms, without compression."""
    import os

    import requests

    headers = {
        "X-User-Id": os.environ["ROCKETCHAT_USER_ID"],
        "X-Auth-Token": os.environ["ROCKETCHAT_AUTH_TOKEN"],
        "Accept-Encoding": "identity",
    }
    found = 0
    for name in ("users.list", "rooms.adminRooms"):
        url = f"{os.environ['ROCKETCHAT_URL']}/api/v1/{name}"
        answer = requests.get(url, params={"count": 0}, headers=headers, timeout=120)
        answer.raise_for_status()
        found += len(answer.content)
    return found


class Rush:
    """Makes the changes in Moodle's tables, each at its moment."""

    def __init__(self, rng: random.Random, count: int, seconds: float) -> None:
        from django.db import connections

        from benchmarks.changes import effective
        from integration.models import ChannelLink, IntegratedCourse
        from moodle.models import UserEnrolment

        self.connection = connections["moodle"]
        self.rng = rng
        watched = IntegratedCourse.objects.filter(event_sync=True)
        self.courses = set(watched.values_list("course_id", flat=True))
        links = ChannelLink.objects.filter(moodle_course_id__in=self.courses)
        groups = sorted(links.values_list("moodle_group_id", flat=True))
        found = effective(self.connection)
        teachers = {user for _, user in found.teaching}
        here = {pair for pair in found.members if pair[0] in set(groups)}
        enrolled = UserEnrolment.objects.using("moodle").filter(enrolid__in=self.courses)
        inside = set(enrolled.values_list("userid", flat=True))  # a method's id is its course's
        others = sorted(found.people - inside - teachers)
        leave = {pair for pair in here if pair[1] not in teachers}
        self._plan = rush_plan.schedule(rng, count, seconds, groups, leave, others)
        self.made: list[Change] = []
        self.done: dict[Pair, float] = {}

    def make(self) -> float:
        """Every change at its moment, or as soon as this machine manages; the seconds it took."""
        from demo.sample_moodle.tables import one_transaction

        begun = time.time()
        for number, change in enumerate(self._plan):
            time.sleep(max(0.0, begun + change.at - time.time()))
            with one_transaction(self.connection):
                user = self._one(change, number)
            at = time.time()
            self.done[change.group, user] = at
            self.made.append(Change(at - begun, change.kind, change.group, user))
        return time.time() - begun

    def _one(self, change: Change, number: int) -> int:
        """The user of the change."""
        from demo.sample_moodle.registrar import Registrar
        from moodle.models import Group

        office = Registrar(self.connection, self.rng, int(time.time()))
        group = office.records.one(Group, id=change.group)
        if change.kind == LEAVE:
            office.leave(group, change.user)
            return change.user
        user = change.user
        if change.kind == NEWCOMER:
            name = f"rush{number}"
            user = office.add_person("Rush", f"Person{number}", name, f"{name}@rush.invalid")
        office.enrol(group["courseid"], user)
        office.join(group, user)
        return user


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
