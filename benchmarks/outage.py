"""How soon is Rocket.Chat in step again after it was away, with the worker running?

    ./rcsync python -m benchmarks.outage [--away 40]

A small Moodle, the stand-in Rocket.Chat, `manage.py worker` as in production. The server answers
with a proxy's 503 while 20 changes happen in Moodle; every course has event sync only. From its
return on the clock runs: until the first request of a run (noticed), and until no run waits and a
preview finds nothing to do (effects). The last line holds the figures; exit status 1 = an aim is
missed.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.latency import (
    Changes,
    open_runs,
    prepare,
    running_worker,
    standin_stats,
    wait_for_worker,
)
from benchmarks.leftovers import leaving_nothing

AIM_NOTICED, AIM_EFFECTS = 30.0, 60.0  # seconds
CHANGES = 20
PATIENCE_SECONDS = 100.0
LOOK_SECONDS = 0.1
PROBE = "GET me"


def main() -> int:
    options = _options()
    if options.measure:
        return measure(options)
    from benchmarks.site import running_site

    with running_site("mariadb", 5, options.like) as site:
        people = ["--people", "400"]
        site.phase("setup", *people, moodle_writable=True)
        site.phase("sync", *people)
        result = site.folder / "outage.json"
        command = [sys.executable, "-m", "benchmarks.outage", "--measure", str(result)]
        child = {**site.environment, "RCSYNC_MOODLE_TESTING": "on"}
        with running_worker(site.environment, prepare=[*command, "--prepare"], child=child):
            away = ["--away", str(options.away)]
            subprocess.run([*command, *away], env=child, check=True, timeout=600)
        return report(json.loads(result.read_text()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--away", type=float, default=40, help="seconds without an answer")
    parser.add_argument("--like", default="8.6", help="the version the stand-in resembles")
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def report(found: dict[str, Any]) -> int:
    noticed, effects = found["noticed"], found["effects"]
    missed = (
        noticed is None or noticed > AIM_NOTICED or effects is None or effects > AIM_EFFECTS
    ) or found["left"]
    print(
        f"outage: {CHANGES} changes in {found['away']:.0f} s without a server, {found['tries']} "
        f"tries before it came back, noticed after {_in_words(noticed)} (aim {AIM_NOTICED:g} s), "
        f"all effects after {_in_words(effects)} (aim {AIM_EFFECTS:g} s), left to do "
        f"{found['left']}: {'MISSED' if missed else 'ok'}"
    )
    return 1 if missed else 0


def _in_words(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


# ── In a process with the site's settings ────────────────────────────────────────────────────────


def measure(options: argparse.Namespace) -> int:
    import django

    django.setup()
    if options.prepare:
        return prepare()
    events_only()
    wait_for_worker()
    changes = OutageChanges(random.Random(7))
    begun = time.monotonic()
    hook("fault", {"kind": "status", "code": 503, "times": 10**9})
    for number in range(CHANGES):
        changes.make(number)
        time.sleep(options.away / CHANGES)
    tries = failed_tries()
    hook("fault/clear", {})
    hook("stats/reset", {})
    back = time.monotonic()
    noticed = seconds_until(back, lambda: any(n != PROBE for n in standin_stats()["by_endpoint"]))
    effects = seconds_until(back, lambda: not open_runs() and not left_to_do())
    found = {"away": back - begun, "tries": tries, "noticed": noticed, "effects": effects}
    Path(options.measure).write_text(json.dumps({**found, "left": left_to_do()}))
    return 0


def events_only() -> None:
    """No course is in a full pass: what an event does not carry out, nobody does."""
    from integration.models import IntegratedCourse

    IntegratedCourse.objects.update(event_sync=True, background_sync=False)


def hook(page: str, body: dict[str, Any]) -> None:
    import requests

    url = f"{os.environ['ROCKETCHAT_URL']}/_standin/{page}"
    requests.post(url, json=body, timeout=10).raise_for_status()


def seconds_until(begun: float, happened: Callable[[], bool]) -> float | None:
    while time.monotonic() - begun < PATIENCE_SECONDS:
        if happened():
            return time.monotonic() - begun
        time.sleep(LOOK_SECONDS)
    return None


def failed_tries() -> int:
    from django.db.models import Sum

    from integration.models import SyncRun

    return SyncRun.objects.aggregate(tries=Sum("failed_tries"))["tries"] or 0


def left_to_do() -> dict[str, int]:
    """What a preview of everything plans; {"unread": 1} where it could not look."""
    from integration.models import SyncRun
    from integration.services.runs import runner
    from integration.services.runs.order import Order

    run = runner.execute(Order(SyncRun.Kind.PREVIEW, SyncRun.Trigger.COMMAND)).run
    return dict(run.planned) if run.status == SyncRun.Status.PLANNED else {"unread": 1}


class OutageChanges(Changes):
    """Twenty that stay: names of groups, and people who join one more group of their course."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._groups = sorted({group for group, _ in self._members})
        rng.shuffle(self._groups)

    def make(self, number: int) -> None:
        group = self._group(self._groups[number % len(self._groups)])
        desk = self._desk()
        newcomer = self._newcomer(group) if number % 2 else None
        if newcomer is not None:
            self._commit(lambda: desk.join(group, newcomer))
        else:
            self._commit(lambda: desk.rename_group(group, f"{group['name']} new {number}"))

    def _group(self, group_id: int) -> Any:
        from moodle.models import Group

        return self._desk().records.all(Group, id=group_id)[0]

    def _newcomer(self, group: Any) -> int | None:
        """Somebody of the course who is not in the group."""
        inside = {user for number, user in self._members if number == group["id"]}
        course = group["courseid"]
        others = (
            user
            for number, user in self._members
            if user not in inside and self._group(number)["courseid"] == course
        )
        return next(others, None)


if __name__ == "__main__":
    sys.exit(leaving_nothing(main))
