"""Numbers that Moodle gave out again: what a sync leaves alone, and the ways out of the inbox."""

import pytest

from integration.domain.errors import ConfigurationError
from integration.models import AccountLink, AuditEntry, ChannelLink, Conflict, SyncRun
from integration.services.admin import identity_decisions
from moodle.models import User
from tests.support.school import School
from tests.support.site import chat_content
from tests.support.small_moodle import MADE, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])

LATER = MADE + 10_000_000


@pytest.fixture
def school(school: School) -> School:
    school.set(limit_percent=100)
    return school


def somebody_else(school: School) -> None:
    """Number 1000 is given out again: after a restore, to a new person."""
    school.moodle.change_person(
        1000,
        username="stranger",
        email="stranger@example.invalid",
        lastname="Stranger",
        timecreated=LATER,
    )


def open_conflict(kind: str) -> Conflict:
    return Conflict.objects.get(kind=kind, status=Conflict.Status.OPEN)


def test_a_number_given_out_again_changes_nothing_until_a_person_decides(school: School) -> None:
    before = chat_content(school.chat)
    somebody_else(school)
    school.moodle.join(102, [1000])
    run = school.run()
    assert run.status == SyncRun.Status.DONE
    assert chat_content(school.chat) == before
    conflict = open_conflict("person_changed")
    assert conflict.moodle_user_id == 1000
    assert "stranger" in conflict.moodle_side
    assert "person1000" in conflict.rocketchat_side


def test_the_same_person_after_all_goes_on_with_the_account(school: School) -> None:
    somebody_else(school)
    school.run()
    identity_decisions.confirm_same(open_conflict("person_changed"))
    school.run()
    assert not Conflict.objects.filter(status=Conflict.Status.OPEN).exists()
    assert school.site.account("stranger@example.invalid")["username"] == "person1000"


def test_somebody_else_gets_an_account_of_their_own(school: School) -> None:
    """The old account stays as it is: whose it was is gone from Moodle."""
    somebody_else(school)
    school.run()
    identity_decisions.declare_other(open_conflict("person_changed"))
    assert school.run().status == SyncRun.Status.DONE
    assert school.site.account("stranger@example.invalid")["username"] == "stranger"
    assert school.users()["person1000"]
    assert "stranger" in school.members(101)
    assert AuditEntry.objects.filter(action="let_go_of_link", moodle_user_id=1000).exists()


def test_marriage_a_new_address_and_a_new_user_name_at_once_pass(school: School) -> None:
    school.moodle.change_person(
        1000, username="married", email="married@example.invalid", lastname="Married"
    )
    school.run()
    assert school.site.account("married@example.invalid")["username"] == "person1000"
    assert not Conflict.objects.exists()


def test_a_group_number_given_out_again_leaves_the_channel_alone(school: School) -> None:
    before = chat_content(school.chat)
    school.moodle.change_group(101, name="Something else", timecreated=LATER)
    school.moodle.leave(101, [1000])
    school.moodle.join(101, [1005])
    school.run()
    assert chat_content(school.chat) == before
    conflict = open_conflict("group_changed")
    identity_decisions.declare_other(conflict)
    school.run()
    assert ChannelLink.objects.get(moodle_group_id=101).name == "C10-Something-else"
    assert len(school.site.rooms()) == len(before["rooms"])  # "general" is none of ours


def test_a_renamed_group_is_no_question(school: School) -> None:
    school.moodle.change_group(101, name="Group renamed")
    school.run()
    assert school.site.room_of(101)["name"] == "C10-Group-renamed"
    assert not Conflict.objects.exists()


def test_a_course_number_given_out_again_holds_all_its_groups(school: School) -> None:
    before = chat_content(school.chat)
    school.moodle.change_course(10, shortname="PHY", timecreated=LATER)
    school.moodle.group(103, 10, "New group", [1000])
    school.moodle.leave(101, [1000])
    school.run()
    assert chat_content(school.chat) == before
    identity_decisions.confirm_same(open_conflict("course_changed"))
    school.run()
    assert "person1000" in school.members(103)
    assert "person1000" not in school.members(101)


def test_a_person_deleted_and_made_anew_gets_the_account_back(school: School) -> None:
    """One decision hands the account over; it is activated again and keeps its channels."""
    old = rows(User).get(pk=1000)
    school.moodle.change_person(1000, deleted=1, username="person1000.1", email="0" * 32)
    school.run()
    assert not school.users()["person1000"]
    school.moodle.person(1900, username=old.username, email=old.email)
    school.moodle.enrol(10, [1900])
    school.moodle.join(101, [1900])
    school.run()
    conflict = open_conflict("person_recreated")
    assert conflict.moodle_user_id == 1900
    identity_decisions.hand_over(conflict)
    assert school.run().status == SyncRun.Status.DONE
    assert school.users()["person1000"]
    assert "person1000" in school.members(101)
    assert AccountLink.objects.get(moodle_user_id=1900).created


def test_a_decision_is_taken_once(school: School) -> None:
    somebody_else(school)
    school.run()
    conflict = open_conflict("person_changed")
    identity_decisions.confirm_same(conflict)
    with pytest.raises(ConfigurationError, match="decided"):
        identity_decisions.declare_other(conflict)
