"""One step of the benchmark in a process of its own: `python -m benchmarks.phases NAME RESULT …`.

The result is written as JSON. A process for each step makes its peak of memory its own.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import django

django.setup()

import requests  # noqa: E402  # Django has to be set up before anything of ours is imported
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from benchmarks import changes, event_cases, filled  # noqa: E402
from benchmarks.measure import Meter, peak_megabytes  # noqa: E402
from demo.sample_moodle.scale import create_scaled_moodle  # noqa: E402
from integration.domain.state import EVERYTHING, RoomRole, Scope  # noqa: E402
from integration.models import (  # noqa: E402
    AccountLink,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
)
from integration.services.runs import runner  # noqa: E402
from integration.services.runs.order import Order  # noqa: E402
from moodle.models import Course  # noqa: E402

Result = dict[str, Any]
BARE_READS = 3
REPEATED = 3  # people or groups of each case of an event


def setup(options: argparse.Namespace) -> Result:
    """The Moodle, our tables, and the settings of a university: teachers moderate."""
    made = create_scaled_moodle(connections["moodle"], options.people, int(time.time()))
    if options.large_room:
        changes.large_group(connections["moodle"], options.people, options.large_room)
    call_command("migrate", verbosity=0)
    settings = IntegrationSettings.load()
    settings.max_connections = options.connections
    if options.bulk_import:
        settings.bulk_import = True
    settings.save()
    GroupRegexFilter.objects.create(pattern=".*")
    IncludedRole.objects.create(shortname="student")
    IncludedRole.objects.create(shortname="editingteacher", room_role=RoomRole.MODERATOR)
    courses = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
    IntegratedCourse.objects.bulk_create(
        [IntegratedCourse(course_id=course_id) for course_id in courses], batch_size=1000
    )
    return made._asdict() | {"effective": changes.effective(connections["moodle"]).as_counts()}


def fill(_options: argparse.Namespace) -> Result:
    """Everything as a first sync would leave it."""
    return dict(filled.fill())


def sync(_options: argparse.Namespace) -> Result:
    """A run of everything."""
    return _run(SyncRun.Kind.APPLY, EVERYTHING)


def nochange(_options: argparse.Namespace) -> Result:
    """The same, and then its reads once more without us."""
    meter = Meter(keep=True)
    result = _run(SyncRun.Kind.APPLY, EVERYTHING, meter)
    hooks = f"{os.environ['ROCKETCHAT_URL']}/_standin"
    result["server_in_run"] = requests.get(f"{hooks}/stats", timeout=60).json()
    return result | {"bare_sql": _bare_sql(meter), "bare_http": _bare_http(meter)}


def members(_options: argparse.Namespace) -> Result:
    """Who is to be where by plain SQL: (group id, username on the server)."""
    usernames = dict(AccountLink.objects.values_list("moodle_user_id", "username"))
    wanted = changes.effective(connections["moodle"]).members
    return {"members": [(group, usernames.get(user, f"id {user}")) for group, user in wanted]}


def full_check(_options: argparse.Namespace) -> Result:
    return _run(SyncRun.Kind.FULL_CHECK, EVERYTHING, full_check=True)


def change(options: argparse.Namespace) -> Result:
    """1 % of the people change in Moodle."""
    connection, rng = connections["moodle"], random.Random(options.people)
    return changes.one_percent(connection, options.people, rng)


def event_user(_options: argparse.Namespace) -> Result:
    """One person changes group, and the event says who and where."""
    course_id, user_id = changes.one_person(connections["moodle"])
    scope = Scope(courses=frozenset({course_id}), users=frozenset({user_id}))
    return _run(SyncRun.Kind.APPLY, scope)


def event_course(_options: argparse.Namespace) -> Result:
    """One group gets another name, and the event says in which course."""
    course_id = changes.one_group(connections["moodle"])
    return _run(SyncRun.Kind.APPLY, Scope(courses=frozenset({course_id})))


def events(_options: argparse.Namespace) -> Result:
    """Each case of an event several times, with what is wrong afterwards, in one process that
    is warm: its first run is not among them.
    """
    course_of = changes.course_of_groups(connections["moodle"])
    site = event_cases.Site(connections["moodle"], max(course_of))
    _run(SyncRun.Kind.APPLY, event_cases.changes_group(site))
    found: Result = {}
    for name, case in event_cases.CASES.items():
        scopes, runs = [], []
        for _ in range(REPEATED):
            scopes.append(case(site))
            runs.append(_run(SyncRun.Kind.APPLY, scopes[-1]))
        state = requests.get(f"{os.environ['ROCKETCHAT_URL']}/_standin/state", timeout=60).json()
        usernames = dict(AccountLink.objects.values_list("moodle_user_id", "username"))
        found[name] = {"runs": runs, "wrong": event_cases.wrong(site, scopes, state, usernames)}
    return {"cases": found}


PHASES: Mapping[str, Callable[[argparse.Namespace], Result]] = {
    phase.__name__: phase
    for phase in (
        *(setup, fill, sync, nochange, members, full_check, change),
        *(event_user, event_course, events),
    )
}


def _run(
    kind: str, scope: Scope, meter: Meter | None = None, *, full_check: bool = False
) -> Result:
    meter = meter or Meter()
    order = Order(kind=kind, trigger=SyncRun.Trigger.COMMAND, scope=scope, full_check=full_check)
    base, cpu, started = peak_megabytes(), time.process_time(), time.perf_counter()
    with meter.watching():
        finished = runner.execute(order)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    run = finished.run
    return {
        "seconds": seconds,
        "cpu": cpu,
        "waiting": meter.waiting,
        "at_once": meter.at_once,
        "bookkeeping": meter.bookkeeping,
        "requests": dict(meter.requests),
        "received": meter.received,
        "statements": dict(meter.statements),
        "statement_seconds": dict(meter.statement_seconds),
        "peak_mb": peak_megabytes(),
        "base_mb": base,
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "status": run.status,
        "message": f"{run.message} {run.hint}".strip(),
        "planned": dict(run.planned),
        "applied": dict(run.applied),
        "failed": run.failed_count,
    }


def _bare_sql(meter: Meter) -> float:
    """The statements of the run through plain cursors: seconds."""

    def read() -> None:
        for alias, sql, params in meter.kept_statements:
            with connections[alias].cursor() as cursor:
                cursor.execute(sql, params)
                cursor.fetchall()

    return _median_seconds(read)


def _bare_http(meter: Meter) -> float:
    """The requests of the run through a plain session, one after the other: seconds."""
    headers = {
        "X-User-Id": os.environ["ROCKETCHAT_USER_ID"],
        "X-Auth-Token": os.environ["ROCKETCHAT_AUTH_TOKEN"],
    }
    url = os.environ["ROCKETCHAT_URL"]

    def read() -> None:
        with requests.Session() as session:
            session.headers.update(headers)
            for request in meter.kept_requests:
                parameters: Any = dict(request.params or {})
                session.get(f"{url}/{request.path}", params=parameters).json()

    return _median_seconds(read)


def _median_seconds(work: Callable[[], None]) -> float:
    taken = []
    for _ in range(BARE_READS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("phase", choices=sorted(PHASES))
    parser.add_argument("result", type=Path)
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--bulk-import", action="store_true")
    parser.add_argument("--large-room", type=int, default=0, help="members of one more group")
    options = parser.parse_args()
    options.result.write_text(json.dumps(PHASES[options.phase](options)))


if __name__ == "__main__":
    main()
