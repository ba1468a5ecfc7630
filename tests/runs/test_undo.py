"""A run is turned back from what it did: look, then apply; only what still is as it left it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command

from integration.domain.errors import ConfigurationError
from integration.management.operator import Operator
from integration.models import (
    AuditEntry,
    IntegratedCourse,
    IntegrationSettings,
    RemovalLimit,
    SyncRun,
)
from integration.services.ledger import safety
from integration.services.ledger.past_runs import was_rejected
from integration.services.runs import approval, undo_orders
from integration.services.runs.order import order_of
from tests.support.school import School, a_school
from tests.support.site import chat_content

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
ANNA = Operator("anna")


@pytest.fixture
def school(school: School) -> School:
    school.set(limit_percent=100, on_pattern_unmatched="read_only")
    return school


def change_much(school: School) -> SyncRun:
    """One operation of almost every kind."""
    moodle = school.moodle
    moodle.change_person(1000, suspended=1)
    moodle.change_person(1001, lastname="Newname")
    moodle.leave(102, [1005, 1006])
    moodle.join(102, [1002])
    moodle.change_group(111, name="Renamed")
    moodle.delete_group(112)
    moodle.change_role(10, 1003, 3)
    run = school.run()
    assert run.status == SyncRun.Status.DONE, run.message
    assert len(run.applied) >= 8, run.applied
    return run


def test_undo_brings_everything_back(school: School) -> None:
    before = chat_content(school.chat)
    run = change_much(school)
    assert chat_content(school.chat) != before
    done = school.carry_out(undo_orders.undo(run, ANNA, "a wrong import"))
    assert done.status == SyncRun.Status.DONE, (done.message, done.skips)
    assert chat_content(school.chat) == before
    assert done.kind == SyncRun.Kind.UNDO


def test_an_undo_can_be_undone(school: School) -> None:
    run = change_much(school)
    after = chat_content(school.chat)
    undone = school.carry_out(undo_orders.undo(run, ANNA, "a mistake"))
    again = school.carry_out(undo_orders.undo(undone, ANNA, "no, it was right"))
    assert again.status == SyncRun.Status.DONE
    assert chat_content(school.chat) == after


def swap_names(school: School) -> SyncRun:
    """Two groups get each other's names."""
    names = {group: school.site.room_of(group)["name"].removeprefix("C10-") for group in (101, 102)}
    school.moodle.change_group(101, name=names[102])
    school.moodle.change_group(102, name=names[101])
    run = school.run()
    assert (run.applied["free_name"], run.applied["rename_channel"]) == (2, 2)
    return run


def test_a_swap_of_names_is_turned_back_in_steps(school: School) -> None:
    before = chat_content(school.chat)
    run = swap_names(school)
    assert chat_content(school.chat) != before
    done = school.carry_out(undo_orders.undo(run, ANNA, "a mistake"))
    assert (done.status, done.skips) == (SyncRun.Status.DONE, [])
    assert chat_content(school.chat) == before


def test_a_name_that_somebody_else_has_got_since_is_not_given_back(school: School) -> None:
    name = school.site.room_of(111)["name"]
    school.moodle.change_group(111, name="Renamed")
    run = school.run()
    world = school.chat.application.world
    with world.lock:
        world.add_room(name, world.add_user("somebody", name="S", email="s@x.invalid"), "p")
    done = school.carry_out(undo_orders.undo(run, ANNA, "a mistake"))
    assert done.status == SyncRun.Status.DONE
    assert [skip["reason"] for skip in done.skips] == [
        f"its old name is that of room {name} now: it stays"
    ]
    assert school.site.room_of(111)["name"] == "C11-Renamed"


def test_a_look_shows_the_plan_and_writes_nothing(school: School) -> None:
    run = change_much(school)
    before = chat_content(school.chat)
    look = school.carry_out(undo_orders.preview_order(run, ANNA))
    assert look.status == SyncRun.Status.PLANNED
    assert look.operations.count() == sum(look.planned.values()) >= 8
    assert chat_content(school.chat) == before
    order = undo_orders.undo(run, ANNA, "seen", expect_digest=look.digest)
    assert school.carry_out(order).status == SyncRun.Status.DONE


def test_what_was_looked_at_is_what_is_done(school: School) -> None:
    run = change_much(school)
    look = school.carry_out(undo_orders.preview_order(run, ANNA))
    world = school.chat.application.world
    with world.lock:
        user = world.user_named("person1000")
        assert user is not None
        user.active = True
        world.touch_user(user)
    before = chat_content(school.chat)
    done = school.carry_out(undo_orders.undo(run, ANNA, "seen", expect_digest=look.digest))
    assert done.status == SyncRun.Status.ERROR
    assert "has changed since it was shown" in done.message
    assert chat_content(school.chat) == before


