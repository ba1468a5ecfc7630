"""Every operation of a whole run fails in every way, and the process is killed in every operation.

The next normal run has to repair it all: Rocket.Chat and our own ledger are as after a run without
a fault, nothing exists twice, and nothing that is not ours was touched.
"""

import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from demo.standin import StandIn
from demo.standin.state.storage import dump, load
from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault
from integration.domain.operations import AdoptAccount, AdoptChannel, Operation, kinds
from integration.domain.state import RoomRole
from integration.models import (
    AccountLink,
    ChannelLink,
    GroupRegexFilter,
    IncludedRole,
    IntegrationSettings,
    ManagedMembership,
    SyncRun,
)
from integration.services.rocketchat import retries
from integration.services.runs import runner
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync import apply
from integration.services.sync.report import Outcome
from tests.support.killed import sync_until
from tests.support.site import Site, chat_content
from tests.support.small_moodle import STUDENT, TEACHER, SmallMoodle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

READ_TIMEOUT = 0.08
LATE = 0.11
WAYS = ("refuse", "timeout_before", "timeout_after", "429", "reset")
SESSION = ("/api/v1/login", "/api/v1/logout")
NOT_SENT = (AdoptAccount, AdoptChannel)


# ── A Moodle whose second sync holds every kind of operation ─────────────────────────────────────


class Term:
    """Two courses. `before` is in step already; `after` is what the run under test has to bring
    about.
    """

    def __init__(self) -> None:
        self.moodle = SmallMoodle()

    def start(self) -> None:
        moodle = self.moodle
        for course in (10, 11):
            moodle.course(course)
            moodle.enrol(course, moodle.people(course * 100, 12))
            moodle.enrol(course, moodle.people(course * 100 + 50, 3), TEACHER)
            for number in range(1, 7):
                students = range(course * 100 + 2 * number - 2, course * 100 + 2 * number)
                teacher = course * 100 + 50 + number % 3
                moodle.group(course * 10 + number, course, f"Group {number}", [*students, teacher])

    def pause(self) -> None:
        """What the run under test will bring back: suspended people, a deleted and a closed
        group.
        """
        for user_id in (1010, 1011, 1110):
            self.moodle.change_person(user_id, suspended=1)
        self.moodle.delete_group(106)
        self.moodle.change_group(116, name="Closed 6")

    def go_on(self) -> None:
        moodle = self.moodle
        for user_id in (1010, 1011, 1110):
            moodle.change_person(user_id, suspended=0)
        moodle.group(106, 10, "Group 6", [1010, 1011])
        moodle.change_group(116, name="Group 6")
        for group_id in (101, 102, 111):
            moodle.change_group(group_id, name=f"Renamed {group_id}")
        moodle.change_group(115, name="Closed 5")
        moodle.delete_group(105)
        for user_id in (1000, 1001, 1100):
            moodle.change_person(user_id, lastname="Newname")
        for user_id in (1004, 1104):
            moodle.change_person(user_id, suspended=1)
        moodle.leave(102, [1002, 1003])
        moodle.join(103, [1002])
        moodle.leave(104, [1006, 1007])
        moodle.leave(112, [1102])
        moodle.join(113, [1102, 1103])
        moodle.change_role(10, 1006, TEACHER)
        moodle.change_role(11, 1151, STUDENT)
        moodle.enrol(11, moodle.people(1120, 16))
        moodle.enrol(11, moodle.people(1160, 2), TEACHER)
        moodle.join(111, [1120, 1121])
        for number in (7, 8):
            moodle.group(110 + number, 11, f"Group {number}", [1120 + number, 1160, 1122, 1123])
        moodle.group(119, 11, "Group 9", [1120, 1121, *range(1124, 1136), 1161])


# ── What is where, without ids that differ from run to run ──────────────────────────────────────


