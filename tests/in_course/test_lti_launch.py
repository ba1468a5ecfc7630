"""Where a launch leads: by our own rows, whatever a teacher typed; else why there is no channel."""

from typing import Any

import pytest
from django.test import Client

from demo.moodle_activity import FakeMoodle
from integration.domain.state import Ending
from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IntegratedCourse,
    LtiPlatform,
    ManagedMembership,
    SyncRun,
)
from integration.services.in_course.permalinks import Permalinks
from moodle.models import Course
from tests.support.lti import begin, come_back
from tests.support.school import School
from tests.support.small_moodle import STUDENT, rows

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("platform"),
]
pytest.importorskip("jwt")
SOMEBODY = 1000  # in group 101 of course 10


def launch(lms: FakeMoodle, **changes: Any) -> Any:
    sent = begin(lms)
    return come_back(sent, lms.sign(lms.claims(sent["nonce"], **changes)))


def page(lms: FakeMoodle, **changes: Any) -> str:
    answer = launch(lms, **changes)
    assert answer.status_code == 200
    return str(answer.content.decode())


def link(group_id: int) -> str:
    return Permalinks().of_channel(ChannelLink.objects.get(moodle_group_id=group_id))


# --- to a channel ---------------------------------------------------------------------------------


def test_somebody_in_one_channel_comes_there_by_get(school: School, lms: FakeMoodle) -> None:
    answer = launch(lms)
    assert answer.status_code == 303
    assert answer["Location"] == f"{school.chat.url}/group/C10-Group-101"
    assert not answer.cookies


def test_the_room_is_found_under_its_current_name(school: School, lms: FakeMoodle) -> None:
    room = ChannelLink.objects.get(moodle_group_id=101).room_id
    school.chat.application.world.rooms[room].name = "by-hand"
    assert launch(lms)["Location"].endswith("/group/by-hand")


def test_somebody_in_several_channels_chooses(school: School, lms: FakeMoodle) -> None:
    school.moodle.join(102, [SOMEBODY])
    school.run()
    text = page(lms)
    assert "Your channels in this course" in text
    for group in (101, 102):
        assert f'href="{link(group)}" target="_blank"' in text


def test_channels_of_other_courses_do_not_count(school: School, lms: FakeMoodle) -> None:
    school.moodle.enrol(11, [SOMEBODY])
    school.moodle.join(111, [SOMEBODY])
    school.run()
    assert launch(lms).status_code == 303, "still the one of course 10"
    lms.course_id = 11
    assert launch(lms)["Location"].endswith("/group/C11-Group-111")


def test_a_membership_by_hand_counts_too(school: School, lms: FakeMoodle) -> None:
    ManagedMembership.objects.update(ours=False)
    assert launch(lms).status_code == 303


def test_the_page_is_in_the_persons_language(school: School, lms: FakeMoodle) -> None:
    lms.user_id = 1
    for locale, language in (("de_du", "de"), ("fr_ca", "fr"), ("es", "es"), ("xx", "en")):
        lms.locale = locale
        assert f'<html lang="{language}">' in page(lms)


def test_in_a_frame_of_moodle_the_channel_opens_in_a_new_window(
    school: School, lms: FakeMoodle
) -> None:
    lms.target = "iframe"
    answer = launch(lms)
    assert f'href="{link(101)}" target="_blank"' in answer.content.decode()
    assert f"frame-ancestors {lms.url}" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer


def test_other_pages_are_in_nobodys_frame(school: School, lms: FakeMoodle) -> None:
    answer = Client().get(link(101)[:-1])
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


# --- the group that a teacher typed ---------------------------------------------------------------


def test_the_wished_group_is_opened_where_the_person_belongs(
    school: School, lms: FakeMoodle
) -> None:
    school.moodle.join(102, [SOMEBODY])
    school.run()
    lms.custom = {"group": "102"}
    assert launch(lms)["Location"].endswith("/group/C10-Group-102")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("102", "This activity is for the group “Group 102”, and you are not in it."),
        ("111", "This activity is for a group that this course does not have."),
        ("Group 102", "This activity is for a group that this course does not have."),
        ("$Group.id", "This activity is for a group that this course does not have."),
        ("-1", "This activity is for a group that this course does not have."),
    ],
)
def test_a_wrong_group_opens_nothing_and_says_why(
    school: School, lms: FakeMoodle, typed: str, words: str
) -> None:
    lms.custom = {"group": typed}
    text = page(lms)
    assert "You are not in this channel" in text
    assert words in text
    assert link(101) in text, "their own channel is offered"


