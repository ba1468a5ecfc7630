"""One run at a time works on a course, and one account is made for a person, whatever dies."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from integration.domain.operations import CreateAccount, Operation
from integration.models import (
    AccountClaim,
    AccountLink,
    IntegratedCourse,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger import claims, heartbeat, leases
from integration.services.ledger.journal import RunLedger
from integration.services.runs import runner
from integration.services.worker import supervisor
from tests.support.background import order
from tests.support.own_database import MigratedDatabases
from tests.support.paths import PYTHON_PATH
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle

SECONDS = 5.0
START_SECONDS = 120.0  # on a busy machine; the test goes on as soon as all have started
TTL = 1
COURSES = range(1, 6)

CONTENDER = """
import fcntl, os, random, sys, time
import django
django.setup()
from integration.services.ledger import leases
leases.LEASE_SECONDS = float(sys.argv[2])
folder, me, until = sys.argv[1], str(os.getpid()), time.monotonic() + float(sys.argv[3])
rng = random.Random(os.getpid())
while time.monotonic() < until:
    course = rng.randrange(1, 6)
    owner = f"{me}-{rng.random()}"
    if leases.acquire(owner, [course]):
        time.sleep(0.002)
        continue
    with open(f"{folder}/course-{course}", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            word = "held"
        except BlockingIOError:
            word = "OVERLAP"
        print(word, me, file=open(f"{folder}/log-{me}", "a"))
        for _ in range(rng.randrange(1, 4)):
            time.sleep(rng.random() * 0.03)
            if not leases.renew(owner, [course]):
                print("LOST", me, file=open(f"{folder}/log-{me}", "a"))
                break
    leases.release(owner)
"""


@pytest.fixture(params=["sqlite", "mariadb"])
def database(
    request: pytest.FixtureRequest, migrated_databases: MigratedDatabases, tmp_path: Path
) -> dict[str, str]:
    """An own database with its tables and five courses, as the environment of processes."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("RCSYNC_")},
        "DJANGO_SETTINGS_MODULE": "rcsync_project.settings",
        "PYTHONPATH": PYTHON_PATH,
        "RCSYNC_ENV_FILE": "",
        "SECRET_KEY": "x" * 50,
        "DATABASE_URL": migrated_databases.copy(request.param, tmp_path),
        "LOG_LEVEL": "ERROR",
    }
    prepare = (
        "import django; django.setup()\n"
        "from integration.models import IntegratedCourse\n"
        "[IntegratedCourse.objects.create(course_id=c) for c in range(1, 6)]"
    )
    run_python(prepare, environment)
    return environment


def run_python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_four_processes_two_of_them_killed_never_hold_a_course_together(
    database: dict[str, str], tmp_path: Path, note: Callable[[str], None]
) -> None:
    command = [sys.executable, "-c", CONTENDER, str(tmp_path), str(TTL), str(SECONDS)]
    processes = [subprocess.Popen(command, env=database) for _ in range(4)]
    until = time.monotonic() + START_SECONDS
    while len(list(tmp_path.glob("log-*"))) < len(processes) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(SECONDS / 3)
    for process in processes[:2]:
        process.kill()
        process.wait()
    assert [process.wait(60) for process in processes[2:]] == [0, 0]
    words = [
        line.split()[0] for file in tmp_path.glob("log-*") for line in file.read_text().splitlines()
    ]
    engine = database["DATABASE_URL"].partition(":")[0]
    note(f"leases, 4 processes, 2 killed, {engine}: {words.count('held')} taken, 0 overlaps")
    # Whoever the machine stopped for longer than a lease has lost it, and notices at once.
    assert words.count("OVERLAP") <= words.count("LOST")
    assert words.count("held") > 40
    for process in processes[:2]:  # what the dead held was taken over, or has run out
        assert (tmp_path / f"log-{process.pid}").exists()
    code = (
        "import time, django; django.setup()\n"
        "from integration.services.ledger import leases\n"
        f"time.sleep({TTL} + 0.2)\n"
        "print(leases.acquire('after', range(1, 6)))"
    )
    assert run_python(code, database).strip() == "[]"


# ── Within one process ───────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_all_courses_are_taken_or_none() -> None:
    for course in COURSES:
        IntegratedCourse.objects.create(course_id=course, shortname=f"C{course}")
    assert leases.acquire("one", [2]) == []
    assert leases.acquire("two", [1, 2, 3]) == ["C2"]
    assert not IntegratedCourse.objects.filter(lease_owner="two").exists()
    assert leases.acquire("one", [2]) == [], "the owner may take it again"


