"""What becomes of channels, members and accounts whose reason is gone: each policy, grace, and the
way back.
"""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.formats import date_format

from integration.domain.state import Scope
from integration.models import (
    AccountLink,
    ChannelLink,
    GroupRegexFilter,
    IntegratedCourse,
    PendingEnding,
    SyncRun,
)
from integration.services.admin.why import why_channel, why_person
from integration.services.moodle.reader import MoodleReader
from moodle.models import Course, CourseCategory, RoleAssignment, UserEnrolment
from tests.support.school import School, a_school
from tests.support.small_moodle import rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
DAY = 24 * 3600


@pytest.fixture
def school(school: School) -> School:
    school.set(limit_percent=100)
    return school


# ── Channels ─────────────────────────────────────────────────────────────────────────────────────


def unmatched(school: School, away: bool) -> None:
    if away:
        GroupRegexFilter.objects.create(pattern="101", kind=GroupRegexFilter.Kind.EXCLUDE)
    else:
        GroupRegexFilter.objects.filter(kind=GroupRegexFilter.Kind.EXCLUDE).delete()


def deleted(school: School, away: bool) -> None:
    if away:
        school.moodle.delete_group(101)
    else:
        school.moodle.group(101, 10, "Group 101", range(1000, 1005))


def hidden(school: School, away: bool) -> None:
    rows(Course).filter(id=10).update(visible=not away)


def category_hidden(school: School, away: bool) -> None:
    rows(CourseCategory).update(visible=not away)


def ended(school: School, away: bool) -> None:
    rows(Course).filter(id=10).update(enddate=int(time.time()) - DAY if away else 0)


def course_deleted(school: School, away: bool) -> None:
    rows(Course).filter(id=10).update(id=999) if away else rows(Course).filter(id=999).update(id=10)


def not_integrated(school: School, away: bool) -> None:
    if away:
        IntegratedCourse.objects.filter(course_id=10).delete()
    else:
        IntegratedCourse.objects.create(course_id=10)


CHANNEL_CASES = {
    "on_pattern_unmatched": unmatched,
    "on_group_deleted": deleted,
    "on_course_hidden": hidden,
    "on_category_hidden": category_hidden,
    "on_course_ended": ended,
    "on_course_deleted": course_deleted,
    "on_course_removed": not_integrated,
}


@pytest.mark.parametrize("policy", CHANNEL_CASES)
@pytest.mark.parametrize(
    ("choice", "archived", "read_only"),
    [("keep", False, False), ("read_only", False, True), ("archive", True, False)],
)
def test_every_ending_of_a_channel_and_its_way_back(
    school: School, policy: str, choice: str, archived: bool, read_only: bool
) -> None:
    school.set(**{policy: choice})
    members = school.members(101)
    CHANNEL_CASES[policy](school, True)
    assert school.run().status == SyncRun.Status.DONE
    room = school.site.room_of(101)
    assert (room["archived"], room["ro"]) == (archived, read_only)
    assert school.members(101) == members, "an ending removes nobody"
    CHANNEL_CASES[policy](school, False)
    assert school.run().status == SyncRun.Status.DONE
    room = school.site.room_of(101)
    assert (room["archived"], room["ro"]) == (False, False)
    assert school.members(101) == members


def test_channels_are_read_only_outside_the_dates_of_their_course(school: School) -> None:
    """Before it begins, inside, after its end: everybody stays in all the time."""
    school.set(on_course_not_begun="read_only", on_course_ended="read_only")
    now, members = int(time.time()), school.members(101)
    seen = []
    for begin, end in ((DAY, 0), (-DAY, 2 * DAY), (-2 * DAY, -DAY), (0, 0)):
        dates = {"startdate": begin and now + begin, "enddate": end and now + end}
        rows(Course).filter(id=10).update(**dates)
        assert school.run().status == SyncRun.Status.DONE
        assert school.members(101) == members
        link = ChannelLink.objects.get(moodle_group_id=101)
        seen.append((school.site.room_of(101)["ro"], link.ended))
        assert school.run().applied == {}, "a second run changes nothing"
    assert seen == [(True, "read_only"), (False, ""), (True, "read_only"), (False, "")]


