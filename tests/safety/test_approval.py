"""Limits, what waits when one is passed, and who lets it go on."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.exceptions import PermissionDenied

from integration.domain.errors import ConfigurationError
from integration.domain.policy import Limit, Limits, Removal, Window
from integration.domain.state import Scope
from integration.management.operator import Operator
from integration.models import AuditEntry, IntegratedCourse, RemovalLimit, SyncOperation, SyncRun
from integration.services.background import parts
from integration.services.ledger.past_runs import was_rejected
from integration.services.monitoring import notifications
from integration.services.runs import approval, runner
from integration.services.runs.order import order_of
from integration.services.sync.guard import _over
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
Status = SyncRun.Status


def codes(run: SyncRun) -> set[str]:
    return {breach["code"] for breach in run.breaches}


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────


def test_few_removals_are_never_asked_about(school: School) -> None:
    school.moodle.leave(101, [1000, 1001, 1002, 1003])
    run = school.run()
    assert run.status == Status.DONE
    assert run.applied == {"remove_member": 4}


def test_over_the_share_of_the_run_the_removals_wait(school: School) -> None:
    before = school.chat.state()
    school.moodle.leave(101, [1000, 1001, 1002])
    school.moodle.leave(111, [1100, 1101, 1102, 1103])
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert codes(run) == {"memberships/run"}
    assert "7 of 20 managed memberships would be removed (35 %); the limit is 30 %" in run.message
    assert school.chat.state() == before


def test_one_course_has_its_own_limit(school: School) -> None:
    school.set(limit_percent=50)
    school.moodle.leave(101, range(1000, 1005))
    school.moodle.leave(102, range(1005, 1008))
    run = school.run()
    assert codes(run) == {"memberships/course"}
    assert "in course C10 " in run.message


def test_removals_that_trickle_stop_at_the_limit_of_the_day(school: School) -> None:
    school.set(limit_percent=20, limit_from=3)
    RemovalLimit.objects.create(what="memberships", span="day", percent=30)
    for number in range(2):
        school.moodle.leave(101, [1000 + 2 * number, 1001 + 2 * number])
        assert school.run().status == Status.DONE
    school.moodle.leave(111, [1100, 1101, 1102])
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert codes(run) == {"memberships/day"}
    assert "7 of 20 managed memberships would be removed within 24 hours" in run.message


def test_a_limit_may_be_a_number_from_the_first_removal_on(school: School) -> None:
    RemovalLimit.objects.create(what="memberships", span="run", absolute=1)
    school.moodle.leave(101, [1000])
    assert school.run().status == Status.DONE
    school.moodle.leave(101, [1001, 1002])
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert "the limit is 1" in run.message


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("accounts", lambda m: [m.change_person(user, suspended=1) for user in (1000, 1001)]),
        ("channels", lambda m: [m.delete_group(group) for group in (101, 102)]),
    ],
)
def test_accounts_and_channels_are_limited_apart(school: School, what: str, change: Any) -> None:
    RemovalLimit.objects.create(what=what, span="run", absolute=1)
    change(school.moodle)
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert codes(run) == {f"{what}/run"}


# ── What waits ───────────────────────────────────────────────────────────────────────────────────


def over_the_limit(school: School) -> SyncRun:
    """Seven of twenty leave, and one joins."""
    school.moodle.leave(101, [1000, 1001, 1002])
    school.moodle.leave(111, [1100, 1101, 1102, 1103])
    school.moodle.join(102, [1000])
    return school.run()


def test_additions_go_on_only_if_the_settings_say_so(school: School) -> None:
    run = over_the_limit(school)
    assert run.applied == {}
    assert run.held_count == 8
    school.set(additions_go_on=True)
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert run.applied == {"add_members": 1}
    assert run.held_count == 7
    assert "person1000" in school.members(102)
    assert "person1001" in school.members(101)
    held = run.operations.filter(status=SyncOperation.Status.HELD)
    assert set(held.values_list("kind", flat=True)) == {"remove_member"}


def test_an_approved_run_is_carried_out_and_recorded(school: School) -> None:
    run = over_the_limit(school)
    order = approval.approve(run, Operator("anna"), "end of term")
    assert school.carry_out(order).status == Status.DONE
    run.refresh_from_db()
    assert (run.status, run.decided_by, run.decision_reason) == ("approved", "anna", "end of term")
    assert school.members(101) == {"person1003", "person1004"}
    entry = AuditEntry.objects.get(action="approve")
    assert (entry.actor, entry.reason, entry.run_id) == ("anna", "end of term", run.pk)


def test_an_approval_lets_nothing_pass_that_nobody_saw(school: School) -> None:
    run = over_the_limit(school)
    order = approval.approve(run, Operator(), "end of term")
    school.moodle.leave(112, range(1105, 1110))
    school.moodle.leave(102, [1005, 1006])
    after = school.carry_out(order)
    assert after.status == Status.QUARANTINED
    assert "7 of 20" in after.message


def test_what_is_not_due_any_more_is_not_done_although_approved(school: School) -> None:
    run = over_the_limit(school)
    order = approval.approve(run, Operator(), "end of term")
    school.moodle.join(101, [1001])
    assert school.carry_out(order).status == Status.DONE
    assert "person1001" in school.members(101)


def test_a_rejected_run_changes_nothing_and_the_next_one_waits_again(school: School) -> None:
    run = over_the_limit(school)
    before = school.chat.state()
    approval.reject(run, Operator("ben"), "the import was wrong")
    assert school.run().status == Status.QUARANTINED
    assert school.chat.state() == before
    assert AuditEntry.objects.get(action="reject").reason == "the import was wrong"


def test_a_later_look_takes_the_place_of_an_earlier_one(school: School) -> None:
    first = over_the_limit(school)
    second = school.run()
    first.refresh_from_db()
    assert (first.status, second.status) == (Status.OVERTAKEN, Status.QUARANTINED)
    with pytest.raises(ConfigurationError, match="does not wait"):
        approval.approve(first, Operator(), "too late")


def test_a_decision_needs_the_permission_and_a_reason(school: School) -> None:
    run = over_the_limit(school)
    viewer = User.objects.create_user("viewer")
    with pytest.raises(PermissionDenied):
        approval.approve(run, viewer, "please")
    viewer.user_permissions.add(Permission.objects.get(codename="approve_removals"))
    viewer = User.objects.get(pk=viewer.pk)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        approval.approve(run, viewer, "  ")
    assert approval.approve(run, viewer, "checked").actor == "viewer"


def test_one_message_goes_out_and_none_about_what_was_rejected(school: School) -> None:
    school.set(notify_emails="ops@example.invalid")
    run = over_the_limit(school)
    notifications.check()
    notifications.check()
    school.run()
    notifications.check()
    assert [m.subject for m in mail.outbox] == ["rcsync: removals are waiting for approval"]
    approval.reject(SyncRun.objects.first(), Operator(), "no")  # type: ignore[arg-type]
    notifications.check()
    school.run()
    notifications.check()
    assert len([m for m in mail.outbox if "waiting for approval" in m.subject]) == 1
    assert run.pk


# ── Moodle that is not to be believed ────────────────────────────────────────────────────────────


def test_a_wrong_rocketchat_makes_nothing_anew(school: School) -> None:
    world = school.chat.application.world
    with world.lock:
        for room in [room for room in world.rooms.values() if room.custom_fields]:
            world.remove_room(room)
        for user in [user for user in world.users.values() if user.username.startswith("person")]:
            world.remove_user(user)
    school.set(limit_from=2)
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert codes(run) >= {"vanished/accounts", "vanished/channels"}
    assert not [name for name in school.users() if name.startswith("person")]


def test_force_passes_every_limit_on_purpose(school: School) -> None:
    over_the_limit(school)
    run = school.run(force=True)
    assert (run.status, run.forced) == (Status.DONE, True)


def test_the_size_of_a_course_is_that_of_the_last_good_run(school: School) -> None:
    assert IntegratedCourse.objects.get(course_id=10).last_size == ["C10", 2, 10, 11, 11]


def test_a_limit_without_any_number_limits_nothing() -> None:
    limits = Limits(special={(Removal.ACCOUNTS, Window.DAY): Limit(None, None)})
    assert list(_over(limits, Removal.ACCOUNTS, Window.DAY, 50, 1, "words")) == []


def test_a_new_suspicion_is_told_although_something_else_was_rejected_before() -> None:
    scope = {"courses": None, "users": None}
    SyncRun.objects.create(kind="apply", trigger="schedule", status="refused", scope=scope)
    suspicion = {"code": "source/members", "count": 99, "text": "-", "managed": 100}
    columns: dict[str, Any] = {"kind": "apply", "trigger": "schedule", "scope": scope}
    run = SyncRun.objects.create(status="quarantined", breaches=[suspicion], **columns)
    assert not was_rejected(run)
    SyncRun.objects.filter(pk=run.pk).update(status="refused")
    again = SyncRun.objects.create(status="quarantined", breaches=[suspicion], **columns)
    assert was_rejected(again)


def test_a_pass_in_parts_is_approved_as_one(school: School) -> None:
    parent = SyncRun.objects.create(kind="apply", trigger="schedule", worker="parts")
    school.moodle.leave(101, range(1000, 1005))
    school.set(limit_percent=10)
    part = school.run(scope=Scope(courses=frozenset({10})))
    assert part.status == SyncRun.Status.QUARANTINED
    SyncRun.objects.filter(pk=part.pk).update(parent=parent)
    parts.finish_parent(parent.pk)
    parent.refresh_from_db()
    assert (parent.status, parent.held_count) == (SyncRun.Status.QUARANTINED, part.held_count)
    run = school.carry_out(approval.approve(parent, Operator(), "the group is empty now"))
    assert run.status == SyncRun.Status.DONE
    assert run.applied == {"remove_member": 5}


def a_pass() -> SyncRun:
    scope = {"courses": None, "users": None}
    return SyncRun.objects.create(kind="apply", trigger="schedule", worker="parts", scope=scope)


def part_of(school: School, parent: SyncRun, course: int) -> SyncRun:
    """Runs as the worker runs it: the row says of which pass it is a part."""
    scope = {"courses": [course], "users": None}
    columns: dict[str, Any] = {"kind": "apply", "trigger": "schedule", "scope": scope}
    run = SyncRun.objects.create(parent=parent, **columns)
    runner.execute(order_of(run), run=run)
    run.refresh_from_db()
    return run


def test_limits_hold_for_all_parts_of_a_pass_together(school: School) -> None:
    """Of 20 memberships 3 and 4 would go: too few for each part, too many for the pass."""
    school.moodle.leave(101, [1000, 1001, 1002])
    school.moodle.leave(111, [1100, 1101, 1102, 1103])
    parent = a_pass()
    first, second = part_of(school, parent, 10), part_of(school, parent, 11)
    assert (first.status, first.applied) == (Status.DONE, {"remove_member": 3})
    assert second.status == Status.QUARANTINED
    assert "7 of 20 managed memberships would be removed (35 %)" in second.message
    assert second.applied == {}
    assert first.taking == {"memberships": 3}
    assert second.taking == {"memberships": 4}


def test_a_part_that_goes_on_after_a_crash_is_not_counted_twice(school: School) -> None:
    school.moodle.leave(101, [1000, 1001, 1002])
    school.moodle.leave(111, [1100, 1101, 1102])
    parent = a_pass()
    columns: dict[str, Any] = {"kind": "apply", "trigger": "schedule", "parent": parent}
    SyncRun.objects.create(superseded=True, taking={"memberships": 3}, **columns)
    assert part_of(school, parent, 10).status == Status.DONE
    assert part_of(school, parent, 11).status == Status.DONE, "6 of 20 are within the limit"


def test_a_run_that_is_no_part_tells_nobody(school: School) -> None:
    school.moodle.leave(101, [1000])
    assert school.run().taking == {}