def ledger_content() -> Mapping[str, Any]:
    return {
        "accounts": sorted(
            AccountLink.objects.values_list("moodle_user_id", "username", "created", "deactivated")
        ),
        "channels": sorted(
            ChannelLink.objects.values_list("moodle_group_id", "name", "topic", "created", "ended")
        ),
        "members": sorted(
            ManagedMembership.objects.values_list(
                "channel__moodle_group_id", "account__moodle_user_id", "room_role", "ours"
            )
        ),
    }


# ── The bench: go back to the start in a moment, and strike at one operation ────────────────────


class Bench:
    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.chat = site.chat
        self.database = Path(str(connections["default"].settings_dict["NAME"]))
        self.copy = folder / "start.sqlite3"
        self.world: dict[str, Any] = {}
        self.operations: tuple[Operation, ...] = ()
        self.targets: dict[str, str] = {}  # operation -> way
        self.current: Operation | None = None
        self.struck: set[tuple[str, str]] = set()
        self._reply = self.chat.application.reply
        self.chat.application.reply = self._maybe_faulty  # type: ignore[method-assign]

    def keep(self) -> None:
        connections.close_all()
        shutil.copy(self.database, self.copy)
        self.world = dump(self.chat.application.world)

    def back(self) -> None:
        connections.close_all()
        for leftover in ("-wal", "-shm"):
            self.database.with_name(self.database.name + leftover).unlink(missing_ok=True)
        shutil.copy(self.copy, self.database)
        world = load(self.world, self.chat.application.world.dialect)
        self.chat.application.world = self.chat.world = world

    def around_one(self, original: Callable[[Any, Operation], Outcome]) -> Any:
        def one(run: Any, operation: Operation) -> Outcome:
            self.current = operation
            try:
                return original(run, operation)
            finally:
                self.current = None

        return one

    def _maybe_faulty(self, request: Request) -> Reply:
        way = self.targets.get(repr(self.current)) if self.current else None
        if way is None or request.method != "POST" or request.path in SESSION:
            return self._reply(request)
        self.struck.add((repr(self.current), way))
        seconds = 0.0 if way == "429" else LATE
        return self._strike(Fault(way, seconds=seconds), request)

    def _strike(self, fault: Fault, request: Request) -> Reply:
        self.chat.application.faults.order(fault)  # refusals are worded by the application
        return self._reply(request)

    def snapshot(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return chat_content(self.chat), ledger_content()


@pytest.fixture
def bench(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_pauses: None
) -> Iterator[Bench]:
    with StandIn(like="8.8") as chat:
        site = Site(chat, settings)
        bench = Bench(site, tmp_path)
        connection = rocketchat_connection

        def impatient() -> Any:
            quick = READ_TIMEOUT if bench.targets else 10.0
            return replace(
                connection(), max_connections=1, read_timeout=quick, long_read_timeout=quick
            )

        monkeypatch.setattr(runner, "rocketchat_connection", impatient)
        monkeypatch.setattr(retries, "REQUEST_ATTEMPTS", 1)
        monkeypatch.setattr(retries, "REFUSALS", 2)
        monkeypatch.setattr(apply._Run, "_one", bench.around_one(apply._Run._one))
        _prepare(bench)
        yield bench
        connections.close_all()


def _prepare(bench: Bench) -> None:
    """In step with the start of the term, with people and a room that are none of our business."""
    site, term = bench.site, Term()
    term.start()
    site.choose([10, 11], [])
    IncludedRole.objects.create(role_id=STUDENT)
    IncludedRole.objects.create(role_id=TEACHER, room_role=RoomRole.MODERATOR)
    GroupRegexFilter.objects.create(pattern="^Closed", kind=GroupRegexFilter.Kind.EXCLUDE)
    IntegrationSettings.load()
    IntegrationSettings.objects.update(limit_percent=100, on_pattern_unmatched="read_only")
    site.apply()
    term.pause()
    site.apply()
    _strangers(bench)
    site.apply()
    term.go_on()
    bench.keep()


def _strangers(bench: Bench) -> None:
    world = bench.chat.application.world
    with world.lock:
        stranger = world.add_user("by.hand", name="By Hand", email="hand@example.invalid")
        for room in list(world.rooms.values())[:4]:
            world.subscribe(room, stranger)


@contextmanager
def striking(bench: Bench, targets: Mapping[str, str]) -> Iterator[None]:
    bench.targets = dict(targets)
    try:
        yield
    finally:
        bench.targets = {}


def baseline(bench: Bench) -> tuple[tuple[str, ...], Any]:
    """The operations that are sent, and what everything looks like when all of them went well."""
    finished = bench.site.apply()
    assert finished.report is not None
    operations = finished.report.plan.operations
    missing = (
        set(kinds()) - {operation.kind for operation in operations} - {o.kind for o in NOT_SENT}
    )
    assert not missing, f"the run under test has no {missing}"
    return tuple(map(repr, operations)), bench.snapshot()


def assert_repaired(bench: Bench, wanted: Any, story: object) -> None:
    """One normal run later nothing is left of the fault."""
    bench.site.apply()
    assert different(bench.snapshot(), wanted) == {}, story


def different(found: Any, wanted: Any) -> dict[str, Any]:
    """What is in one of the two only, by list."""
    return {
        name: {"found": set(is_) - set(should), "wanted": set(should) - set(is_)}
        for now, then in zip(found, wanted, strict=True)
        for name, is_, should in ((name, now[name], then[name]) for name in then)
        if is_ != should
    }


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────


def test_any_failure_of_any_operation_is_repaired_by_the_next_run(
    bench: Bench, note: Callable[[str], None]
) -> None:
    operations, wanted = baseline(bench)
    for targets in rounds(operations):
        strike_and_repair(bench, targets, wanted)
    for operation, way in sorted(missed(operations, bench)):  # it depended on another that failed
        strike_and_repair(bench, {operation: way}, wanted)
    assert missed(operations, bench) == set()
    assert len(bench.struck) == len(operations) * len(WAYS) >= 275
    note(f"faults injected: {len(bench.struck)} = {len(operations)} operations in {len(WAYS)} ways")


def rounds(operations: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """As many runs as operations, five faults in each; every operation meets every way once."""
    count, apart = len(operations), len(operations) // len(WAYS)
    for first in range(count):
        yield {operations[(first + number * apart) % count]: way for number, way in enumerate(WAYS)}


def missed(operations: tuple[str, ...], bench: Bench) -> set[tuple[str, str]]:
    return {(operation, way) for operation in operations for way in WAYS} - bench.struck


def strike_and_repair(bench: Bench, targets: dict[str, str], wanted: Any) -> None:
    finished = bench.site.run(SyncRun.Kind.PREVIEW)
    for _ in range(5):  # on a busy machine the impatient client may not even get to read
        bench.back()
        with striking(bench, targets):
            finished = bench.site.run()
        if finished.report is not None:
            break
    assert finished.report is not None
    if len(targets) == 1:
        assert finished.report.failed, targets
    assert_repaired(bench, wanted, targets)


# ── SIGKILL ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_killed_in_any_operation_is_finished_by_the_next_run(
    bench: Bench, settings: Any, note: Callable[[str], None]
) -> None:
    operations, wanted = baseline(bench)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.killed"])
    databases = {alias: str(connections[alias].settings_dict["NAME"]) for alias in connections}
    killed = 0
    for number, operation in enumerate(operations):
        bench.back()
        connections.close_all()
        told = {
            "after_the_effect": number % 4 != 0,
            "databases": databases,
            "rocketchat": settings.ROCKETCHAT,
        }
        child = context.Process(target=sync_until, args=(operation,), kwargs=told)
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL, operation
        killed += 1
        assert_repaired(bench, wanted, operation)
    assert killed == len(operations) >= 55
    note(f"processes killed in the middle of an operation: {killed}")
