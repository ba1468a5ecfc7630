"""Bugs that other products have or had (../shared/reference/peers.md, sections 1.5, 3 and 5), done
right here.
"""

import pytest
from django.core.exceptions import ValidationError

from integration.domain.state import Scope
from integration.models import (
    AccountLink,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    SyncRun,
)
from moodle.models import Course, Enrol, Role, RoleAssignment, UserEnrolment
from tests.support.school import School
from tests.support.small_moodle import STUDENT, TEACHER, rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


def second_course(school: School, *users: int) -> None:
    """The users study in both courses."""
    for user_id in users:
        rows(UserEnrolment).create(enrolid=11, userid=user_id, timeend=0)
        rows(RoleAssignment).create(roleid=STUDENT, contextid=1011, userid=user_id)
    school.moodle.join(111, users)


def suspend_in(course: int, user_id: int, *, away: bool = True) -> None:
    rows(UserEnrolment).filter(enrolid=course, userid=user_id).update(status=int(away))


# ── local_rocketchat (1.5) ───────────────────────────────────────────────────────────────────────


def test_1_deactivation_and_reactivation_really_happen(school: School) -> None:
    suspend_in(10, 1000)
    school.run()
    assert not school.users()["person1000"]
    suspend_in(10, 1000, away=False)
    school.run()
    assert school.users()["person1000"]


def test_2_one_suspended_enrolment_locks_nobody_out_of_the_chat(school: School) -> None:
    second_course(school, 1000)
    suspend_in(10, 1000)
    school.run()
    assert school.users()["person1000"]
    assert "person1000" not in school.members(101)


def test_2_one_reactivation_does_not_unlock_who_is_suspended_elsewhere(school: School) -> None:
    second_course(school, 1000)
    suspend_in(10, 1000)
    suspend_in(11, 1000)
    school.run()
    school.moodle.change_person(1000, suspended=1)
    suspend_in(10, 1000, away=False)
    school.run()
    assert not school.users()["person1000"]


def test_3_people_beyond_the_first_page_are_found(unsynced_school: School) -> None:
    world = unsynced_school.chat.application.world
    with world.lock:
        for number in range(150):
            world.add_user(f"aaa{number}", email=f"aaa{number}@example.invalid")
    assert unsynced_school.run().status == SyncRun.Status.DONE
    assert unsynced_school.run().planned == {}
    assert unsynced_school.chat.stats()["by_status"].get("400", 0) == 0


def test_4_the_same_local_part_is_not_the_same_person(unsynced_school: School) -> None:
    for user_id, domain in ((1000, "uni"), (1001, "gmail")):
        unsynced_school.moodle.change_person(user_id, email=f"a.smith@{domain}.invalid")
    unsynced_school.run()
    ids = AccountLink.objects.filter(moodle_user_id__in=[1000, 1001])
    assert len({link.rocketchat_user_id for link in ids}) == 2


def test_4_a_new_address_is_the_same_account(school: School) -> None:
    before = AccountLink.objects.get(moodle_user_id=1000).rocketchat_user_id
    school.moodle.change_person(1000, email="quite.another@example.invalid")
    school.run()
    assert school.site.account("quite.another@example.invalid")["id"] == before
    assert AccountLink.objects.count() == 20


def test_5_a_hidden_channel_is_neither_joined_again_nor_never_left(school: School) -> None:
    """Hiding closes the subscription in Rocket.Chat; the person is still a member."""
    assert school.run().planned == {}
    school.moodle.leave(101, [1000])
    school.run()
    assert "person1000" not in school.members(101)


def test_6_a_renamed_group_or_course_keeps_its_channel(school: School) -> None:
    before = school.site.room_of(101)["id"]
    school.moodle.change_group(101, name="Renamed")
    rows(Course).filter(id=10).update(shortname="NEW")
    school.run()
    room = school.site.room_of(101)
    assert (room["id"], room["name"]) == (before, "NEW-Renamed")
    assert len(school.site.rooms()) == 4


