"""What people do in Rocket.Chat that a look has to notice, and to say once."""

from collections.abc import Iterator
from typing import Any

import pytest

from integration.domain.conflicts import ConflictKind
from integration.models import Conflict, ManagedMembership, SyncOperation, SyncRun
from integration.services.monitoring import digest
from integration.services.monitoring.course_states import CourseState
from tests.support.school import School
from tests.support.site import BOT
from tests.support.standin_client import Client
from tests.support.states import states

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]
Status = SyncRun.Status


@pytest.fixture
def client(school: School) -> Iterator[Client]:
    with Client(school.chat) as client:
        yield client


def ban(school: School, client: Client, username: str, group_id: int) -> None:
    user = next(one for one in school.chat.state()["users"] if one["username"] == username)
    room_id = school.site.room_of(group_id)["id"]
    client.post("rooms.banUser", roomId=room_id, userId=user["id"])
    assert username not in school.members(group_id)


def banned(school: School, group_id: int) -> list[str]:
    return list(school.site.room_of(group_id)["banned"])


# ── Bans ──────────────────────────────────────────────────────────────────────────────────────────


def test_of_five_who_join_and_one_who_is_banned_four_are_ours_and_one_row_names_the_other(
    school: School, client: Client
) -> None:
    newcomers = school.moodle.people(1060, 5)
    school.moodle.enrol(10, newcomers)
    school.moodle.join(102, newcomers)
    school.run()
    school.moodle.join(101, newcomers)
    world = school.chat.application.world
    room = world.rooms[school.site.room_of(101)["id"]]
    user = world.user_named("person1062")
    assert user
    with world.lock:
        room.banned.append(user.id) if isinstance(room.banned, list) else room.banned.add(user.id)
    run = school.run()
    assert run.status == Status.DONE, "a ban is no failure"
    assert {f"person{number}" for number in newcomers} - school.members(101) == {"person1062"}
    ours = ManagedMembership.objects.filter(channel__moodle_group_id=101, ours=True)
    there = set(ours.values_list("account__moodle_user_id", flat=True))
    assert set(newcomers) - there == {1062}
    row = SyncOperation.objects.get(run=run, status=SyncOperation.Status.LEFT_ALONE)
    assert "person1062" in row.description
    assert "error-user-is-banned" in row.answer
    school.moodle.leave(101, newcomers)
    school.run()
    assert school.members(101) == {f"person{number}" for number in range(1000, 1005)}
    assert banned(school, 101) == ["person1062"], "the ban stays"


def test_a_ban_is_neither_lifted_nor_worked_against(school: School, client: Client) -> None:
    ban(school, client, "person1000", 101)
    for _ in range(2):
        assert school.run().status == Status.DONE
        assert banned(school, 101) == ["person1000"]
    school.moodle.leave(101, [1000])
    school.run(full_check=True)
    assert banned(school, 101) == ["person1000"], "kicking somebody would lift the ban"


def test_a_banned_teacher_fails_in_no_row(school: School, client: Client) -> None:
    school.moodle.join(101, [1050])
    school.run()
    ban(school, client, "person1050", 101)
    run = school.run(full_check=True)
    assert run.status == Status.DONE
    assert not run.operations.filter(status=SyncOperation.Status.FAILED).exists()


# ── Silent drift ──────────────────────────────────────────────────────────────────────────────────


def change_room(school: School, group_id: int, **values: Any) -> None:
    world = school.chat.application.world
    with world.lock:
        room = world.rooms[school.site.room_of(group_id)["id"]]
        for name, value in values.items():
            setattr(room, name, value)
        world.touch_room(room)


def put_the_bot_out(school: School, group_id: int) -> None:
    world = school.chat.application.world
    with world.lock:
        room, bot = world.rooms[school.site.room_of(group_id)["id"]], world.user_named(BOT)
        assert bot
        world.unsubscribe(room, bot)


def said(kind: ConflictKind) -> list[int | None]:
    rows = Conflict.objects.filter(kind=kind, status=Conflict.Status.OPEN)
    return list(rows.values_list("moodle_group_id", flat=True))


def test_a_room_made_public_is_said_until_it_is_private_again(school: School) -> None:
    change_room(school, 101, t="c")
    school.run()
    assert said(ConflictKind.CHANNEL_PUBLIC) == [101]
    assert states()[10] is CourseState.DIFFERS, "on the course too"
    school.run(full_check=True)
    assert Conflict.objects.filter(kind=ConflictKind.CHANNEL_PUBLIC).count() == 1, "said once"
    change_room(school, 101, t="p")
    school.run()
    assert said(ConflictKind.CHANNEL_PUBLIC) == []