def test_what_changed_since_is_left_and_named(school: School) -> None:
    run = change_much(school)
    school.moodle.change_group(111, name="Renamed again")
    school.run()
    done = school.carry_out(undo_orders.undo(run, ANNA, "late"))
    assert school.site.room_of(111)["name"] == "C11-Renamed-again"
    assert any("rename channel" in skip["subject"] for skip in done.skips)


def test_single_operations_can_be_undone(school: School) -> None:
    run = change_much(school)
    archived = run.operations.get(kind="archive")
    school.carry_out(undo_orders.undo(run, ANNA, "this one", chosen=[archived.position]))
    assert not school.site.room_of(112)["archived"]
    assert not school.users()["person1000"]


def test_people_added_by_hand_survive_an_undo(settings: Any) -> None:
    with a_school(settings) as school:
        school.set(limit_percent=100)
        first = SyncRun.objects.earliest("pk")
        school.by_hand("guest.lecturer", 101)
        done = school.carry_out(undo_orders.undo(first, ANNA, "start over"))
        assert done.status == SyncRun.Status.DONE
        assert "guest.lecturer" in school.members(101)
        assert school.site.room_of(101)["archived"], "a channel is archived, never deleted"
        assert not any(a for u, a in school.users().items() if u.startswith("person"))
        assert len([u for u in school.users() if u.startswith("person")]) == 20


def test_the_next_run_does_not_do_it_again_by_itself(school: School) -> None:
    run = change_much(school)
    school.carry_out(undo_orders.undo(run, ANNA, "a mistake"))
    assert not IntegratedCourse.objects.filter(background_sync=True).exists()
    assert AuditEntry.objects.filter(action="change_integratedcourse", actor="anna").count() == 2
    IntegratedCourse.objects.update(background_sync=True)
    school.carry_out(undo_orders.undo(run, ANNA, "a mistake", keep_syncing=True))
    assert IntegratedCourse.objects.filter(background_sync=True).count() == 2


def test_undo_needs_the_permission_and_a_reason(school: School) -> None:
    run = change_much(school)
    with pytest.raises(PermissionDenied):
        undo_orders.undo(run, User.objects.create_user("viewer"), "please")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        undo_orders.undo(run, ANNA, "")
    undo_orders.undo(run, ANNA, "because")
    entry = AuditEntry.objects.get(action="undo")
    assert (entry.actor, entry.reason, entry.run_id) == ("anna", "because", run.pk)


def test_a_preview_cannot_be_undone(school: School) -> None:
    preview = school.run(kind=SyncRun.Kind.PREVIEW)
    with pytest.raises(ConfigurationError, match="wrote nothing"):
        undo_orders.preview_order(preview, ANNA)


def test_protected_accounts_are_not_touched_by_an_undo(school: School) -> None:
    IntegrationSettings.objects.update(protected_usernames="person1002")
    run = change_much(school)
    school.carry_out(undo_orders.undo(run, ANNA, "x"))
    assert "person1002" in school.members(102)


def test_an_order_to_undo_survives_the_queue(school: School) -> None:
    order = undo_orders.undo(change_much(school), ANNA, "later", chosen=[0, 1])
    assert order_of(SyncRun(**order.columns())) == order


def test_who_is_put_back_gets_the_room_role_back(school: School) -> None:
    school.moodle.join(101, [1050])
    school.run()
    school.moodle.leave(101, [1050])
    removed = school.run()
    assert removed.applied == {"remove_member": 1}
    back = school.carry_out(undo_orders.undo(removed, ANNA, "a mistake"))
    assert back.applied == {"add_members": 1, "set_room_role": 1}


# ── An undo passes the guard like a sync ─────────────────────────────────────────────────────────


@pytest.fixture
def held(school: School) -> SyncRun:
    """The undo of the first sync: it would deactivate and archive everything."""
    school.set(limit_percent=30)
    first = SyncRun.objects.earliest("pk")
    return school.carry_out(undo_orders.undo(first, ANNA, "start over"))


def everybody_is_active(school: School) -> bool:
    return all(active for user, active in school.users().items() if user.startswith("person"))


def test_an_undo_over_the_limits_waits_and_changes_nothing(school: School, held: SyncRun) -> None:
    assert (held.status, held.kind) == (SyncRun.Status.QUARANTINED, SyncRun.Kind.UNDO)
    assert {breach["code"] for breach in held.breaches} == {"accounts/run"}
    assert held.held_count == held.operations.filter(status="held").count() == 24
    assert everybody_is_active(school)
    assert not school.site.room_of(101)["archived"]
    assert "--force" not in held.hint