def test_6_a_deleted_group_ends_its_channel(school: School) -> None:
    school.moodle.delete_group(101)
    school.run()
    assert school.site.room_of(101)["archived"]


def test_7_a_busy_server_is_waited_for_and_nobody_is_made_twice(unsynced_school: School) -> None:
    unsynced_school.chat.fault("429", endpoint="users.create", times=3, seconds=0)
    unsynced_school.chat.fault("429", endpoint="users.listByStatus", times=1, seconds=0)
    assert unsynced_school.run().status == SyncRun.Status.DONE
    assert len([name for name in unsynced_school.users() if name.startswith("person")]) == 20


def test_8_every_failure_is_tied_to_its_person_or_channel(unsynced_school: School) -> None:
    unsynced_school.chat.fault("refuse", endpoint="users.create")
    run = unsynced_school.run()
    (failed,) = run.operations.filter(status="failed")
    assert failed.description.startswith("create account person")
    assert failed.moodle_user_id in range(1000, 1110)
    assert "Refused on request" in failed.answer
    assert failed.error


@pytest.mark.parametrize(
    "name", ["Équipe n° 1", "a/b", "(x) & [y]", "小组一", "🐘🐘", "///", "O'Brien"]
)
def test_9_every_group_name_gets_a_channel_once(unsynced_school: School, name: str) -> None:
    unsynced_school.moodle.change_group(101, name=name)
    assert unsynced_school.run().status == SyncRun.Status.DONE
    assert unsynced_school.site.room_of(101)
    assert unsynced_school.run().planned == {}


def test_11_who_joins_a_new_group_gets_its_channel_by_itself(school: School) -> None:
    school.moodle.person(1099)
    school.moodle.enrol(10, [1099])
    school.moodle.group(109, 10, "Fresh", [1099])
    school.run(scope=Scope(courses=frozenset({10})))
    assert school.members(109) == {"person1099"}


def test_a_deleted_course_does_not_stop_the_others(school: School) -> None:
    """The poison pill: one course that is gone blocked every later one for ever."""
    school.set(limit_percent=100)
    rows(Course).filter(id=10).delete()
    school.moodle.join(112, [1100])
    run = school.run()
    assert run.status == SyncRun.Status.DONE
    assert "person1100" in school.members(112)
    assert school.site.room_of(101)["archived"]


def test_a_failed_course_stays_pending_and_is_tried_again(school: School) -> None:
    IntegratedCourse.objects.update(pending_sync=True)
    school.chat.fault("refuse", endpoint="groups.invite")
    school.moodle.join(102, [1000])
    school.run()
    assert IntegratedCourse.objects.get(course_id=10).pending_sync
    school.run()
    assert not IntegratedCourse.objects.get(course_id=10).pending_sync
    assert "person1000" in school.members(102)


def test_the_role_filter_has_an_effect(school: School) -> None:
    school.moodle.join(101, [1050])
    school.run()
    assert "person1050" in school.members(101)
    IncludedRole.objects.filter(role_id=TEACHER).delete()
    school.run()
    assert "person1050" not in school.members(101)


def test_blank_and_broken_patterns_match_nothing_and_are_refused_when_saved(school: School) -> None:
    for pattern in ("", "(", "[", "*"):
        with pytest.raises(ValidationError):
            GroupRegexFilter(pattern=pattern).full_clean()


# ── Others (3) ───────────────────────────────────────────────────────────────────────────────────


def test_a_disabled_method_takes_its_people_out(school: School) -> None:
    """Matrix: a condition that was always true let a disabled method remove nobody."""
    school.set(limit_percent=100)
    rows(Enrol).filter(id=10).update(status=1)
    run = school.run()
    assert run.status == SyncRun.Status.DONE, run.message
    assert school.members(101) == set()


