"""Channels of whole courses where administrators change their mind, and names and texts are odd."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from integration.models import ChannelLink
from integration.services.in_course.permalinks import Permalinks
from integration.services.sync.course_groups import course_group_id
from moodle.models import Course
from tests.support.school import School
from tests.support.site import BOT
from tests.support.small_moodle import rows

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
EVERYBODY = course_group_id(10)
PEOPLE = 11  # ten students and a teacher


def people(school: School) -> int:
    return len(school.members(EVERYBODY))


def test_off_and_on_again_it_is_the_same_channel_with_the_people_of_now(
    school: School, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    cache.clear()
    school.set(whole_course=True, on_pattern_unmatched="archive", limit_percent=100)
    school.run()
    link = ChannelLink.objects.get(moodle_group_id=EVERYBODY)
    path = Permalinks().of_channel(link)
    assert people(school) == PEOPLE
    school.set(whole_course=False)
    assert school.run().applied == {"archive": 2}
    assert Client().get(path).status_code == 410
    assert school.run().planned == {}
    school.moodle.enrol(10, school.moodle.people(1900, 1))
    school.set(whole_course=True)
    assert school.run().applied["unarchive"] == 2
    cache.clear()
    assert people(school) == PEOPLE + 1
    assert ChannelLink.objects.get(moodle_group_id=EVERYBODY).room_id == link.room_id
    assert Client().get(path).status_code == 302
    assert school.run().planned == {}


def test_off_by_default_it_is_kept_for_who_is_still_entitled_and_nobody_joins(
    school: School,
) -> None:
    school.set(whole_course=True, limit_percent=100)
    school.run()
    school.set(whole_course=False)
    assert school.run().applied == {}
    school.moodle.unenrol(10, [1000])
    school.moodle.enrol(10, school.moodle.people(1900, 1))
    school.run()
    assert "person1000" not in school.members(EVERYBODY)
    assert school.run().planned == {}


def test_groups_that_moodle_hides_are_no_reason_to_leave_anybody_out(school: School) -> None:
    """The channel of the whole course shows who is in the course, not who is in which group."""
    school.moodle.change_group(101, visibility=3)
    school.set(whole_course=True)
    school.run()
    assert people(school) == PEOPLE


@pytest.mark.parametrize("together", [True, False])
def test_a_name_that_a_group_has_too_is_told_apart(school: School, together: bool) -> None:
    school.moodle.group(103, 10, "C10", range(1000, 1003))
    school.set(name_template="{group}", whole_course=together)
    school.run()
    school.set(whole_course=True)
    school.run()
    names = dict(ChannelLink.objects.values_list("moodle_group_id", "name"))
    assert {names[103], names[EVERYBODY]} == ({"C10", "C10-103"} if together else {"C10", "C10-10"})
    assert school.run().planned == {}


def test_the_number_of_a_whole_course_is_the_courses(school: School) -> None:
    school.set(
        whole_course=True,
        course_name_template="{course}-{group_id}",
        topic_template="Number {group_id}",
    )
    school.run()
    room = school.site.room_of(EVERYBODY)
    assert (room["name"], room["topic"]) == ("C10-10", "Number 10")
    assert school.run().planned == {}


def test_texts_that_are_too_long_are_cut_once_and_not_written_again(school: School) -> None:
    rows(Course).filter(id=10).update(fullname="Ä very long name " * 14)
    school.set(
        whole_course=True,
        topic_template="{course_fullname} {course_fullname}",
        description_template="{course_fullname}" * 10,
        announcement_template="{course_fullname}" * 10,
    )
    school.run()
    room = school.site.room_of(EVERYBODY)
    lengths = [len(room[name]) for name in ("topic", "description", "announcement")]
    assert 200 < lengths[0] <= 250
    assert 900 < min(lengths[1:]) <= max(lengths[1:]) <= 1000
    school.chat.reset_stats()
    assert school.run(full_check=True).planned == {}
    assert "POST rooms.saveRoomSettings" not in school.chat.stats()["by_endpoint"]


def test_the_bot_alone_stays_where_nobody_in_the_course_has_a_role(school: School) -> None:
    school.set(whole_course=True, limit_percent=100, unexplained_percent=100)
    school.run()
    school.moodle.unenrol(10, range(1000, 1060))
    school.run()
    assert set(school.site.room_of(EVERYBODY)["members"]) == {BOT}
    assert school.run().planned == {}
