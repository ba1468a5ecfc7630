"""An operation that rcsync does not have, with its performer: nothing else has to know of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from integration.domain.messages import msg
from integration.domain.operations import (
    AddMembers,
    Archive,
    ChannelOperation,
    ChannelRef,
    Now,
    Operation,
    UnsetReadOnly,
    Wave,
    base,
)
from integration.domain.operations.base import Facts
from integration.domain.outcomes import Result, RunStatus
from integration.domain.permissions import EDIT_ROOM, Permission
from integration.domain.policy import Limits, Policy, Removal
from integration.domain.state import EVERYTHING
from integration.models import AuditEntry, SyncOperation, SyncRun
from integration.services.admin import dashboard, exports
from integration.services.admin import runs as admin_runs
from integration.services.ledger import runs, safety
from integration.services.ledger.journal import RunLedger
from integration.services.ledger.past_runs import past_operations
from integration.services.runs.estimate import Pace, estimate
from integration.services.sync.apply import apply_plan
from integration.services.sync.grace import hold_back
from integration.services.sync.guard import breaches, split
from integration.services.sync.perform import Ids, Performer
from integration.services.sync.plan import Plan, in_order
from integration.services.sync.report import Outcome, RunReport
from integration.services.sync.undo import undo_plan
from tests.support.builders import channel_link, managed, remote, room
from tests.support.fake_remote import BOT, FakeRemote

pytestmark = pytest.mark.django_db


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> type[ChannelOperation]:
    monkeypatch.setattr(base, "KINDS", dict(base.KINDS))  # forgotten after the test

    @dataclass(frozen=True, slots=True)
    class Mute(ChannelOperation):
        kind: ClassVar[str] = "mute"
        label: ClassVar[str] = msg("mute channel")
        wave: ClassVar[Wave] = Wave.READ_ONLY
        takes: ClassVar[Removal | None] = Removal.CHANNELS
        permissions: ClassVar[tuple[Permission, ...]] = (EDIT_ROOM,)

        @property
        def requests(self) -> int:
            return 3

        def describe(self) -> str:
            return msg("mute {channel}", channel=self.name)

        def changes(self) -> tuple[Facts, Facts]:
            return {"muted": False}, {"muted": True}

        def inverse(self, now: Now, reason: str) -> Iterable[Operation]:
            found = self.channel_now(now)
            if found is not None:
                yield UnsetReadOnly(found.ref, reason=reason)

    def perform(performer: Performer, operation: Operation) -> Outcome:
        assert isinstance(operation, Mute)
        performer.writes.set_read_only(performer.ids.room(operation.channel), True)
        return Outcome(operation, Result.DONE)

    Performer.perform.register(Mute, perform)  # type: ignore[attr-defined]
    return Mute


def channel(number: int) -> ChannelRef:
    return ChannelRef(number, 2, "A", f"r{number}", True)


def mutes(mute: type[ChannelOperation], count: int) -> tuple[Operation, ...]:
    return tuple(mute(channel(number), reason="too loud") for number in range(1, count + 1))


def a_run(mute: type[ChannelOperation], count: int) -> tuple[SyncRun, RunReport]:
    """A run that mutes channels and is stored from its plan to its end."""
    chat = FakeRemote()
    rooms = [chat.room_by_hand(f"Room {number}", creator=BOT).room_id for number in range(count)]
    refs = [ChannelRef(number, 2, "A", room_id, True) for number, room_id in enumerate(rooms, 1)]
    plan = Plan(tuple(mute(ref, reason="too loud") for ref in refs))
    run = SyncRun.objects.create(kind="apply", trigger="command")
    ledger = RunLedger(run, EVERYTHING, lambda *_: None)
    applied = apply_plan(ledger.planned(plan), chat, Ids(managed(), plan), ledger)
    assert all(chat.rooms[room_id].read_only for room_id in rooms)
    report = RunReport(plan, RunStatus.DONE, tally=applied.tally)
    runs.finish(run, report, EVERYTHING, {}, ())
    return run, report


def test_the_plan_has_it_in_its_wave(mute: Any) -> None:
    archive = Archive(channel(1), reason="why")
    add = AddMembers(channel(1), (), reason="why")
    (muted,) = mutes(mute, 1)
    assert in_order([archive, muted, add]) == [add, muted, archive]


def test_the_guard_counts_it_and_lets_it_wait(mute: Any) -> None:
    known = managed(*(channel_link(number) for number in range(1, 11)))
    plan = Plan((*mutes(mute, 6), AddMembers(channel(1), (), reason="why")))
    passed = breaches(plan, known, EVERYTHING, Limits())
    assert {one.code for one in passed} == {"channels/run"}
    parts = split(plan, passed, Limits(additions_go_on=True))
    assert [one.kind for one in parts.go] == ["add_members"]
    assert parts.held == mutes(mute, 6)


def test_what_was_approved_of_it_passes(mute: Any) -> None:
    known = managed(*(channel_link(number) for number in range(1, 11)))
    plan = Plan(mutes(mute, 6))
    keys = {one.key for one in plan.operations}
    assert breaches(plan, known, EVERYTHING, Limits(), keys) == []
    assert keys == {f"mute/{number}//r{number}" for number in range(1, 7)}


def test_it_has_days_of_grace(mute: Any) -> None:
    plan, waiting = hold_back(Plan(mutes(mute, 1)), Policy(grace_channels=3), {}, 1000)
    assert plan.operations == ()
    assert waiting[0].due == 1000 + 3 * 24 * 3600


def test_the_estimate_knows_its_cost(mute: Any) -> None:
    assert estimate(mutes(mute, 4), Pace()).cost.requests == 12


def test_it_counts_among_what_went_in_the_last_day(mute: Any) -> None:
    a_run(mute, 2)
    assert safety.removed_lately() == {Removal.CHANNELS: 2}


def test_the_start_page_counts_it_as_taken_away(mute: Any) -> None:
    a_run(mute, 2)
    today = dashboard.overview().days[-1]
    assert (today.day, today.added, today.removed) == (timezone.localdate(), 0, 2)


def test_the_page_of_a_run_shows_it(mute: Any) -> None:
    run, _ = a_run(mute, 2)
    (count,) = admin_runs.by_kind(run)
    assert (count.kind, count.planned, count.done, count.takes_away) == ("mute", 2, 2, True)
    lines = list(exports.operations_as_csv(SyncOperation.objects.all(), {}))
    assert "mute channel" in lines[1]


def test_the_audit_trail_says_what_it_changed(mute: Any) -> None:
    a_run(mute, 1)
    entry = AuditEntry.objects.get(action="mute")
    assert (entry.before, entry.after) == ({"muted": False}, {"muted": True})
    assert (entry.subject, entry.moodle_group_id, entry.result) == ("mute A", 1, "done")


def test_its_row_has_its_key(mute: Any) -> None:
    _, report = a_run(mute, 1)
    row = SyncOperation.objects.get()
    assert row.key == report.plan.operations[0].key


def test_it_is_turned_back(mute: Any) -> None:
    run, _ = a_run(mute, 1)
    known = managed(channel_link(1))
    now = remote(room("r1", "A", read_only=True))
    plan = undo_plan(past_operations(run.pk), known, now, Policy(), "a mistake")
    (back,) = plan.operations
    assert isinstance(back, UnsetReadOnly)
    assert (back.room_id, back.reason) == ("r1", "a mistake")