def test_another_method_keeps_who_lost_one(school: School) -> None:
    """Matrix: any unenrolment removed the person."""
    rows(Enrol).create(id=99, enrol="self", courseid=10, status=0)
    rows(UserEnrolment).create(enrolid=99, userid=1000, timeend=0)
    rows(UserEnrolment).filter(enrolid=10, userid=1000).delete()
    assert school.run().planned == {}


def test_reactivation_brings_back_the_own_groups_only(school: School) -> None:
    """Mattermost: who was reactivated landed in every group's channel."""
    suspend_in(10, 1000)
    school.run()
    suspend_in(10, 1000, away=False)
    school.run()
    assert "person1000" in school.members(101)
    assert "person1000" not in school.members(102)


def test_a_change_of_role_kicks_nobody(school: School) -> None:
    """ESUP: Moodle gives the new role, then takes the old one; the person was kicked."""
    school.moodle.change_role(10, 1000, TEACHER)
    run = school.run()
    assert run.applied == {"set_room_role": 1}
    assert "person1000" in school.members(101)


def test_one_channel_that_cannot_be_changed_does_not_end_the_loop(school: School) -> None:
    """Rocket.Chat's LDAP sync: return where continue was meant."""
    world = school.chat.application.world
    with world.lock:
        world.remove_room(world.rooms[school.site.room_of(101)["id"]])
    school.moodle.leave(102, [1005])
    school.moodle.leave(111, [1100])
    school.run()
    assert "person1005" not in school.members(102)
    assert "person1100" not in school.members(111)


def test_a_taken_address_never_costs_anybody_the_account(unsynced_school: School) -> None:
    """HPI: the password of whoever had the address was reset."""
    world = unsynced_school.chat.application.world
    with world.lock:
        owner = world.add_user(
            "owner", name="Owner", email="person1000@example.invalid", password="mine"
        )
        digest = owner.password_digest
    unsynced_school.run()
    assert owner.password_digest == digest
    stored = [value for link in AccountLink.objects.values_list() for value in link]
    assert not any("password" in str(value) for value in stored)


# ── Complaints (5) ───────────────────────────────────────────────────────────────────────────────


def test_a_second_run_removes_and_adds_nobody(school: School) -> None:
    """Rocket.Chat #15673: everyone was removed and added again in each run."""
    school.chat.reset_stats()
    run = school.run()
    assert run.planned == {}
    posts = {e for e in school.chat.stats()["by_endpoint"] if e.startswith("POST")}
    assert posts <= {"POST login", "POST logout"}


def test_a_manager_of_the_category_is_no_member_unless_the_role_is_included(school: School) -> None:
    """o365 #1398."""
    rows(Role).create(id=1, shortname="manager")
    school.moodle.person(1099)
    rows(RoleAssignment).create(roleid=1, contextid=2, userid=1099)
    school.moodle.join(101, [1099])
    school.run()
    assert "person1099" not in school.members(101)


def test_nothing_is_ever_deleted_in_rocketchat(school: School) -> None:
    """o365 #1650."""
    school.set(limit_percent=100, on_course_deleted="archive")
    rows(Course).filter(id__gt=1).delete()
    for user_id in range(1000, 1110):
        school.moodle.change_person(user_id, deleted=1)
    school.run(force=True)
    assert len(school.site.rooms()) == 4
    assert len([name for name in school.users() if name.startswith("person")]) == 20
    calls = school.chat.stats()["by_endpoint"]
    assert not [endpoint for endpoint in calls if "delete" in endpoint.lower()]


def test_a_room_that_the_bot_was_removed_from_is_said_and_not_made_anew(school: School) -> None:
    """local_rocketchat: a room without the bot counted as missing."""
    world = school.chat.application.world
    with world.lock:
        room = world.rooms[school.site.room_of(101)["id"]]
        bot = world.user_named("rcsync-bot")
        assert bot is not None
        world.unsubscribe(room, bot)
    school.moodle.join(101, [1005])
    school.run()
    assert len(school.site.rooms()) == 4