@pytest.mark.django_db
def test_a_lease_that_ran_out_can_be_taken_and_not_renewed(monkeypatch: Any) -> None:
    IntegratedCourse.objects.create(course_id=1)
    monkeypatch.setattr(leases, "LEASE_SECONDS", -1)
    leases.acquire("dead", [1])
    monkeypatch.setattr(leases, "LEASE_SECONDS", 60)
    assert not leases.renew("dead", [1])
    assert leases.acquire("heir", [1]) == []
    assert leases.renew("heir", [1])
    leases.release("dead")
    assert IntegratedCourse.objects.get().lease_owner == "heir"


def a_run_of(process: int) -> SyncRun:
    worker = "|".join(("cluster", heartbeat.place(), str(process), "x"))
    return SyncRun.objects.create(kind="apply", trigger="admin", worker=worker)


def a_process_that_ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.django_db
def test_only_what_dead_runs_hold_is_taken_from_them() -> None:
    for course in COURSES:
        IntegratedCourse.objects.create(course_id=course)
    killed, alive = a_run_of(a_process_that_ended()), a_run_of(os.getpid())
    over = a_run_of(os.getpid())
    SyncRun.objects.filter(pk=over.pk).update(status=SyncRun.Status.ERROR)
    for run, course in ((killed, 1), (alive, 2), (over, 3)):
        leases.acquire(leases.owner_of(run), [course])
    leases.acquire("somebody else", [4])
    assert leases.take_from_the_dead(COURSES) == 2
    held = IntegratedCourse.objects.exclude(lease_owner="").order_by("course_id")
    assert list(held.values_list("course_id", flat=True)) == [2, 4]


# ── One account for one person ───────────────────────────────────────────────────────────────────

