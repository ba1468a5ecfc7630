"""Topic, description and announcement from the settings to Rocket.Chat and back."""

import pytest

from integration.domain.operations import SetTexts
from integration.domain.room_texts import TEXTS, RoomTexts
from integration.management.operator import Operator
from integration.models import ChannelLink, SyncRun
from integration.services.runs import undo_orders
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
KIND = SetTexts.kind


def texts_of(school: School, group_id: int = 101) -> RoomTexts:
    """As Rocket.Chat has them; what rcsync stored is the same."""
    room = school.site.room_of(group_id)
    there = RoomTexts(*(room[name] or "" for name in TEXTS))
    link = ChannelLink.objects.get(moodle_group_id=group_id)
    assert (link.topic, link.description, link.announcement) == there
    return there


def by_hand(school: School, **texts: str) -> None:
    """Somebody changes texts of the channel of group 101 in Rocket.Chat."""
    world = school.chat.application.world
    with world.lock:
        room = world.rooms[school.site.room_of(101)["id"]]
        for name, text in texts.items():
            setattr(room, name, text)
        world.touch_room(room)


def switch_on(school: School) -> SyncRun:
    school.set(description_template="All of {group}", announcement_template="Begins in {course}")
    return school.run()


def test_switched_on_later_they_reach_every_channel_in_one_request_each(school: School) -> None:
    channels = ChannelLink.objects.count()
    before = texts_of(school)
    school.chat.reset_stats()
    run = switch_on(school)
    assert run.applied == {KIND: channels}
    assert school.chat.stats()["by_endpoint"]["POST rooms.saveRoomSettings"] == channels
    assert texts_of(school) == before._replace(
        description="All of Group 101", announcement="Begins in C10"
    )
    assert school.run().applied == {}


def test_a_preview_names_what_would_be_set_and_sets_nothing(school: School) -> None:
    school.set(description_template="All of {group}")
    seen = school.site.run(SyncRun.Kind.PREVIEW)
    assert seen.report is not None
    lines = [one.describe() for one in seen.report.plan.operations]
    assert len(lines) == ChannelLink.objects.count() == seen.run.planned[KIND]
    assert "set description of C10-Group-101: All of Group 101" in lines
    assert texts_of(school).description == ""


def test_what_somebody_wrote_stays_until_moodle_changes_it(school: School) -> None:
    switch_on(school)
    by_hand(school, description="Ask Anna")
    assert school.run().applied == {}
    assert school.run(full_check=True).planned == {}
    school.moodle.change_group(101, name="Renamed")
    assert school.run().applied == {"rename_channel": 1, KIND: 1}
    assert texts_of(school).description == "All of Renamed"


def test_switched_off_they_stay_as_they_are(school: School) -> None:
    switch_on(school)
    there = texts_of(school)
    school.set(description_template="", announcement_template="")
    assert school.run().applied == {}
    assert texts_of(school) == there


def test_a_new_channel_has_them_from_the_beginning(school: School) -> None:
    switch_on(school)
    school.moodle.group(103, 10, "Group 103", range(1000, 1003))
    assert school.run().applied["create_channel"] == 1
    assert texts_of(school, 103).description == "All of Group 103"
    assert school.run().applied == {}


def test_an_undo_gives_the_former_texts_back(school: School) -> None:
    before = texts_of(school)
    run = switch_on(school)
    by_hand(school, announcement="Written since")
    undone = school.carry_out(undo_orders.undo(run, Operator("anna"), "not like this"))
    assert undone.status == SyncRun.Status.DONE
    room = school.site.room_of(101)
    assert (room["description"] or "", room["announcement"]) == ("", "Written since")
    assert texts_of(school, 102).topic == before.topic.replace("101", "102")


def test_a_yes_that_was_no_deed_is_found_and_sent_again(school: School) -> None:
    school.chat.fault("not_done", endpoint="rooms.saveRoomSettings", times=4)
    switch_on(school)
    school.run()
    assert texts_of(school).announcement == "Begins in C10"
    assert school.run().applied == {}
