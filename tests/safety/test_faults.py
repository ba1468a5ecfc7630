"""Every operation of a whole run fails in every way, and the process is killed in every operation.

The next normal run has to repair it all: Rocket.Chat and our own ledger are as after a run without
a fault, nothing exists twice, and nothing that is not ours was touched.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from demo.standin import StandIn
from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault
from integration.domain.operations import (
    AdoptAccount,
    AdoptChannel,
    Operation,
    SendPasswordMail,
    Stored,
    kinds,
    restore,
)
from integration.models import SyncRun
from integration.services.rocketchat import retries
from integration.services.runs import runner
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync import apply
from integration.services.sync.report import Outcome
from tests.support.killed import sync_until
from tests.support.site import Site
from tests.support.term import Rewinding, different, in_the_middle_of_a_term

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

READ_TIMEOUT = 0.08
LATE = 0.11
WAYS = ("refuse", "timeout_before", "timeout_after", "429", "reset")
SESSION = ("/api/v1/login", "/api/v1/logout")
NOT_SENT = (AdoptAccount, AdoptChannel)
SOME, ALL = "one of each kind", "all"
# In every run of the suite one operation of each kind; all of them are slow, and of the same kinds.
SHARES = pytest.mark.parametrize("share", [SOME, pytest.param(ALL, marks=pytest.mark.slow)])
ONCE = (SendPasswordMail,)  # never repeated when in doubt: tests/runs/test_password_mails.py


# ── The bench: go back to the start in a moment, and strike at one operation ────────────────────


class Bench(Rewinding):
    """Strikes at one operation."""

    def __init__(self, site: Site, folder: Path) -> None:
        super().__init__(site, folder)
        self.operations: tuple[Operation, ...] = ()
        self.targets: dict[str, str] = {}  # operation -> way
        self.current: Operation | None = None
        self.struck: set[tuple[str, str]] = set()
        self._reply = self.chat.application.reply
        self.chat.application.reply = self._maybe_faulty  # type: ignore[method-assign]

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
        in_the_middle_of_a_term(bench)
        yield bench
        connections.close_all()


@contextmanager
def striking(bench: Bench, targets: Mapping[str, str]) -> Iterator[None]:
    bench.targets = dict(targets)
    try:
        yield
    finally:
        bench.targets = {}


def operations_of(run: SyncRun) -> tuple[Operation, ...]:
    """Those that were planned; a run that carried them out does not keep them."""
    columns = ("kind", "moodle_user_id", "moodle_group_id", "moodle_course_id", "reason", "details")
    rows = run.operations.order_by("position").values_list(*columns)
    return tuple(operation for row in rows if (operation := restore(Stored(*row))))


def baseline(bench: Bench, share: str) -> tuple[tuple[str, ...], Any]:
    """The operations to strike at, and what everything looks like when all of them went well."""
    operations = operations_of(bench.site.apply().run)
    planned = {operation.kind for operation in operations}
    missing = set(kinds()) - planned - {one.kind for one in (*NOT_SENT, *ONCE)}
    assert not missing, f"the run under test has no {missing}"
    assert len(operations) >= 55
    if share == SOME:
        operations = tuple({one.kind: one for one in operations}.values())
    return tuple(map(repr, operations)), bench.snapshot()


def assert_repaired(bench: Bench, wanted: Any, story: object) -> None:
    """One normal run later nothing is left of the fault."""
    bench.site.apply()
    assert different(bench.snapshot(), wanted) == {}, story


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────


@SHARES
def test_any_failure_of_any_operation_is_repaired_by_the_next_run(
    bench: Bench, share: str, note: Callable[[str], None]
) -> None:
    operations, wanted = baseline(bench, share)
    for targets in rounds(operations):
        strike_and_repair(bench, targets, wanted)
    for operation, way in sorted(missed(operations, bench)):  # it depended on another that failed
        strike_and_repair(bench, {operation: way}, wanted)
    assert missed(operations, bench) == set()
    assert len(bench.struck) == len(operations) * len(WAYS)
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


@SHARES
def test_a_run_killed_in_any_operation_is_finished_by_the_next_run(
    bench: Bench, settings: Any, share: str, note: Callable[[str], None]
) -> None:
    operations, wanted = baseline(bench, share)
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
    assert killed == len(operations)
    note(f"processes killed in the middle of an operation: {killed}")