def test_groups_that_moodle_or_a_teacher_names_do_not_count(
    school: School, lms: FakeMoodle
) -> None:
    lms.custom = {"groups": "102,111,112"}
    assert launch(lms)["Location"].endswith("/group/C10-Group-101")


# --- why not --------------------------------------------------------------------------------------


def why(lms: FakeMoodle, user_id: int = SOMEBODY) -> str:
    lms.user_id = user_id
    return page(lms)


def newcomer(school: School, *groups: int, role: int = STUDENT) -> int:
    school.moodle.person(5000)
    school.moodle.enrol(10, [5000], role)
    for group in groups:
        school.moodle.join(group, [5000])
    return 5000


def test_who_is_in_no_group_is_told_to_ask_the_teacher(school: School, lms: FakeMoodle) -> None:
    text = why(lms, newcomer(school))
    assert "You are not in a channel of this course" in text
    assert "You are in no group of this course." in text
    assert "ask your teacher" in text


def test_whose_enrolment_does_not_count_reads_why(school: School, lms: FakeMoodle) -> None:
    person = newcomer(school, 101)
    school.moodle.unenrol(10, [person])
    assert "not enrolled in the course any more" in why(lms, person)


def test_whose_role_is_not_included_reads_so(school: School, lms: FakeMoodle) -> None:
    assert "Your role in this course is not one of those" in why(lms, newcomer(school, 101, role=9))


def test_whose_group_has_no_channel_reads_which(school: School, lms: FakeMoodle) -> None:
    GroupRegexFilter.objects.create(pattern="102", kind="exclude")
    assert "Your group “Group 102” has no channel." in why(lms, newcomer(school, 102))


def test_who_has_no_account_yet_reads_so_and_that_it_comes(school: School, lms: FakeMoodle) -> None:
    text = why(lms, newcomer(school, 101))
    assert "You have no account in Rocket.Chat yet" in text
    assert "The next sync creates your" in text
    assert "Your channel" not in text
    assert "“Group 101” is waiting for you" in text


def test_where_accounts_come_from_elsewhere_the_person_signs_in_first(
    school: School, lms: FakeMoodle
) -> None:
    school.set(missing_accounts="link_only")
    assert "Sign in to Rocket.Chat once" in why(lms, newcomer(school, 101))


def test_whose_account_is_unclear_is_sent_to_people(school: School, lms: FakeMoodle) -> None:
    person = newcomer(school, 101)
    school.set(help_contact="Ms Chen, chen@example.org", sync_on_launch=True)
    Conflict.objects.create(
        kind="email_taken",
        moodle_user_id=person,
        moodle_side="m",
        advice="a",
        last_seen="2026-01-01T00:00Z",
    )
    text = why(lms, person)
    assert "which Rocket.Chat account is yours" in text
    assert "Ms Chen, chen@example.org" in text
    assert not SyncRun.objects.filter(status="queued").exists()


def test_whose_account_is_switched_off_is_not_sent_to_a_channel(
    school: School, lms: FakeMoodle
) -> None:
    AccountLink.objects.filter(moodle_user_id=SOMEBODY).update(deactivated=True)
    assert "is deactivated" in why(lms)


def test_an_archived_channel_is_not_entered(school: School, lms: FakeMoodle) -> None:
    ChannelLink.objects.filter(moodle_group_id=101).update(ended=Ending.ARCHIVE)
    assert "You are not in a channel of this course" in why(lms)


def test_an_archived_channel_that_comes_back_is_not_called_a_new_one(
    school: School, lms: FakeMoodle
) -> None:
    ChannelLink.objects.filter(moodle_group_id=101).update(ended=Ending.ARCHIVE)
    said = why(lms)
    assert "“Group 101” is archived; the next sync opens it again" in said
    assert "not been created yet" not in said