def test_a_bot_that_was_put_out_is_said_by_a_normal_run_and_by_a_full_check(
    school: School,
) -> None:
    put_the_bot_out(school, 101)
    school.moodle.leave(101, [1000])
    school.run()
    assert said(ConflictKind.BOT_OUTSIDE) == [101]
    school.run(full_check=True)
    assert said(ConflictKind.BOT_OUTSIDE) == [101]
    assert "person1001" in school.members(101)


def test_members_that_cannot_be_read_are_said_and_nobody_goes(school: School) -> None:
    for path in ("rooms.membersOrderedByRole", "groups.members"):
        school.chat.fault("refuse", endpoint=path, times=99)
    change_room(school, 101, count_error=1)  # so that a normal run has to look
    school.moodle.leave(101, [1000])
    school.run()
    assert said(ConflictKind.MEMBERS_UNREADABLE) == [101]
    assert school.members(101) >= {f"person{number}" for number in range(1001, 1005)}
    school.chat.clear_faults()
    school.run(full_check=True)
    assert said(ConflictKind.MEMBERS_UNREADABLE) == []


def test_drift_is_in_the_digest(school: School) -> None:
    change_room(school, 101, t="c")
    school.run()
    text = digest.compose(digest.find())
    assert "C10-Group-101" in text
    assert "public" in text


def test_a_channel_that_became_a_team_goes_on_and_is_said(school: School, client: Client) -> None:
    room_id = school.site.room_of(101)["id"]
    assert client.post("groups.convertToTeam", roomId=room_id).status == 200
    school.moodle.leave(101, [1000])
    run = school.run()
    assert run.status == Status.DONE
    assert said(ConflictKind.CHANNEL_IS_TEAM) == [101]
    assert school.site.room_of(101)["id"] == room_id, "no second room"
    assert "person1000" not in school.members(101)


def test_a_name_that_snaps_back_is_sent_twice_and_then_said(school: School) -> None:
    world = school.chat.application.world
    school.moodle.change_person(1000, lastname="Newname")
    runs = []
    for _ in range(4):
        runs.append(school.run())
        with world.lock:
            user = world.user_named("person1000")
            assert user
            user.name = "Person 1000"
    assert [run.planned.get("update_account", 0) for run in runs] == [1, 1, 0, 0]
    conflicts = Conflict.objects.filter(kind=ConflictKind.NOT_KEPT)
    assert [one.moodle_user_id for one in conflicts] == [1000]
    school.moodle.change_person(1000, lastname="1000")
    school.run()
    assert not conflicts.filter(status=Conflict.Status.OPEN).exists()


def test_a_name_and_a_topic_that_a_room_does_not_take_are_sent_twice_and_then_said(
    school: School,
) -> None:
    school.set(topic_template="{group}")
    school.run()
    school.chat.fault("not_done", endpoint="rooms.saveRoomSettings", times=99)
    school.moodle.change_group(101, name="Renamed")
    runs = [school.run() for _ in range(4)]
    assert [run.planned.get("rename_channel", 0) for run in runs] == [1, 1, 0, 0]
    assert [run.planned.get("set_topic", 0) for run in runs] == [1, 1, 0, 0]
    assert said(ConflictKind.NOT_KEPT) == [101]
    school.chat.clear_faults()
    school.moodle.change_group(101, name="Renamed again")
    school.run()
    assert school.site.room_of(101)["name"] == "C10-Renamed-again"
    assert said(ConflictKind.NOT_KEPT) == []


def test_a_name_that_was_kept_is_not_said(school: School) -> None:
    for name in ("One", "Two", "Three", "Four"):
        school.moodle.change_person(1000, lastname=name)
        assert school.run().applied == {"update_account": 1}
    assert not Conflict.objects.filter(kind=ConflictKind.NOT_KEPT).exists()


def test_a_room_of_others_is_linked_only_when_the_bot_is_in_it(school: School) -> None:
    """Somebody made a private room of the wanted name first."""
    world = school.chat.application.world
    with world.lock:
        owner = world.add_user("somebody", name="Somebody", email="s@example.invalid")
        world.add_room("C10-Group-109", owner, "p", fname="C10-Group-109")
    school.moodle.group(109, 10, "Group 109", [1000])
    school.run()
    conflict = Conflict.objects.get(kind=ConflictKind.CHANNEL_NAME_TAKEN)
    assert "add the bot to that room" in str(conflict.advice)


def test_both_names_of_a_room_count_when_a_name_is_looked_for(school: School) -> None:
    world = school.chat.application.world
    with world.lock:
        owner = world.add_user("somebody", name="Somebody", email="s@example.invalid")
        world.add_room("C10-Group-109", owner, "p", fname="Shown Otherwise")
    school.moodle.group(109, 10, "Group 109", [1000])
    run = school.run()
    assert run.planned.get("create_channel", 0) == 0
    assert said(ConflictKind.CHANNEL_NAME_TAKEN) == [109]
