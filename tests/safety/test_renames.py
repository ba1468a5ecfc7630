"""Many channels would get another name at once: a person is asked, and everything else goes on."""

import pytest
from django.core import mail
from django.test import Client

from integration.management.operator import Operator
from integration.models import RemovalLimit, SyncOperation, SyncRun
from integration.pages.run_verdict import verdict_of
from integration.services.ledger import safety
from integration.services.monitoring import notifications
from integration.services.runs import approval, undo_orders
from tests.support.school import GROUPS, School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
Status = SyncRun.Status
ANNA = Operator("anna")


def names(school: School) -> list[str]:
    return [school.site.room_of(group)["name"] for group in GROUPS]


def another_template(school: School) -> SyncRun:
    """All four channels would be renamed; somebody joins a group, somebody leaves one."""
    school.set(limit_from=4, name_template="{group} of {course}")
    school.moodle.join(102, [1000])
    school.moodle.leave(101, [1001])
    return school.run()


def test_a_new_template_waits_and_everything_else_goes_on(school: School) -> None:
    before = names(school)
    run = another_template(school)
    assert run.status == Status.QUARANTINED
    assert {breach["code"] for breach in run.breaches} == {"renames/run"}
    assert "4 of 4 managed channels would be renamed (100 %); the limit is 30 %" in run.message
    assert run.applied == {"add_members": 1, "remove_member": 1}
    assert names(school) == before
    held = run.operations.filter(status=SyncOperation.Status.HELD)
    assert list(held.values_list("kind", flat=True)) == ["rename_channel"] * 4


def test_few_renames_are_never_asked_about(school: School) -> None:
    school.set(name_template="{group} of {course}")
    run = school.run()
    assert (run.status, run.applied) == (Status.DONE, {"rename_channel": 4})


def test_a_course_renamed_in_moodle_asks_nobody(school: School) -> None:
    school.set(limit_from=1)
    school.moodle.change_course(10, shortname="C10-new")
    run = school.run()
    assert run.status == Status.DONE
    assert set(run.applied) <= {"rename_channel", "set_topic"}
    assert run.applied["rename_channel"] >= 2


def test_a_first_sync_renames_nothing(unsynced_school: School) -> None:
    unsynced_school.set(limit_from=1)
    assert unsynced_school.run().status == Status.DONE


def test_a_swap_of_two_names_below_the_limit_asks_nobody(school: School) -> None:
    school.set(limit_from=3)
    first, second = (school.site.room_of(g)["name"].removeprefix("C10-") for g in (101, 102))
    school.moodle.change_group(101, name=second)
    school.moodle.change_group(102, name=first)
    run = school.run()
    assert run.status == Status.DONE
    assert (run.applied["free_name"], run.applied["rename_channel"]) == (2, 2)
    assert safety.removed_lately() == {"renames": 2}, "a name given up for a while does not count"


def test_approved_renames_are_carried_out(school: School) -> None:
    run = another_template(school)
    done = school.carry_out(approval.approve(run, ANNA, "the new template is meant"))
    assert (done.status, done.applied) == (Status.DONE, {"rename_channel": 4})
    assert all("-of-" in name.replace(" ", "-") for name in names(school))
    assert safety.removed_lately() == {"memberships": 1}, "what a person let pass does not count"
    assert school.run().status == Status.DONE


def test_the_approval_of_one_template_is_none_of_another(school: School) -> None:
    before = names(school)
    order = approval.approve(another_template(school), ANNA, "the new template is meant")
    school.set(name_template="{course} {group} x")
    after = school.carry_out(order)
    assert (after.status, after.applied) == (Status.QUARANTINED, {})
    assert names(school) == before


def test_rejected_renames_wait_again(school: School) -> None:
    before = names(school)
    approval.reject(another_template(school), ANNA, "a mistake")
    assert school.run().status == Status.QUARANTINED
    assert names(school) == before
    school.set(name_template="{course}-{group}")
    assert school.run().status == Status.DONE


def test_an_undo_of_many_renames_waits_like_a_sync(school: School) -> None:
    before = names(school)
    approved = approval.approve(another_template(school), ANNA, "the new template is meant")
    run = school.carry_out(approved)
    order = undo_orders.undo(run, ANNA, "no, it was a mistake")
    waits = school.carry_out(order)
    assert (waits.status, waits.applied) == (Status.QUARANTINED, {})
    back = school.carry_out(approval.approve(waits, ANNA, "back to the old names"))
    assert (back.status, names(school)) == (Status.DONE, before)


def test_a_limit_of_ones_own_takes_the_place_of_the_usual_one(school: School) -> None:
    RemovalLimit.objects.create(what="renames", span="run", absolute=1)
    school.moodle.change_group(101, name="Another")
    assert school.run().status == Status.DONE
    school.moodle.change_group(101, name="Once more")
    school.moodle.change_group(111, name="Different")
    run = school.run()
    assert run.status == Status.QUARANTINED
    assert "the limit is 1" in run.message


def test_a_preview_says_that_the_plan_exceeds_a_limit(school: School) -> None:
    school.set(limit_from=4, name_template="{group} of {course}")
    run = school.run(kind="preview")
    verdict = verdict_of(run)
    assert verdict is not None
    assert verdict.title == "This plan exceeds a limit"
    assert "4 of 4 managed channels would be renamed" in verdict.texts[0]


def test_the_page_and_the_message_say_renames(school: School) -> None:
    school.set(notify_emails="ops@example.invalid")
    run = another_template(school)
    run.refresh_from_db()
    verdict = verdict_of(run)
    assert verdict is not None
    assert verdict.title == "4 changes wait for a decision"
    assert verdict.texts[-1] == "Everything else was done."
    notifications.check()
    (message,) = mail.outbox
    assert message.subject == "rcsync: renames of channels are waiting for approval"
    assert "4 operations" in message.body


def test_the_start_page_counts_the_renames(
    school: School, administrator: Client, settings: object
) -> None:
    settings.SECURE_SSL_REDIRECT = False  # type: ignore[attr-defined]
    another_template(school)
    assert "4 renames" in administrator.get("/admin/").content.decode()