@pytest.mark.parametrize(
    ("setting", "course", "reason"),
    [
        ("on_course_ended", {"enddate": 1}, "the course has ended"),
        ("on_course_hidden", {"visible": 0}, "the course is hidden"),
    ],
)
def test_a_course_whose_channels_are_closed_promises_no_sync(
    school: School, lms: FakeMoodle, setting: str, course: dict[str, int], reason: str
) -> None:
    school.set(**{setting: "archive", "sync_on_launch": True, "limit_percent": 100})
    rows(Course).filter(id=10).update(**course)
    school.run()
    said = why(lms)
    assert f"The channels of this course are closed: {reason}." in said
    assert "next sync" not in said
    assert not SyncRun.objects.filter(status="queued").exists()


def test_a_channel_that_is_read_only_until_the_course_begins_is_entered(
    school: School, lms: FakeMoodle
) -> None:
    school.set(on_course_not_begun="read_only", limit_percent=100)
    rows(Course).filter(id=10).update(startdate=4102444800)
    assert school.run().applied["set_read_only"] == 2
    assert launch(lms).status_code == 303


def test_the_channel_of_the_whole_course_is_for_people_in_no_group_too(
    school: School, lms: FakeMoodle
) -> None:
    person = newcomer(school)
    school.set(whole_course=True)
    assert "The channel of this course has not been created yet." in why(lms, person)
    school.run()
    answer = launch(lms, sub=str(person))
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/group/C10")


def test_in_a_course_that_is_not_integrated_it_says_so(school: School, lms: FakeMoodle) -> None:
    lms.course_id = 99
    assert "not connected to Rocket.Chat" in why(lms)


def test_somebody_whom_moodle_does_not_know_gets_a_page(school: School, lms: FakeMoodle) -> None:
    assert "Moodle does not know you" in why(lms, 987654)


def test_while_moodle_cannot_be_read_the_page_says_so(
    school: School, lms: FakeMoodle, settings: Any
) -> None:
    person = newcomer(school)
    settings.MOODLE_CONFIGURED = False
    assert "Try again in a few minutes" in why(lms, person)


def test_why_costs_the_same_for_small_and_large_courses(
    school: School, lms: FakeMoodle, django_assert_num_queries: Any
) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    person = newcomer(school)
    why(lms, person)
    with CaptureQueriesContext(connections["moodle"]) as few:
        why(lms, person)
    school.moodle.enrol(10, school.moodle.people(7000, 60))
    school.moodle.join(101, range(7000, 7060))
    with CaptureQueriesContext(connections["moodle"]) as many:
        why(lms, person)
    assert len(few) == len(many)


# --- sync just this person ------------------------------------------------------------------------


def queued() -> list[Any]:
    return [run.scope for run in SyncRun.objects.filter(status="queued")]


def test_by_default_a_launch_starts_no_sync(school: School, lms: FakeMoodle) -> None:
    assert "The next sync does this automatically" in why(lms, newcomer(school, 101))
    assert not queued()


def test_with_the_policy_just_this_person_is_synced_and_once(
    school: School, lms: FakeMoodle
) -> None:
    school.set(sync_on_launch=True)
    person = newcomer(school, 101)
    for _ in range(3):
        assert "Open the activity again in a minute" in why(lms, person)
    assert queued() == [{"courses": [10], "users": [person]}]


def test_after_that_sync_the_launch_opens_the_channel(school: School, lms: FakeMoodle) -> None:
    from tests.support.background import play_worker

    school.set(sync_on_launch=True)
    why(lms, newcomer(school, 101))
    play_worker()
    assert launch(lms)["Location"].endswith("/group/C10-Group-101")


def test_who_does_not_belong_there_is_not_synced(school: School, lms: FakeMoodle) -> None:
    school.set(sync_on_launch=True)
    why(lms, newcomer(school))
    assert not queued()


def test_a_course_that_is_synced_only_by_hand_is_left_alone(
    school: School, lms: FakeMoodle
) -> None:
    school.set(sync_on_launch=True)
    IntegratedCourse.objects.update(background_sync=False, event_sync=False)
    assert "Open the activity again in a minute" not in why(lms, newcomer(school, 101))
    assert not queued()


def test_a_launch_signs_nobody_in(school: School, lms: FakeMoodle) -> None:
    client = Client()
    begin(lms)
    assert client.get("/admin/").status_code == 302
    assert LtiPlatform.objects.count() == 1
