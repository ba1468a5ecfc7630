"""Several machines at one rcsync: a pass is shared, one of them dies, nothing is made twice."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from demo.standin import StandIn
from tests.support import hosts
from tests.support.hosts import Forwarder, hub
from tests.support.installation import Installation
from tests.support.paths import ROOT
from tests.support.servers import DatabaseServer

PATIENCE = 300.0

SCALED = """
import time
from django.db import connections
from demo.sample_moodle import scale
scale.GROUP_SIZE, scale.GROUPS_PER_COURSE = 15, 1
scale.create_scaled_moodle(connections["moodle"], PEOPLE, int(time.time()))
"""
CHOOSE = """
from integration.models import *
from moodle.models import Course
GroupRegexFilter.objects.create(pattern=".*")
IncludedRole.objects.create(shortname="student")
ids = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
IntegratedCourse.objects.bulk_create([IntegratedCourse(course_id=c) for c in ids])
settings = IntegrationSettings.load()
settings.full_pass_minutes, settings.full_check_cron = None, ""
settings.save()
"""
ALIVE = """
import time
from integration.models import WorkerBeat
until = time.monotonic() + 300
while WorkerBeat.objects.exclude(beat_at=None).count() < 2:
    assert time.monotonic() < until, "no two workers"
    time.sleep(0.2)
"""
FULL_PASS = """
from integration.services.background import jobs
print(jobs.full_pass().pk)
"""
AT_WORK = """
import re
from integration.models import SyncRun
part = SyncRun.objects.filter(parent=PARENT, status="running").earliest("pk")
print(re.fullmatch("[^|]*/([0-9]+)", part.worker.split("|")[0])[1])
"""
"""Prints the process id of a worker that has a part of the pass."""
RESULT = """
import json, time
from collections import Counter
from integration.models import *
open_ones = SyncRun.objects.filter(status__in=["queued", "running"])
until = time.monotonic() + 900
while open_ones.exists():
    assert time.monotonic() < until, list(SyncRun.objects.values_list("pk", "status", "worker"))
    time.sleep(0.5)