def test_a_new_channel_of_a_course_to_come_is_made_read_only_and_opens_when_it_begins(
    school: School,
) -> None:
    school.set(on_course_not_begun="read_only")
    tomorrow = int(time.time()) + DAY
    rows(Course).filter(id=10).update(startdate=tomorrow)
    school.moodle.group(103, 10, "Group 103", range(1000, 1003))
    assert school.run().applied["create_channel"] == 1
    assert school.site.room_of(103)["ro"]
    assert len(school.members(103)) == 3
    (step,) = [one for one in why_channel(103).steps if one.title == "Course"]
    day = date_format(datetime.fromtimestamp(tomorrow, UTC), "DATE_FORMAT")
    assert f"Its channels are read-only: the course begins on {day}." in step.sentences[0].text
    assert f"3 people, read-only: the course begins on {day}" in why_channel(103).verdict.text
    rows(Course).filter(id=10).update(startdate=tomorrow - 2 * DAY)
    assert school.run().applied["unset_read_only"] == 3
    assert not school.site.room_of(103)["ro"]
    assert "as it should be" in why_channel(103).verdict.text


def test_a_course_that_has_ended_says_since_when_to_whoever_asks_why(school: School) -> None:
    school.set(on_course_ended="read_only")
    rows(Course).filter(id=10).update(enddate=1769900400)
    (step,) = [one for one in why_channel(101).steps if one.title == "Course"]
    assert "It ended on 31 Jan 2026." in step.sentences[0].text


# ── Members and accounts ─────────────────────────────────────────────────────────────────────────


def suspend(school: School, away: bool) -> None:
    school.moodle.change_person(1000, suspended=int(away))


def delete(school: School, away: bool) -> None:
    school.moodle.change_person(1000, deleted=int(away))


def unenrol(school: School, away: bool) -> None:
    rows(UserEnrolment).filter(userid=1000).update(status=int(away))


def lose_role(school: School, away: bool) -> None:
    rows(RoleAssignment).filter(userid__in=[1000, -1000]).update(userid=-1000 if away else 1000)


MEMBER_CASES = {
    "remove_suspended": suspend,
    "remove_deleted": delete,
    "remove_unenrolled": unenrol,
    "remove_without_role": lose_role,
}


@pytest.mark.parametrize("policy", MEMBER_CASES)
@pytest.mark.parametrize("remove", [True, False])
def test_every_ending_of_a_membership_and_its_way_back(
    school: School, policy: str, remove: bool
) -> None:
    school.set(**{policy: remove, "deactivation": "never"})
    MEMBER_CASES[policy](school, True)
    run = school.run()
    assert ("person1000" in school.members(101)) is not remove, run.skips
    MEMBER_CASES[policy](school, False)
    school.run()
    assert "person1000" in school.members(101)


@pytest.mark.parametrize(
    ("policy", "change"),
    [("suspended", suspend), ("deleted", delete), ("without_role", lose_role)],
)
@pytest.mark.parametrize("deactivate", [True, False])
def test_an_account_is_deactivated_by_policy_and_comes_back(
    school: School, policy: str, change: Any, deactivate: bool
) -> None:
    school.set(**{f"deactivate_{policy}": deactivate})
    change(school, True)
    school.run()
    assert school.users()["person1000"] is not deactivate
    assert AccountLink.objects.get(moodle_user_id=1000).deactivated is deactivate
    change(school, False)
    school.run()
    assert school.users()["person1000"]
    assert "person1000" in school.members(101)


@pytest.mark.parametrize(
    ("deactivation", "active"), [("never", True), ("moodle_account", True), ("enrolment", False)]
)
def test_losing_every_enrolment_deactivates_only_where_wanted(
    school: School, deactivation: str, active: bool
) -> None:
    school.set(deactivation=deactivation)
    unenrol(school, True)
    school.run()
    assert school.users()["person1000"] is active


def test_a_run_over_one_course_leaves_to_a_full_pass_who_may_hold_a_role_elsewhere(
    school: School,
) -> None:
    school.set(deactivate_without_role=True)
    lose_role(school, True)
    here = Scope(courses=frozenset({10}))
    assert school.run(scope=here).applied == {"remove_member": 1}
    assert school.run().applied == {"deactivate": 1}
    assert school.run(scope=here).applied == {}
    assert not school.users()["person1000"]
    lose_role(school, False)
    assert school.run(scope=here).applied == {"activate": 1, "add_members": 1}


def test_a_pass_in_parts_also_finds_who_lost_every_role(school: School) -> None:
    school.set(deactivate_without_role=True)
    lose_role(school, True)
    linked = frozenset(AccountLink.objects.values_list("moodle_user_id", flat=True))
    for course in (10, 11):
        assert "deactivate" not in school.run(scope=Scope(courses=frozenset({course}))).applied
    people = Scope(courses=frozenset(), users=linked)
    assert school.run(scope=people).applied == {"deactivate": 1}
    school.by_hand_active("person1000", active=True)
    assert "deactivate" not in school.run(scope=Scope(courses=frozenset({10}))).applied


