"""What the ledger remembers of a run, where the next run's decisions depend on it."""

from dataclasses import replace
from typing import Any

import pytest

from demo.standin.web.faults import Fault
from integration.domain.errors import TransientError
from integration.domain.operations import (
    AddMembers,
    AdoptAccount,
    ChannelRef,
    CreateAccount,
    CreateChannel,
    SetTexts,
)
from integration.domain.outcomes import Result
from integration.domain.state import EVERYTHING, Managed, RoomRole
from integration.management.operator import Operator
from integration.models import (
    AccountLink,
    ChannelLink,
    GroupRegexFilter,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from integration.services.ledger.effects import Effects
from integration.services.ledger.journal import RunLedger
from integration.services.ledger.managed import NO_RUN, load_managed
from integration.services.rocketchat import creation, invitations, retries
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import NotSent
from integration.services.rocketchat.writes import RocketChatWrites
from integration.services.runs import approval
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
Status = SyncRun.Status
TEACHER, STUDENT = 1050, 1000


def row_of(group_id: int, user_id: int) -> ManagedMembership:
    return ManagedMembership.objects.get(
        channel__moodle_group_id=group_id, account__moodle_user_id=user_id
    )


def username_of(user_id: int) -> str:
    return AccountLink.objects.get(moodle_user_id=user_id).username


# ── Members who came by hand ─────────────────────────────────────────────────────────────────────


def test_a_role_given_to_somebody_found_in_the_room_is_given_once(school: School) -> None:
    school.moodle.join(101, [TEACHER])
    school.run()
    school.by_hand(username_of(TEACHER), 102)
    school.moodle.join(102, [TEACHER])
    run = school.run()
    assert run.applied == {"set_room_role": 1}
    row = row_of(102, TEACHER)
    assert (row.room_role, row.ours) == (RoomRole.MODERATOR, False)
    assert school.run().planned == {}


def test_who_came_by_hand_left_and_was_put_back_by_us_is_ours(school: School) -> None:
    username = school.by_hand(username_of(STUDENT), 102)
    school.run()
    assert row_of(102, STUDENT).ours is False
    school.leave(username, 102)
    school.moodle.join(102, [STUDENT])
    assert school.run().applied == {"add_members": 1}
    assert row_of(102, STUDENT).ours is True
    school.moodle.leave(102, [STUDENT])
    assert school.run().applied == {"remove_member": 1}
    assert username not in school.members(102)


# ── What another run stored meanwhile ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("made", [True, False], ids=["made", "adopted"])
def test_a_link_that_another_run_stored_meanwhile_stays_as_it_is(made: bool) -> None:
    """This run read the ledger before the link was there, and the server after the account was."""
    operation = AdoptAccount(7, "remote7", "ada", created=False, reason="the same address")
    outcome = Outcome(operation, Result.DONE, account_id="remote7", username="ada")
    AccountLink.objects.create(
        moodle_user_id=7, rocketchat_user_id="remote7", username="ada", created=made
    )
    Effects(Managed()).store([outcome])
    assert AccountLink.objects.get().created is made


def test_an_account_that_takes_the_place_of_another_is_stored_in_its_link(school: School) -> None:
    before = AccountLink.objects.get(moodle_user_id=STUDENT)
    ids = (STUDENT, "another", "somebody")
    outcome = Outcome(
        AdoptAccount(*ids, created=False, reason="the same address"),
        Result.DONE,
        account_id="another",
        username="somebody",
    )
    Effects(load_managed(EVERYTHING, NO_RUN)).store([outcome])
    after = AccountLink.objects.get(moodle_user_id=STUDENT)
    assert (before.created, after.created, after.rocketchat_user_id) == (True, False, "another")


# ── What stays in doubt ──────────────────────────────────────────────────────────────────────────


def an_operation(run: SyncRun, position: int, **values: Any) -> SyncOperation:
    kind = values.setdefault("kind", AddMembers.kind)
    user, group = values.get("moodle_user_id"), values.get("moodle_group_id")
    like = AddMembers.subject if kind == AddMembers.kind else kind
    key = f"{like}/{group or ''}/{user or ''}"
    ordinary = {"key": key, "status": "failed", "description": "-", "reason": "-"}
    return SyncOperation.objects.create(run=run, position=position, **(ordinary | values))


@pytest.mark.parametrize("later", ["failed", "skipped", "not_tried", "held", "started"])
def test_what_a_run_left_undone_settles_nothing_earlier_there(school: School, later: str) -> None:
    earlier = SyncRun.objects.create(kind="apply", trigger="command")
    same = an_operation(earlier, 0, moodle_group_id=101, moodle_course_id=10, in_doubt=True)
    other = an_operation(earlier, 1, moodle_group_id=102, moodle_course_id=10, in_doubt=True)
    user = an_operation(earlier, 2, kind="deactivate", moodle_user_id=STUDENT, status="started")
    ledger = RunLedger(
        SyncRun.objects.create(kind="apply", trigger="command"), EVERYTHING, lambda *_: None
    )
    ledger.planned(Plan(compared=frozenset({101, 102})))
    an_operation(ledger.run, 0, moodle_group_id=101, moodle_course_id=10, status=later)
    an_operation(ledger.run, 1, kind="deactivate", moodle_user_id=STUDENT, status=later)
    ledger.close()
    for row in (same, other, user):
        row.refresh_from_db()
    assert (same.in_doubt, other.in_doubt, user.status) == (True, False, "started")


def test_failures_of_another_kind_keep_nothing_in_doubt(school: School) -> None:
    earlier = SyncRun.objects.create(kind="apply", trigger="command")
    row = an_operation(earlier, 0, moodle_group_id=101, moodle_course_id=10, in_doubt=True)
    run = SyncRun.objects.create(kind="apply", trigger="command")
    ledger = RunLedger(run, EVERYTHING, lambda *_: None)
    ledger.planned(Plan(compared=frozenset({101})))
    SyncOperation.objects.bulk_create(
        SyncOperation(run=run, position=n, kind="update_account", moodle_user_id=n, status="failed")
        for n in range(600)
    )
    an_operation(run, 600, kind="rename_channel", moodle_group_id=101, moodle_course_id=10)
    ledger.close()
    row.refresh_from_db()
    assert not row.in_doubt


def newcomers(school: School, *people: int) -> None:
    for user_id in people:
        school.moodle.person(user_id)
    school.moodle.enrol(10, people)
    school.moodle.join(101, people)


def assert_ours(school: School, *people: int) -> None:
    """As soon as they leave in Moodle they leave the channel."""
    school.moodle.leave(101, people)
    school.run()
    assert not {f"person{user_id}" for user_id in people} & school.members(101)


def test_what_was_not_looked_at_stays_in_doubt(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost answer, then a run without any pattern, then one with it again."""
    newcomers(school, 2000)
    members = RocketChatWrites.add_members

    def lost(*arguments: Any) -> int | None:
        members(*arguments)
        raise TransientError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(RocketChatWrites, "add_members", lost)
        assert school.run().status == Status.FAILED
    GroupRegexFilter.objects.update(enabled=False)
    school.run()
    assert SyncOperation.objects.filter(in_doubt=True).count() == 1
    GroupRegexFilter.objects.update(enabled=True)
    school.run()
    assert SyncOperation.objects.filter(in_doubt=True).count() == 0
    assert_ours(school, 2000)


def test_who_went_in_before_a_later_part_failed_is_ours(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomers(school, 2000, 2001, 2002, 2003)
    post, calls = invitations.Invitations._invited, []

    def second_fails(*arguments: Any) -> int | None:
        calls.append(arguments)
        if len(calls) == 2:
            raise NotSent("the server restarts")
        return post(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(invitations, "INVITE_CHUNK", 2)
        patch.setattr(invitations.Invitations, "_invited", second_fails)
        assert school.run().status == Status.FAILED
    assert SyncOperation.objects.get(kind=AddMembers.kind, status="failed").in_doubt
    school.run()
    assert_ours(school, 2000, 2001, 2002, 2003)


def test_an_account_whose_making_could_not_be_checked_is_ours(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after users.create, and the look that follows gets none at all."""
    newcomers(school, 2000)
    post, get, down = RocketChat.post, RocketChat.get, []

    def breaks(self: RocketChat, path: str, *arguments: Any, **options: Any) -> Any:
        answer = post(self, path, *arguments, **options)
        if path == "users.create":
            down.append(True)
            raise TransientError("the connection broke")
        return answer

    def refused(self: RocketChat, *arguments: Any, **options: Any) -> Any:
        if down and down.pop():
            raise NotSent("no connection")
        return get(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(creation, "LOOK_AGAIN_SECONDS", 0)
        patch.setattr(RocketChat, "post", breaks)
        patch.setattr(RocketChat, "get", refused)
        assert school.run().status == Status.FAILED
    assert SyncOperation.objects.get(kind=CreateAccount.kind, status="failed").in_doubt
    school.run()
    assert AccountLink.objects.get(moodle_user_id=2000).created


def test_an_account_that_was_never_asked_for_is_not_taken_for_ours(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 429 made nothing: whoever has the address by the next run was there before us."""
    monkeypatch.setattr(retries, "REFUSALS", 1)
    school.moodle.enrol(10, school.moodle.people(1010, 1))
    school.moodle.join(101, [1010])
    school.chat.application.faults.order(Fault("429", endpoint="users.create", times=9, seconds=0))
    assert school.run().status == Status.FAILED
    assert not SyncOperation.objects.filter(kind=CreateAccount.kind, in_doubt=True).exists()
    school.chat.application.faults.clear()
    world = school.chat.application.world
    with world.lock:
        world.add_user(
            "made.by.hand", name="By Hand", email="person1010@example.invalid", verified=True
        )
    assert school.run().status == Status.DONE
    link = AccountLink.objects.get(moodle_user_id=1010)
    assert (link.username, link.created) == ("made.by.hand", False)


def test_a_refusal_after_a_lost_answer_leaves_the_doubt(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "REFUSALS", 1)
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)
    school.moodle.join(102, [STUDENT])
    faults = school.chat.application.faults
    faults.order(Fault("reset_after", endpoint="groups.invite"))
    faults.order(Fault("429", endpoint="groups.invite", times=9, seconds=0))
    assert school.run().status == Status.FAILED
    assert SyncOperation.objects.get(kind=AddMembers.kind, status="failed").in_doubt
    faults.clear()
    school.run()
    assert row_of(102, STUDENT).ours, "the lost answer was to our invitation"


# ── Topics ───────────────────────────────────────────────────────────────────────────────────────


def test_the_topic_that_is_stored_is_the_one_the_channel_got() -> None:
    operation = CreateChannel(ChannelRef(101, 10, "c-101", None, True), (), "wanted", reason="why")
    outcome = Outcome(operation, Result.DONE, room_id="r1", users_count=1)
    Effects(Managed()).store([outcome])
    assert ChannelLink.objects.get().topic == ""


def test_only_the_texts_that_an_operation_set_are_stored() -> None:
    texts = {"topic": "t", "description": "d", "announcement": "a"}
    row = {"moodle_group_id": 101, "moodle_course_id": 10, "room_id": "r1", "name": "c-101"}
    ChannelLink.objects.create(**row, **texts)
    ref = ChannelRef(101, 10, "c-101", "r1", True)
    operation = SetTexts(ref, description="new", old_description="d", reason="why")
    Effects(Managed()).store([Outcome(operation, Result.DONE)])
    link = load_managed(EVERYTHING, NO_RUN).channels[101]
    assert link.texts == ("t", "new", "a")


def test_of_texts_whose_setting_was_interrupted_it_is_known_which(school: School) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="command", status="failed")
    ref = ChannelRef(101, 10, "c-101", "r1", True)
    for number, status in ((101, "started"), (102, "done")):
        operation = SetTexts(replace(ref, group_id=number), announcement="x", reason="why")
        ids = {"moodle_group_id": number, "moodle_course_id": 10}
        details = operation.details()
        an_operation(run, number, kind=operation.kind, status=status, details=details, **ids)
    assert load_managed(EVERYTHING, NO_RUN).unfinished_texts == {(101, "announcement")}


# ── Sizes of a source that shrank ────────────────────────────────────────────────────────────────


def test_a_moodle_that_shrank_waits_for_a_person_even_if_nothing_was_to_be_done(
    school: School,
) -> None:
    crowd = school.moodle.people(5000, 60)  # in no group
    school.moodle.enrol(10, crowd)
    school.run()
    school.moodle.unenrol(10, crowd)
    school.run()
    run = school.run()  # it is not believed the second time either
    assert (run.status, run.planned) == (Status.QUARANTINED, {})
    assert "enrolments that Moodle had at the last good run" in run.message
    order = approval.approve(run, Operator(), "the summer term is small")
    assert school.carry_out(order).status == Status.DONE
    assert school.run().status == Status.DONE