parts = SyncRun.objects.filter(parent=PARENT)
print(json.dumps({
    "status": SyncRun.objects.get(pk=PARENT).status,
    "done": Counter(w.split("/")[0] for w in
                    parts.filter(status="done").values_list("worker", flat=True)),
    "interrupted": parts.filter(status="interrupted").count(),
    "courses": sorted(c for part in parts.filter(status="done") for c in part.scope["courses"]),
    "all": sorted(IntegratedCourse.objects.values_list("course_id", flat=True)),
    "accounts": AccountLink.objects.count(),
    "channels": ChannelLink.objects.count(),
    "leases": IntegratedCourse.objects.exclude(lease_owner="").count(),
    "claims": AccountClaim.objects.count(),
    "failures": list(
        SyncOperation.objects.filter(status="failed").values_list("description", "error")),
    "messages": list(SyncRun.objects.exclude(message="").values_list("pk", "message")),
}))
"""


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="8.8", latency_ms=10) as chat:
        yield chat


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.05)


def prepare(site: Installation) -> None:
    site.manage("migrate", "--verbosity=0")
    site.python(CHOOSE)


def result(site: Installation, parent: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.python(RESULT.replace("PARENT", str(parent))))
    return found


def nothing_twice(chat: StandIn, found: dict[str, Any]) -> None:
    state = chat.state()
    addresses = [email["address"] for user in state["users"] for email in user["emails"]]
    assert len(addresses) == len(set(addresses)), "no account twice"
    marks = [
        str(room["customFields"]["moodle_group"])
        for room in state["rooms"]
        if "moodle_group" in (room["customFields"] or {})
    ]
    assert len(marks) == len(set(marks)) == found["channels"], "no channel twice"
    assert found["status"] == "done", (found["failures"], found["messages"])
    assert set(found["courses"]) == set(found["all"]), "every course was done"
    assert (found["leases"], found["claims"]) == (0, 0)


@pytest.mark.slow
def test_two_workers_on_postgresql_share_a_pass_and_one_is_killed(
    postgres: DatabaseServer, chat: StandIn, tmp_path: Path, note: Callable[[str], None]
) -> None:
    moodle = postgres.url(postgres.create_database())
    site = Installation(
        tmp_path,
        postgres.url(postgres.create_database()),
        chat,
        SCALED.replace("PEOPLE", "200"),
        MOODLE_DATABASE_URL=moodle,
        RCSYNC_DRAIN_SECONDS="1",
    )
    prepare(site)
    command = [sys.executable, "manage.py", "worker", "--beat", "1"]
    workers = [subprocess.Popen(command, env=site.environment, cwd=ROOT) for _ in range(2)]
    try:
        site.python(ALIVE)
        chat.configure(latency_ms=2000)  # nothing ends before the kill, however busy the machine
        parent = int(site.python(FULL_PASS))
        until(lambda: chat.stats()["writes"] > 20)
        busy = int(site.python(AT_WORK.replace("PARENT", str(parent))))
        next(one for one in workers if one.pid == busy).kill()
        chat.configure(latency_ms=40)
        found = result(site, parent)
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(60)
    nothing_twice(chat, found)
    assert found["interrupted"], "a part was under way"
    note(f"PostgreSQL, two workers, one killed: {counts(found)}")


@pytest.mark.slow
def test_two_workers_share_a_pass_and_the_lists_are_read_once(
    mariadb: DatabaseServer, chat: StandIn, tmp_path: Path, note: Callable[[str], None]
) -> None:
    moodle = mariadb.url(mariadb.create_database())
    site = Installation(
        tmp_path,
        mariadb.url(mariadb.create_database()),
        chat,
        SCALED.replace("PEOPLE", "200"),
        MOODLE_DATABASE_URL=moodle,
        RCSYNC_DRAIN_SECONDS="1",
    )
    prepare(site)
    command = [sys.executable, "manage.py", "worker", "--beat", "1"]
    workers = [subprocess.Popen(command, env=site.environment, cwd=ROOT) for _ in range(2)]
    try:
        site.python(ALIVE)
        chat.configure(latency_ms=40)
        chat.reset_stats()
        found = result(site, int(site.python(FULL_PASS)))
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(60)
    nothing_twice(chat, found)
    assert sum(found["done"].values()) == 3, "two parts, and the people without a course"
    asked = chat.stats()["by_endpoint"]
    assert (asked["GET users.listByStatus"], asked["GET rooms.adminRooms"]) == (1, 1)
    assert "GET users.info" not in asked, "whom another part made is known without asking"
    note(f"MariaDB, two workers, lists read once: {counts(found)}")


def counts(found: dict[str, Any]) -> str:
    hidden = ("courses", "all", "failures", "messages")
    return f"{len(found['all'])} courses, " + ", ".join(
        f"{name} {value}" for name, value in found.items() if name not in hidden
    )


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "broker"), [("mysql", "database"), ("postgresql", "redis")])
def test_two_hosts_share_a_pass_and_one_is_cut_off_and_killed(
    engine: str,
    broker: str,
    chat: StandIn,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    note: Callable[[str], None],
) -> None:
    """Rows that it had locked, and leases it held, are free again without anybody's help."""
    hosts.require_namespaces()
    server = request.getfixturevalue("mariadb" if engine == "mysql" else "postgres")
    with ExitStack() as stack:
        machines = stack.enter_context(hosts.network(2))
        database = forwarded(
            stack, server.socket if engine == "mysql" else server.folder / ".s.PGSQL.5432"
        )
        user = "mysql://root" if engine == "mysql" else "postgres://postgres"
        more = {
            "MOODLE_DATABASE_URL": f"{user}:@{hub()}:{database}/{server.create_database()}",
            "ROCKETCHAT_URL": f"http://{hub()}:{forwarded(stack, chat.port)}",
        }
        if broker == "redis":
            folder = Path(tempfile.mkdtemp(prefix="rcsync-redis-", dir="/tmp"))
            stack.callback(shutil.rmtree, folder)
            redis = stack.enter_context(hosts.running_redis(folder))
            more["RCSYNC_BROKER_URL"] = f"redis://{hub()}:{forwarded(stack, redis)}/0"
        own = f"{user}:@{hub()}:{database}/{server.create_database()}"
        site = Installation(tmp_path, own, chat, SCALED.replace("PEOPLE", "400"), **more)
        prepare(site)
        for machine in machines:
            machine.start_worker(site.environment)
        site.python(ALIVE)
        chat.configure(latency_ms=40)
        parent = int(site.python(FULL_PASS))
        until(lambda: chat.stats()["writes"] > 60)
        started = time.monotonic()
        machines[1].cut_off()
        time.sleep(2)
        machines[1].die()
        found = result(site, parent)
        seconds = time.monotonic() - started
    nothing_twice(chat, found)
    note(f"{engine}, broker {broker}, two hosts, one lost: {counts(found)}, {seconds:.0f} s")


def forwarded(stack: ExitStack, target: Path | int) -> int:
    """A port of the hub that leads there."""
    forwarder = Forwarder(target)
    stack.callback(forwarder.close)
    return forwarder.port