# ── Grace ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`days_later(3)`: Moodle is read so much later than now."""
    read = MoodleReader._read

    def wait(days: float) -> None:
        later = lambda: time.time() + days * DAY  # noqa: E731

        def _read(reader: Any, *args: Any) -> Any:
            reader._clock = later
            return read(reader, *args)

        monkeypatch.setattr(MoodleReader, "_read", _read)

    return wait


def test_within_the_days_of_grace_nothing_is_taken_away(school: School, days_later: Any) -> None:
    school.set(grace_members=3, grace_accounts=5, grace_channels=7)
    suspend(school, True)
    school.moodle.delete_group(102)
    assert school.run().applied == {}
    assert PendingEnding.objects.count() == 3
    days_later(2.9)
    assert school.run().applied == {}
    days_later(3.1)
    assert school.run().applied == {"remove_member": 1}
    days_later(5.1)
    assert school.run().applied == {"deactivate": 1}
    days_later(7.1)
    assert school.run().applied == {"archive": 1}
    assert PendingEnding.objects.count() == 0


def test_who_comes_back_within_the_days_of_grace_starts_anew(
    school: School, days_later: Any
) -> None:
    school.set(grace_members=3, grace_accounts=3)
    suspend(school, True)
    school.run()
    days_later(2)
    suspend(school, False)
    school.run()
    assert PendingEnding.objects.count() == 0
    suspend(school, True)
    days_later(4)
    assert school.run().applied == {}
    assert "person1000" in school.members(101)


# ── Ownership ────────────────────────────────────────────────────────────────────────────────────


def test_people_added_by_hand_stay_whatever_happens(school: School) -> None:
    school.by_hand("guest.lecturer", 101, 102)
    school.moodle.leave(101, range(1000, 1005))
    school.moodle.delete_group(102)
    school.run()
    assert school.members(101) == {"guest.lecturer"}
    assert "guest.lecturer" in school.members(102)


def test_an_account_that_existed_before_is_never_deactivated_unless_told(settings: Any) -> None:
    with a_school(settings, synced=False) as school:
        world = school.chat.application.world
        with world.lock:
            world.add_user(
                "old.hand", name="Old", email="person1000@example.invalid", verified=True
            )
        school.run()
        suspend(school, True)
        school.run()
        assert school.users()["old.hand"]
        school.set(deactivate_adopted=True)
        school.run()
        assert not school.users()["old.hand"]


@pytest.mark.parametrize("how", ["admin", "bot", "listed"])
def test_administrators_bots_and_the_protected_list_are_never_touched(
    school: School, how: str
) -> None:
    world = school.chat.application.world
    with world.lock:
        user = world.user_named("person1000")
        assert user is not None
        if how != "listed":
            user.roles = [how]
            world.touch_user(user)
    if how == "listed":
        school.set(protected_usernames="Person1000")
    suspend(school, True)
    run = school.run()
    assert school.users()["person1000"]
    assert "person1000" in school.members(101)
    assert any("protected" in skip["reason"] for skip in run.skips)


def test_only_what_rcsync_deactivated_is_reactivated(school: School) -> None:
    world = school.chat.application.world
    suspend(school, True)
    school.run()
    with world.lock:  # somebody wakes the account, and puts it to sleep for another reason
        user = world.user_named("person1000")
        assert user is not None
        user.active = True
        world.touch_user(user)
    school.run()
    assert not school.users()["person1000"], "the policy deactivates it again"
    suspend(school, False)
    school.run()
    assert school.users()["person1000"]
    with world.lock:
        user.active = False
        world.touch_user(user)
    run = school.run()
    assert not school.users()["person1000"]
    assert run.conflicts[0]["kind"] == "account_inactive"


@pytest.mark.parametrize(("respect", "back"), [(False, True), (True, False)])
def test_people_who_left_by_themselves_come_back_by_policy_only(
    school: School, respect: bool, back: bool
) -> None:
    school.set(respect_leavers=respect)
    world = school.chat.application.world
    with world.lock:
        room = world.rooms[school.site.room_of(101)["id"]]
        user = world.user_named("person1000")
        assert user is not None
        world.unsubscribe(room, user)
    school.run()
    assert ("person1000" in school.members(101)) is back


def test_why_names_what_waits_and_its_day(school: School) -> None:
    school.set(grace_members=3, deactivation="never")
    suspend(school, True)
    school.run()
    (sentence,) = why_person(1000).steps[-1].sentences
    day = date_format(datetime.fromtimestamp(PendingEnding.objects.get().due, UTC))
    assert f"On {day}: remove person1000 from" in sentence.text
    assert sentence.text.endswith("(suspended in Moodle).")