transactional = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@transactional
def test_two_courses_that_need_the_same_people_at_once_make_their_accounts_once(
    small_site: Site, small_moodle: SmallMoodle, note: Callable[[str], None]
) -> None:
    people = small_moodle.people(5000, 25)
    for course in (10, 11):
        small_moodle.enrol(course, people)
        small_moodle.join(course * 10, people)
    small_site.chat.configure(latency_ms=15)
    small_site.chat.reset_stats()
    start = threading.Barrier(2)
    statuses: dict[int, str] = {}

    def run(course: int) -> None:
        try:
            start.wait(10)
            statuses[course] = runner.execute(order(course)).run.status
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(course,)) for course in (10, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == {10: SyncRun.Status.DONE, 11: SyncRun.Status.DONE}
    created = small_site.chat.stats()["by_endpoint"]["POST users.create"]
    note(f"accounts: two courses at once, 25 people in both: {created} requests for 33 accounts")
    assert created == 25 + 4 + 4, "no request was sent twice"
    emails = [e["address"] for user in small_site.chat.state()["users"] for e in user["emails"]]
    assert len(emails) == len(set(emails))
    members = small_site.channel_members()
    assert set(people) <= members[100]
    assert set(people) <= members[110]
    assert AccountClaim.objects.count() == 0
    assert AccountLink.objects.filter(created=True).count() == 25 + 4 + 4


@transactional
def test_the_claim_of_a_dead_run_is_taken_over(small_site: Site, monkeypatch: Any) -> None:
    claims.Claims("dead").take([])
    monkeypatch.setattr(claims, "CLAIM_SECONDS", -1)
    dead = claims.Claims("dead")
    dead._claim({1000, 1001})
    monkeypatch.setattr(claims, "CLAIM_SECONDS", 300)
    assert AccountClaim.objects.count() == 2
    finished = small_site.apply()
    assert finished.run.applied["create_account"] == 12
    assert AccountClaim.objects.count() == 0


@transactional
def test_who_waits_too_long_for_another_run_fails_alone_and_is_repaired(
    small_site: Site, monkeypatch: Any
) -> None:
    monkeypatch.setattr(claims, "WAIT_SECONDS", 0.2)
    other = claims.Claims("another run")
    other._claim({1000})
    finished = small_site.run()
    assert finished.run.status == SyncRun.Status.FAILED
    assert finished.run.applied["create_account"] == 11
    other.release()
    small_site.apply()
    assert len(small_site.channel_members()[100]) == 4


@transactional
def test_nobody_waits_for_another_run_while_there_are_accounts_to_make(
    small_site: Site, monkeypatch: Any
) -> None:
    """So two parts of a first sync share the accounts out, and do not make them in turn."""
    other = claims.Claims("another run")
    other._claim(range(1000, 1004))
    made: list[int] = []
    begun: list[int | None] = []
    put_off = RunLedger.put_off

    def sleep(_seconds: float) -> None:
        made.append(small_site.chat.stats()["by_endpoint"]["POST users.create"])
        other.release()

    def watched(ledger: RunLedger, operations: Sequence[Operation]) -> None:
        put_off(ledger, operations)
        rows = ledger.run.operations.filter(status=SyncOperation.Status.STARTED)
        begun.extend(rows.values_list("moodle_user_id", flat=True))

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(RunLedger, "put_off", watched)
    small_site.apply()
    assert made[0] == 8, "all others, before anybody waited"
    assert begun
    assert {*begun}.isdisjoint(range(1000, 1004)), "a crash leaves nothing of them in doubt"
    assert len(small_site.channel_members()[100]) == 4


@transactional
def test_a_run_whose_process_was_killed_on_this_machine_is_in_nobodys_way(small_site: Site) -> None:
    dead = a_run_of(a_process_that_ended())
    leases.acquire(leases.owner_of(dead), [10, 11])
    claims.Claims(dead.worker)._claim({1000, 1001})
    finished = small_site.apply()
    assert finished.run.applied["create_account"] == 12
    assert finished.seconds < claims.WAIT_SECONDS / 2
    assert AccountClaim.objects.count() == 0


def appears_while_we_claim(site: Site, monkeypatch: Any, user_id: int, email: str = "") -> None:
    """The person's account is made by somebody else after our plan, before our own request."""
    take = claims.Claims.take

    def taken(self: claims.Claims, operations: Sequence[Operation]) -> None:
        take(self, operations)
        for one in operations:
            if isinstance(one, CreateAccount) and one.user_id == user_id:
                with site.chat.world.lock:
                    site.chat.world.add_user(one.username, name=one.name, email=email or one.email)

    monkeypatch.setattr(claims.Claims, "take", taken)


def a_run_that_died_making(user_id: int) -> SyncRun:
    """It was given up: its claim is free, its operation never told how it ended."""
    run = a_run_of(a_process_that_ended())
    SyncRun.objects.filter(pk=run.pk).update(status=SyncRun.Status.INTERRUPTED)
    who = f"person{user_id}"
    SyncOperation.objects.create(
        run=run,
        position=0,
        kind=CreateAccount.kind,
        moodle_user_id=user_id,
        status=SyncOperation.Status.STARTED,
        details={"username": who, "email": f"{who}@example.invalid"},
    )
    return run


def test_who_waits_for_a_run_that_died_elsewhere_outlasts_its_lease() -> None:
    assert claims.WAIT_SECONDS > leases.LEASE_SECONDS + 4 * supervisor.LOOK_SECONDS


@transactional
def test_an_account_that_a_dead_run_made_after_our_plan_is_ours(
    small_site: Site, monkeypatch: Any
) -> None:
    a_run_that_died_making(1000)
    appears_while_we_claim(small_site, monkeypatch, 1000)
    finished = small_site.apply()
    assert finished.run.applied["create_account"] == 12
    link = AccountLink.objects.get(moodle_user_id=1000)
    assert (link.username, link.created) == ("person1000", True)
    assert 1000 in small_site.channel_members()[100]


@transactional
@pytest.mark.parametrize("dead_run", [False, True])
def test_an_account_that_somebody_else_makes_after_our_plan_is_not_taken(
    small_site: Site, monkeypatch: Any, dead_run: bool
) -> None:
    """No run of ours had begun it; or it has the name, and not the address that was asked for."""
    if dead_run:
        a_run_that_died_making(1000)
    appears_while_we_claim(
        small_site, monkeypatch, 1000, email="else@elsewhere.invalid" if dead_run else ""
    )
    finished = small_site.run()
    assert finished.run.status == SyncRun.Status.FAILED
    assert finished.run.applied["create_account"] == 11
    assert not AccountLink.objects.filter(moodle_user_id=1000).exists()


@transactional
def test_an_account_that_another_run_linked_after_our_claim_is_used(
    small_site: Site, monkeypatch: Any
) -> None:
    """It adopted what the dead run had made, and needs no claim for that."""
    appears_while_we_claim(small_site, monkeypatch, 1000)
    look_again = claims.Claims.look_again

    def linked(self: claims.Claims, user_id: int) -> Any:
        found = small_site.account("person1000@example.invalid")
        AccountLink.objects.create(
            moodle_user_id=user_id, rocketchat_user_id=found["id"], username=found["username"]
        )
        return look_again(self, user_id)

    monkeypatch.setattr(claims.Claims, "look_again", linked)
    small_site.apply()
    assert 1000 in small_site.channel_members()[100]