def test_courses_stay_in_the_sync_while_their_undo_waits(school: School, held: SyncRun) -> None:
    assert IntegratedCourse.objects.filter(background_sync=True).count() == 2


def test_an_approval_lets_the_undo_go_on(school: School, held: SyncRun) -> None:
    done = school.carry_out(approval.approve(held, ANNA, "really"))
    assert (done.status, done.kind) == (SyncRun.Status.DONE, SyncRun.Kind.UNDO), done.message
    assert (done.undoes, done.approves, done.digest) == (held.undoes, held, held.digest)
    assert done.decision_reason == "start over"
    assert not everybody_is_active(school)
    assert school.site.room_of(101)["archived"]
    assert not IntegratedCourse.objects.filter(background_sync=True).exists()


def test_an_approval_of_an_undo_covers_the_chosen_operations_only(school: School) -> None:
    school.set(limit_percent=30, limit_from=1)
    RemovalLimit.objects.create(what="channels", span="run", absolute=0)
    first = SyncRun.objects.earliest("pk")
    made = first.operations.filter(kind="create_channel").first()
    assert made is not None
    order = undo_orders.undo(first, ANNA, "this one", chosen=[made.position])
    waiting = school.carry_out(order)
    assert waiting.status == SyncRun.Status.QUARANTINED
    done = school.carry_out(approval.approve(waiting, ANNA, "yes"))
    assert done.applied == {"archive": 1}


def test_a_rejected_undo_turns_nothing_back(school: School, held: SyncRun) -> None:
    approval.reject(held, ANNA, "no")
    assert everybody_is_active(school)
    again = school.carry_out(undo_orders.undo(SyncRun.objects.earliest("pk"), ANNA, "start over"))
    assert again.status == SyncRun.Status.QUARANTINED
    assert was_rejected(again)
    assert not was_rejected(SyncRun(pk=again.pk, kind="apply", scope=again.scope))


def test_a_sync_does_not_overtake_an_undo_that_waits(school: School, held: SyncRun) -> None:
    assert school.run().status == SyncRun.Status.DONE
    held.refresh_from_db()
    assert held.status == SyncRun.Status.QUARANTINED


def test_a_later_undo_of_the_same_run_overtakes_the_one_that_waits(
    school: School, held: SyncRun
) -> None:
    school.set(limit_percent=100)
    school.carry_out(undo_orders.undo(SyncRun.objects.earliest("pk"), ANNA, "start over"))
    held.refresh_from_db()
    assert held.status == SyncRun.Status.OVERTAKEN


def test_what_gives_goes_on_while_the_rest_of_an_undo_waits(school: School) -> None:
    run = change_much(school)
    school.set(additions_go_on=True)
    RemovalLimit.objects.create(what="memberships", span="run", absolute=0)
    undone = school.carry_out(undo_orders.undo(run, ANNA, "a mistake"))
    assert undone.status == SyncRun.Status.QUARANTINED
    assert undone.applied["activate"] == 1
    assert undone.operations.filter(status="held", kind="remove_member").exists()
    assert not undone.operations.filter(status="done", kind="remove_member").exists()


def test_what_an_undo_takes_away_counts_within_the_day(school: School) -> None:
    school.moodle.join(102, [1002, 1003])
    joined = school.run()
    assert school.carry_out(undo_orders.undo(joined, ANNA, "no")).status == SyncRun.Status.DONE
    assert safety.removed_lately()["memberships"] == 2


def test_a_look_at_an_undo_says_that_it_would_wait(school: School) -> None:
    school.set(limit_percent=30)
    look = school.carry_out(undo_orders.preview_order(SyncRun.objects.earliest("pk"), ANNA))
    assert look.status == SyncRun.Status.PLANNED
    assert "the limit is 30 %" in look.message


def test_the_commands_undo_and_approve_work_together(
    school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    school.set(limit_percent=30)
    first = SyncRun.objects.earliest("pk")
    with pytest.raises(SystemExit) as ended:
        call_command("undo", str(first.pk), "--apply", "--reason", "start over")
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "the limit is 30 %" in said.err
    assert "./rcsync approve" in said.err
    waiting = SyncRun.objects.latest("pk")
    call_command("approve", str(waiting.pk), "--reason", "really")
    assert SyncRun.objects.latest("pk").status == SyncRun.Status.DONE
    assert not everybody_is_active(school)
