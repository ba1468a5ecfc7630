"""Carrying a plan out: order, failures, stopping, and what the journal hears."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from integration.domain.errors import (
    AuthenticationError,
    Busy,
    MadeElsewhere,
    NoSeatLeft,
    PermissionMissing,
    RocketChatError,
    TooSoonForPerson,
    TransientError,
)
from integration.domain.operations import (
    AddMembers,
    ChannelRef,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Joiner,
    Operation,
    RemoveMember,
    SetRoomRole,
    SetTexts,
    UpdateAccount,
)
from integration.domain.outcomes import Result
from integration.domain.state import Managed, RemoteAccount, RoomRole
from integration.services.sync import apply, stopping
from integration.services.sync.apply import Applied, apply_plan
from integration.services.sync.perform import DirectAccounts, Ids
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome
from tests.support.builders import channel_link, link, managed
from tests.support.fake_remote import BOT, FakeRemote

ANNA, BEN = 7, 8


@dataclass
class Journal:
    """Remembers what it heard, in order."""

    heard: list[tuple[str, int]] = field(default_factory=list)
    started: list[Operation] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        self.threads.add(threading.current_thread().name)
        self.heard.append(("starting", len(operations)))
        self.started += operations
        return ()

    def put_off(self, operations: Sequence[Operation]) -> None:
        self.heard.append(("put off", len(operations)))
        for operation in operations:
            self.started.remove(operation)

    def finished(self, outcomes: Sequence[Outcome]) -> None:
        assert all(o.operation in self.started or o.result is Result.NOT_TRIED for o in outcomes)
        self.threads.add(threading.current_thread().name)
        self.heard.append(("finished", len(outcomes)))
        self.outcomes += outcomes


@dataclass
class Run:
    chat: FakeRemote = field(default_factory=FakeRemote)
    journal: Journal = field(default_factory=Journal)
    managed: Managed = field(default_factory=Managed)

    def __call__(self, *operations: Operation, **values: Any) -> Applied:
        """With all outcomes that the journal heard of, also of what was simply done."""
        in_order = sorted(operations, key=lambda one: one.wave)
        seats = sum(operation.takes_seat for operation in operations)
        ids = Ids(self.managed, Plan())
        applied = apply_plan(in_order, self.chat, ids, self.journal, seats=seats, **values)
        return replace(applied, outcomes=self.journal.outcomes)


def create(user_id: int) -> CreateAccount:
    return CreateAccount(user_id, f"user{user_id}", "Name", f"user{user_id}@x.y", reason="why")


def channel(group_id: int, *people: int) -> CreateChannel:
    joiners = tuple(Joiner(user_id, "why") for user_id in people)
    made = ChannelRef(group_id, 2, f"Group-{group_id}", None, True)
    return CreateChannel(made, joiners, reason="why")


def add(room_id: str, *people: int, group_id: int = 10) -> AddMembers:
    joiners = tuple(Joiner(user_id, "why") for user_id in people)
    return AddMembers(ChannelRef(group_id, 2, "A", room_id, True), joiners, reason="why")


def give(user_id: int, room_id: str | None = None) -> SetRoomRole:
    room = ChannelRef(10, 2, "A", room_id, True)
    return SetRoomRole(room, user_id, f"user{user_id}", RoomRole.MODERATOR, reason="why")


def topic(room_id: str, text: str = "x") -> SetTexts:
    return SetTexts(ChannelRef(10, 2, "A", room_id, True), text, "", reason="why")


def results(applied: Applied) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for outcome in applied.outcomes:
        found.setdefault(outcome.operation.kind, []).append(outcome.result)
    return found


def failing(error: Callable[[], Exception], *calls: str) -> Callable[[str], None]:
    def before(call: str) -> None:
        if not calls or call in calls:
            raise error()

    return before


# ── Order ─────────────────────────────────────────────────────────────────────────────────────────


def test_people_come_before_channels_and_giving_before_taking() -> None:
    pairs: list[tuple[type[Operation], type[Operation]]] = [
        (CreateAccount, CreateChannel),
        (CreateChannel, SetRoomRole),
        (AddMembers, SetRoomRole),
        (AddMembers, RemoveMember),
        (RemoveMember, Deactivate),
    ]
    assert all(first.wave < then.wave for first, then in pairs)


def test_a_wave_begins_when_the_one_before_has_ended() -> None:
    run = Run()
    run(create(ANNA), create(BEN), channel(10, ANNA, BEN), give(ANNA), workers=4)
    calls = [call for call, _ in run.chat.calls]
    assert calls == ["create_account", "create_account", "create_channel", "set_role"]


def test_operations_of_a_wave_run_side_by_side() -> None:
    run = Run()
    together = threading.Barrier(4, timeout=5)

    class Slow(FakeRemote):
        def set_texts(self, room_id: str, texts: Mapping[str, str]) -> None:
            together.wait()

    run.chat = Slow()
    applied = run(*(topic("r1", str(number)) for number in range(4)), workers=4)
    assert results(applied) == {"set_topic": [Result.DONE] * 4}


def test_accounts_that_another_run_is_making_come_last_in_their_wave() -> None:
    """Nobody waits for it while there is something else to do, and the channel waits for all."""
    run = Run()
    asked: list[int] = []

    class Shared(DirectAccounts):
        def make(self, operation: CreateAccount) -> RemoteAccount:
            asked.append(operation.user_id)
            if operation.user_id < 20 and asked.count(operation.user_id) == 1:
                raise MadeElsewhere("by another run")
            return super().make(operation)

    people = range(40)
    applied = run(*map(create, people), channel(10, *people), accounts=Shared(run.chat), workers=1)
    assert asked == [*people, *range(20)]
    assert results(applied) == {
        "create_account": [Result.DONE] * 40,
        "create_channel": [Result.DONE],
    }
    assert applied.outcomes[-1].users_count == 41, "the bot is one of them"
    assert len(run.journal.outcomes) == 41, "each outcome is told once"
    assert sum(number for what, number in run.journal.heard if what == "put off") == 20
    assert len(run.journal.started) == 41, "what was put off was begun again"


def test_a_run_that_is_stopped_has_an_outcome_for_what_it_put_off_too() -> None:
    run = Run()

    class Elsewhere(DirectAccounts):
        def make(self, operation: CreateAccount) -> RemoteAccount:
            if operation.user_id == ANNA:
                raise MadeElsewhere("by another run")
            return super().make(operation)

    applied = run(
        create(ANNA),
        create(BEN),
        accounts=Elsewhere(run.chat),
        workers=1,
        should_stop=lambda: "Cancelled." if run.chat.calls else "",
    )
    assert results(applied) == {"create_account": [Result.DONE, Result.NOT_TRIED]}


# ── Ids that come into being on the way ───────────────────────────────────────────────────────────


def test_ids_of_new_accounts_and_channels_are_used_by_what_follows() -> None:
    run = Run()
    applied = run(create(ANNA), channel(10, ANNA), give(ANNA))
    (made,) = [one for one in run.chat.accounts.values() if one.made_by_us]
    (room,) = run.chat.rooms.values()
    assert made.account_id in room.members
    assert room.strongest(made.account_id) is RoomRole.MODERATOR
    outcomes = {one.operation.kind: one for one in applied.outcomes}
    assert outcomes["create_account"].account_id == made.account_id
    assert outcomes["create_channel"].room_id == room.room_id
    assert outcomes["create_channel"].users_count == 2


def test_known_people_are_added_by_their_id() -> None:
    run = Run()
    anna = run.chat.account_by_hand("anna", "a@x.y")
    room = run.chat.room_by_hand("A", creator="bot")
    run.managed = managed(link(ANNA, anna.account_id))
    applied = run(add(room.room_id, ANNA))
    assert anna.account_id in room.members
    assert applied.outcomes[0].users_count == 2


def test_who_has_no_account_because_it_failed_is_left_out_and_named() -> None:
    run = Run()
    run.chat.account_by_hand("user7", "other@x.y")
    applied = run(create(ANNA), create(BEN), channel(10, ANNA, BEN), give(ANNA))
    (room,) = run.chat.rooms.values()
    assert len(room.members) == 2
    outcomes = {one.operation.kind: one for one in applied.outcomes[1:]}
    assert outcomes["create_channel"].dropped == (ANNA,)
    assert outcomes["set_room_role"].result is Result.SKIPPED
    assert outcomes["set_room_role"].error == "The account could not be created."


def test_adding_only_people_without_an_account_is_skipped() -> None:
    run = Run()
    run.chat.account_by_hand("user7", "other@x.y")
    room = run.chat.room_by_hand("A", creator="bot")
    applied = run(create(ANNA), add(room.room_id, ANNA))
    assert results(applied)["add_members"] == [Result.SKIPPED]


def test_a_role_in_a_channel_that_could_not_be_made_is_skipped() -> None:
    run = Run()
    run.chat.room_by_hand("Group-10")
    applied = run(create(ANNA), channel(10, ANNA), give(ANNA))
    assert results(applied)["create_channel"] == [Result.FAILED]
    assert results(applied)["set_room_role"] == [Result.SKIPPED]
    assert applied.outcomes[-1].error == "The channel could not be created."


def test_links_to_what_vanished_are_not_used() -> None:
    run = Run(managed=managed(link(ANNA, "gone"), channel_link(10, "gone")))
    run.chat.account_by_hand("user7", "other@x.y")
    plan = Plan((create(ANNA), channel(10, ANNA)), missing_accounts=(ANNA,), missing_channels=(10,))
    ids = Ids(run.managed, plan)
    applied = apply_plan(plan.operations, run.chat, ids, run.journal)
    assert applied.outcomes[-1].dropped == (ANNA,)


def test_who_is_missing_in_a_new_channel_is_added_once_more_by_id() -> None:
    run = Run()
    anna = run.chat.account_by_hand("renamed", "a@x.y")
    run.managed = managed(link(ANNA, anna.account_id))
    applied = run(channel(10, ANNA))
    (room,) = run.chat.rooms.values()
    assert anna.account_id in room.members
    assert applied.outcomes[0].users_count == 2


def test_a_new_channel_is_not_lost_when_completing_it_fails() -> None:
    run = Run()
    anna = run.chat.account_by_hand("renamed", "a@x.y")
    run.managed = managed(link(ANNA, anna.account_id))
    run.chat.before = failing(lambda: TransientError("no answer"), "add_members")
    applied = run(channel(10, ANNA))
    (outcome,) = applied.outcomes
    assert outcome.result is Result.DONE
    assert outcome.room_id in run.chat.rooms
    assert outcome.users_count is None


# ── Failures ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_forbidden_is_not_asked_for_again_and_again() -> None:
    run, asked = Run(), []

    def before(call: str) -> None:
        asked.append(call)
        if call == "create_account":
            raise PermissionMissing("create-user is missing", hint="Grant it.")

    run.chat.before = before
    applied = run(*(create(number) for number in range(1, 30)), channel(10), workers=1)
    tried = [Result.FAILED] * 3
    assert results(applied)["create_account"] == tried + [Result.SKIPPED] * 26
    assert asked.count("create_account") == 3
    skipped = applied.outcomes[10]
    assert skipped.error.endswith("create-user is missing")
    assert skipped.hint == "Grant it."
    assert results(applied)["create_channel"] == [Result.DONE]


def test_what_is_forbidden_in_one_room_is_tried_in_the_others() -> None:
    """In a room the bot may be an owner, in the next it may not."""
    run, asked = Run(), []

    def before(call: str) -> None:
        asked.append(call)
        if len(asked) <= 5:
            raise PermissionMissing("not an owner here")

    rooms = [run.chat.room_by_hand(f"Room {number}", creator=BOT).room_id for number in range(8)]
    run.chat.before = before
    applied = run(*(topic(room_id) for room_id in rooms), workers=1)
    assert results(applied)["set_topic"] == [Result.FAILED] * 5 + [Result.DONE] * 3


def test_what_was_allowed_once_is_asked_for_every_time() -> None:
    run, asked = Run(), []

    def before(call: str) -> None:
        asked.append(call)
        if len(asked) > 1:
            raise PermissionMissing("not in this room")

    run.chat.before = before
    applied = run(*(create(number) for number in range(1, 10)), workers=1)
    assert results(applied)["create_account"] == [Result.DONE] + [Result.FAILED] * 8


def test_one_failure_does_not_stop_the_others() -> None:
    run = Run()
    run.chat.account_by_hand("user7", "other@x.y")
    applied = run(create(ANNA), create(BEN), channel(10, BEN))
    assert results(applied) == {
        "create_account": [Result.FAILED, Result.DONE],
        "create_channel": [Result.DONE],
    } or results(applied)["create_account"] == [Result.DONE, Result.FAILED]
    assert applied.stopped_because == ""


def test_a_failure_keeps_what_the_server_said() -> None:
    run = Run()
    error = RocketChatError(
        "refused", hint="do that", endpoint="POST x", status=400, code="error-x", answer="No!"
    )
    run.chat.before = failing(lambda: error)
    (outcome,) = run(create(ANNA)).outcomes
    assert (outcome.error, outcome.hint, outcome.endpoint) == ("refused", "do that", "POST x")
    assert (outcome.status, outcome.code, outcome.answer) == (400, "error-x", "No!")


@pytest.mark.parametrize(
    ("error", "in_doubt"), [(TransientError("no answer"), True), (RocketChatError("no"), False)]
)
def test_only_a_failure_without_an_answer_leaves_the_effect_in_doubt(
    error: RocketChatError, in_doubt: bool
) -> None:
    run = Run()
    run.chat.before = failing(lambda: error)
    assert run(create(ANNA)).outcomes[0].in_doubt is in_doubt


def test_what_the_server_never_acted_on_is_not_in_doubt() -> None:
    unsent = TransientError("no connection")
    unsent.may_have_happened = False
    run = Run()
    run.chat.before = failing(lambda: unsent)
    outcome = run(create(ANNA)).outcomes[0]
    assert (outcome.result, outcome.in_doubt) == (Result.FAILED, False)


def test_waiting_for_another_run_says_nothing_about_the_server() -> None:
    """Ten accounts that another run is making do not stop this one."""
    run = Run()
    run.chat.before = failing(lambda: Busy("another run is making it"), "create_account")
    applied = run(*(create(number) for number in range(1, 12)), channel(10), workers=1)
    assert applied.stopped_because == ""
    assert results(applied)["create_account"] == [Result.SKIPPED] * 11
    assert results(applied)["create_channel"] == [Result.DONE]
    assert not any(outcome.in_doubt for outcome in applied.outcomes)


def test_refused_credentials_stop_the_run() -> None:
    run = Run()
    run.chat.before = failing(lambda: AuthenticationError("You must be logged in"))
    applied = run(*(create(number) for number in range(100)), channel(10), workers=1)
    assert applied.stopped_because == "You must be logged in"
    assert results(applied)["create_account"].count(Result.FAILED) == 1
    assert results(applied)["create_channel"] == [Result.NOT_TRIED]
    assert run.chat.calls == []


def test_a_missing_permission_does_not_stop_the_run() -> None:
    run = Run()
    run.chat.before = failing(lambda: PermissionMissing("no create-user"), "create_account")
    applied = run(*(create(number) for number in range(30)), channel(10))
    assert applied.stopped_because == ""
    assert results(applied)["create_channel"] == [Result.DONE]


def test_ten_transient_failures_in_a_row_stop_the_run() -> None:
    run = Run()
    run.chat.before = failing(lambda: TransientError("no answer"))
    applied = run(*(create(number) for number in range(100)), workers=1)
    assert results(applied)["create_account"].count(Result.FAILED) == stopping.GIVE_UP_AFTER == 10
    assert applied.stopped_because.startswith("Rocket.Chat failed 10 times in a row, last: ")


@pytest.mark.parametrize("between", ["success", "refusal"])
def test_transient_failures_that_are_not_in_a_row_do_not_stop_the_run(between: str) -> None:
    run = Run()
    calls = 0

    def before(_call: str) -> None:
        nonlocal calls
        calls += 1
        if calls % 10:
            raise TransientError("no answer")
        if between == "refusal":
            raise RocketChatError("no")

    run.chat.before = before
    applied = run(*(create(number) for number in range(50)), workers=1)
    assert calls == 50
    assert applied.stopped_because == ""


# ── Stopping ──────────────────────────────────────────────────────────────────────────────────────


def test_a_request_to_cancel_takes_effect_within_one_batch() -> None:
    run = Run()
    applied = run(
        *(create(number) for number in range(100)),
        workers=2,
        should_stop=lambda: "Cancelled." if len(run.chat.calls) >= 20 else "",
    )
    done = results(applied)["create_account"].count(Result.DONE)
    assert 20 <= done <= 20 + 2 * apply.BATCH_PER_WORKER
    assert applied.stopped_because == "Cancelled."


def test_every_operation_has_an_outcome_also_when_the_run_is_stopped() -> None:
    run = Run()
    operations: list[Operation] = [channel(10), give(ANNA)]
    operations += [create(number) for number in range(50)]
    applied = run(*operations, should_stop=lambda: "Cancelled." if run.chat.calls else "")
    assert len(applied.outcomes) == len(run.journal.outcomes) == len(operations)


def test_a_run_that_is_cancelled_at_once_sends_nothing() -> None:
    run = Run()
    applied = run(create(ANNA), should_stop=lambda: "Cancelled.")
    assert results(applied) == {"create_account": [Result.NOT_TRIED]}
    assert run.chat.calls == []
    assert run.journal.started == []


def test_a_reason_to_stop_is_not_lost_to_a_thread_that_found_none() -> None:
    run = Run()
    asking, told = threading.Event(), threading.Event()

    def should_stop() -> str:
        if threading.current_thread().name.startswith("rcsync-apply_1"):
            asking.set()
            told.wait(5)
        return ""

    def before(_call: str) -> None:
        asking.wait(5)
        try:
            raise AuthenticationError("You must be logged in")
        finally:
            threading.Timer(0.05, told.set).start()

    run.chat.before = before
    applied = run(create(ANNA), create(BEN), channel(10), workers=2, should_stop=should_stop)
    assert applied.stopped_because == "You must be logged in"
    assert results(applied)["create_channel"] == [Result.NOT_TRIED]


# ── The journal ───────────────────────────────────────────────────────────────────────────────────


def test_the_journal_hears_of_every_operation_before_and_after_it() -> None:
    run = Run()
    seen: list[int] = []
    run.chat.before = lambda _call: seen.append(len(run.journal.started))
    run(*(create(number) for number in range(20)), workers=1)
    assert all(started > number for number, started in enumerate(seen))
    assert len(run.journal.outcomes) == 20


def test_the_journal_is_called_by_one_thread_only() -> None:
    run = Run()
    run(*(create(number) for number in range(50)), workers=4)
    assert run.journal.threads == {threading.current_thread().name}


def test_outcomes_are_stored_long_before_a_large_wave_ends() -> None:
    run = Run()
    stored: list[int] = []
    run.chat.before = lambda _call: stored.append(len(run.journal.outcomes))
    run(*(create(number) for number in range(60)), workers=1)
    behind = [number - known for number, known in enumerate(stored)]
    assert max(behind) <= 2 * apply.BATCH_PER_WORKER


def test_outcomes_are_stored_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "STORE_SECONDS", 30.0)  # only their number decides
    run = Run()
    run(*(create(number) for number in range(100)), workers=2)
    batch = 2 * apply.BATCH_PER_WORKER
    sizes = [size for what, size in run.journal.heard if what == "finished"]
    assert sorted(sizes, reverse=True) == [batch] * (100 // batch) + [100 % batch]


def test_an_unexpected_error_is_not_hidden() -> None:
    run = Run()
    run.chat.before = failing(lambda: ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        run(create(ANNA))
    assert run.journal.started
    assert not run.journal.outcomes


def test_an_empty_plan_needs_no_journal() -> None:
    run = Run()
    assert run() == Applied()
    assert run.journal.heard == []


# ── Limits that are no failure of ours ────────────────────────────────────────────────────────────


def test_without_a_seat_no_further_account_is_tried_and_how_many_wait_is_said() -> None:
    run = Run()
    run.chat.before = failing(lambda: NoSeatLeft("no seat left", hint="extend"), "create_account")
    applied = run(*(create(n) for n in range(1, 21)), workers=1)
    assert results(applied)["create_account"] == [Result.FAILED] + [Result.SKIPPED] * 19
    assert "20 accounts wait for a seat" in applied.outcomes[-1].error
    assert applied.outcomes[-1].hint == "extend"
    assert not applied.stopped_because


def test_who_may_be_changed_only_later_is_changed_last_and_nobody_waits_for_it() -> None:
    run = Run()
    people = [
        run.chat.create_account(username=f"u{n}", name="N", email=f"u{n}@x.y") for n in (1, 2)
    ]
    updates = [
        UpdateAccount(n, one.account_id, one.username, None, f"new{n}@x.y", "N", "", reason="why")
        for n, one in enumerate(people)
    ]
    refused: list[str] = []

    def too_soon_once(call: str) -> None:
        if call == "update_account" and not refused:
            refused.append(call)
            raise TooSoonForPerson("wait")

    run.chat.before = too_soon_once
    applied = run(*updates, topic("no-such-room"), workers=1)
    assert [one.operation.kind for one in applied.outcomes] == [
        "update_account",
        "set_topic",
        "update_account",
    ]
    assert results(applied)["update_account"] == [Result.DONE, Result.DONE]
    assert run.chat.paused >= 60
    assert len(run.journal.outcomes) == 3


def test_a_run_that_is_stopped_does_not_wait_for_those_who_may_be_changed_later() -> None:
    run = Run()
    anna = run.chat.create_account(username="anna", name="N", email="a@x.y")
    update = UpdateAccount(1, anna.account_id, "anna", None, "b@x.y", "N", "", reason="why")
    run.chat.before = failing(lambda: TooSoonForPerson("wait"), "update_account")
    asked: list[int] = []

    def stop_at_the_second_look() -> str:
        asked.append(1)
        return "cancelled" if len(asked) > 2 else ""

    applied = run(update, workers=1, should_stop=stop_at_the_second_look)
    assert results(applied)["update_account"] == [Result.NOT_TRIED]
    assert run.chat.paused <= 1
