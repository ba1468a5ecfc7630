"""Whose installation a room is: two Moodles on one Rocket.Chat, and rooms of older versions."""

from collections.abc import Iterator
from typing import Any

import pytest

from integration.models import ChannelLink, Conflict, IntegrationSettings, SyncOperation, SyncRun
from integration.services.admin import link_targets
from tests.support.school import GROUPS, School, a_school
from tests.support.site import chat_content

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


@pytest.fixture(params=["6.5", "8.8"])  # marks are looked up by name, marks are listed
def school(settings: Any, request: pytest.FixtureRequest) -> Iterator[School]:
    with a_school(settings, like=request.param) as school:
        school.set(limit_percent=100)
        yield school


def as_another_installation(school: School) -> None:
    """An empty database beside the first: another Moodle, or a yearly clone."""
    ChannelLink.objects.all().delete()
    school.set(installation="another")


def fields_of(school: School, group_id: int) -> dict[str, Any]:
    return dict(school.site.room_of(group_id)["customFields"])


def change_fields(school: School, group_id: int, **fields: Any) -> None:
    """None: without the field."""
    world = school.chat.application.world
    with world.lock:
        room = world.rooms[school.site.room_of(group_id)["id"]]
        kept = {**(room.custom_fields or {}), **fields}
        room.custom_fields = {name: value for name, value in kept.items() if value is not None}
        world.touch_room(room)


def conflicts(kind: str) -> list[int | None]:
    rows = Conflict.objects.filter(kind=kind, status=Conflict.Status.OPEN)
    return sorted(rows.values_list("moodle_group_id", flat=True), key=str)


def test_every_room_carries_the_id_of_the_installation_that_made_it(school: School) -> None:
    ours = IntegrationSettings.load().installation
    assert len(ours) == 16
    for group_id in GROUPS:
        assert fields_of(school, group_id) == {
            "moodle_course": group_id // 10,
            "moodle_group": group_id,
            "rcsync": ours,
        }


def test_rooms_of_another_installation_are_a_conflict_and_stay_untouched(school: School) -> None:
    before = chat_content(school.chat)
    as_another_installation(school)
    school.moodle.leave(101, [1000])
    school.moodle.join(102, [1000])
    run = school.run()
    assert run.status == SyncRun.Status.DONE
    assert chat_content(school.chat) == before
    assert conflicts("foreign_mark") == sorted(GROUPS)
    assert not ChannelLink.objects.exists()


def test_two_installations_with_other_names_live_side_by_side(school: School) -> None:
    before = chat_content(school.chat)["rooms"]
    as_another_installation(school)
    school.set(name_template="B-{course_shortname}-{group}")
    school.run()
    after = chat_content(school.chat)["rooms"]
    assert all(room in after for room in before)
    assert len(after) == len(before) + len(GROUPS)
    assert not conflicts("foreign_mark")


def test_a_channel_is_never_renamed_over_a_room_of_another_installation(school: School) -> None:
    change_fields(school, 102, rcsync="another")
    ChannelLink.objects.filter(moodle_group_id=102).delete()
    school.moodle.change_group(101, name="Group 102")
    school.moodle.delete_group(102)
    school.run()
    assert conflicts("foreign_mark") == ([101] if marks_are_listed(school) else [])
    assert conflicts("channel_name_taken") == ([] if marks_are_listed(school) else [101])
    assert school.site.room_of(101)["name"] == "C10-Group-101"


def marks_are_listed(school: School) -> bool:
    return school.chat.world.dialect.at_least(8, 7)


def test_a_linked_room_that_another_installation_marked_is_left_alone(school: School) -> None:
    """Only where the server lists marks: elsewhere that would be a request for each room."""
    if not marks_are_listed(school):
        pytest.skip("this server does not list marks")
    change_fields(school, 101, rcsync="another")
    school.moodle.change_group(101, name="Renamed")
    school.moodle.leave(101, [1000])
    before = chat_content(school.chat)
    school.run()
    assert chat_content(school.chat) == before
    assert conflicts("foreign_mark") == [101]


def test_nobody_may_link_a_group_to_a_room_of_another_installation(school: School) -> None:
    as_another_installation(school)
    school.run()
    conflict = Conflict.objects.get(kind="foreign_mark", moodle_group_id=101)
    candidate, _ = link_targets.read_target(conflict, conflict.remote_id)
    assert "another installation" in candidate.problem


def test_a_room_of_an_older_version_is_taken_over_once_and_its_mark_completed(
    school: School,
) -> None:
    change_fields(school, 101, rcsync=None, room_of="the library")
    room_id = school.site.room_of(101)["id"]
    ChannelLink.objects.filter(moodle_group_id=101).delete()
    school.run()
    link = ChannelLink.objects.get(moodle_group_id=101)
    assert (link.room_id, link.created) == (room_id, True)
    ours = IntegrationSettings.load().installation
    assert fields_of(school, 101)["rcsync"] == ours
    assert fields_of(school, 101)["room_of"] == "the library"
    school.run()
    assert SyncOperation.objects.filter(kind="mark_channel").count() == 1


def test_a_linked_room_of_an_older_version_gets_its_mark_where_marks_are_listed(
    school: School,
) -> None:
    change_fields(school, 101, rcsync=None)
    school.run()
    assert ("rcsync" in fields_of(school, 101)) == marks_are_listed(school)


@pytest.mark.parametrize("fields", [{"moodle_group": 999}, {"moodle_course": 999}])
def test_a_room_of_an_older_version_for_another_group_is_not_taken_over(
    school: School, fields: dict[str, int]
) -> None:
    before = school.site.room_of(101)
    ChannelLink.objects.filter(moodle_group_id=101).delete()
    change_fields(school, 101, rcsync=None, **fields)
    school.run()
    assert not ChannelLink.objects.filter(moodle_group_id=101).exists()
    assert conflicts("channel_name_taken") == [101]
    [now] = [one for one in school.chat.state()["rooms"] if one["id"] == before["id"]]
    assert "rcsync" not in now["customFields"]
