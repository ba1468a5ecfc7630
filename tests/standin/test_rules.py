"""Rules of Rocket.Chat that no recording covers, as the stand-in keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo.standin import ADMIN_ID, ADMIN_USERNAME, StandIn
from tests.support.standin_client import Client, create_room, create_user, login, person, refusal


@pytest.fixture(params=["3.11", "6.5", "8.8"])
def any_server(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(like="8.8") as server:
        yield server


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    with Client(server) as client:
        yield client


# Accounts


def test_of_sixteen_who_create_one_username_at_once_one_succeeds(server: StandIn) -> None:
    def create(number: int) -> int:
        with Client(server) as client:
            wanted = person("twin", email=f"twin{number}@example.com")
            return client.post("users.create", **wanted).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(create, range(16)))
    assert sorted(statuses) == [200] + 15 * [400]
    assert [user["username"] for user in server.state()["users"]].count("twin") == 1


@pytest.mark.parametrize(
    "taken", [{"username": "ANN", "email": "other@example.com"}, {"email": "Ann@Example.com"}]
)
def test_usernames_and_addresses_are_unique_in_any_case(
    any_server: StandIn, taken: dict[str, str]
) -> None:
    with Client(any_server) as client:
        create_user(client, "ann")
        answer = client.post("users.create", **{**person("bea"), **taken})
    assert refusal(answer) == (400, "error-field-unavailable")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("users.create", person("ann", unknown=1)),
        ("users.update", {"userId": ADMIN_ID, "data": {"joinDefaultChannels": False}}),
        ("groups.create", {"name": "a", "extraData": {"description": "d"}}),
        ("channels.invite", {"roomId": "GENERAL", "userIds": [ADMIN_ID]}),
        ("channels.invite", {"roomId": "GENERAL", "usernames": [ADMIN_USERNAME]}),
        ("rooms.saveRoomSettings", {"rid": "GENERAL", "topic": "t"}),
    ],
)
def test_schemas_of_8_8_refuse_what_they_do_not_know(
    client: Client, endpoint: str, body: dict[str, Any]
) -> None:
    answer = client.post(endpoint, **body)
    assert refusal(answer) == (400, "invalid-params")
    assert "must NOT have additional properties" in answer.body["error"]


def test_schemas_of_8_8_coerce_simple_types(client: Client) -> None:
    ann = create_user(client, "ann")
    answer = client.post("users.setActiveStatus", userId=ann, activeStatus="false")
    assert answer.body["user"] == {"_id": ann, "active": False}


def test_an_empty_user_id_is_too_short(client: Client) -> None:
    answer = client.post("users.update", userId="", data={"name": "N"})
    assert answer.body["error"] == "must NOT have fewer than 1 characters"


def test_a_person_is_asked_for_by_exactly_one_key(client: Client) -> None:
    answer = client.get("users.info", userId=ADMIN_ID, username=ADMIN_USERNAME)
    assert refusal(answer) == (400, "error-invalid-params")
    found = client.get("users.info", email="RCSYNC-BOT@example.invalid")
    assert found.body["user"]["_id"] == ADMIN_ID


@pytest.mark.parametrize(("like", "bio"), [("3.11", "likes tea"), ("8.8", None)])
def test_an_update_without_bio_erases_it_on_newer_servers(like: str, bio: str | None) -> None:
    with StandIn(like=like) as server, Client(server) as client:
        ann = create_user(client, "ann", bio="likes tea")
        answer = client.post("users.update", userId=ann, data={"name": "Another"})
    assert answer.body["user"].get("bio") == bio


def test_a_password_is_dropped_in_silence_without_the_right_to_set_it(
    server: StandIn, client: Client
) -> None:
    ann = create_user(client, "ann")
    server.configure(permissions={"edit-other-user-password": []})
    answer = client.post("users.update", userId=ann, data={"name": "A", "password": "another"})
    assert answer.status == 200
    with login(server, "ann", "invented") as own:
        assert own.get("me").body["name"] == "A"


def test_deactivation_ends_sessions_and_keeps_rooms(server: StandIn, client: Client) -> None:
    ann = create_user(client, "ann")
    room = create_room(client, "group", members=["ann"])
    with login(server, "ann") as own:
        assert own.get("me").status == 200
        client.post("users.setActiveStatus", userId=ann, activeStatus=False)
        assert own.get("me").status == 401
    info = client.get("users.info", userId=ann, includeUserRooms="true").body["user"]
    assert [entry["rid"] for entry in info["rooms"]] == [room["_id"]]


def test_accounts_are_listed_by_status_from_6_8_on(client: Client) -> None:
    off = create_user(client, "ann")
    client.post("users.setActiveStatus", userId=off, activeStatus=False)
    listed = client.get("users.listByStatus", status="deactivated").body["users"]
    assert [user["_id"] for user in listed] == [off]
    wrong = client.get("users.listByStatus", status="asleep")
    assert refusal(wrong) == (400, "error-invalid-params")
    with StandIn(like="6.5") as older, Client(older) as other:
        assert other.get("users.listByStatus").body.startswith("<!DOCTYPE html>")


def test_the_last_owner_of_rooms_is_not_deactivated_unless_confirmed(
    server: StandIn, client: Client
) -> None:
    owner = create_user(client, "owner")
    create_user(client, "heir")
    with login(server, "owner") as own:
        create_room(own, "shared", members=["heir"])
        create_room(own, "alone")
    body = {"userId": owner, "activeStatus": False}
    answer = client.post("users.setActiveStatus", **body)
    details = {"shouldBeRemoved": ["alone"], "shouldChangeOwner": ["shared"]}
    assert (answer.body["errorType"], answer.body["details"]) == ("user-last-owner", details)
    assert client.post("users.setActiveStatus", **body, confirmRelinquish=True).status == 200
    rooms = {room["name"]: room["roles"] for room in server.state()["rooms"]}
    assert rooms == {"general": {}, "shared": {"heir": ["owner"], "owner": ["owner"]}}


# Rooms


def test_channels_and_groups_share_one_name_space(any_server: StandIn) -> None:
    with Client(any_server) as client:
        room = create_room(client, "course", plural="channels")
        taken = client.post("groups.create", name="course")
        client.post("rooms.changeArchivationState", rid=room["_id"], action="archive")
        archived = client.post("groups.create", name="course")
    assert refusal(taken) == (400, "error-duplicate-channel-name")
    assert refusal(archived) == (400, "error-archived-duplicate-name")


def test_members_at_creation_cost_no_message_and_unknown_ones_are_dropped(
    any_server: StandIn,
) -> None:
    with Client(any_server) as client:
        create_user(client, "ann")
        room = create_room(client, "group", members=["ann", "nobody", "ANN"])
    assert (room["usersCount"], room["msgs"]) == (2, 0)


def test_an_invitation_costs_one_message_and_repeating_it_nothing(any_server: StandIn) -> None:
    with Client(any_server) as client:
        ann, room = create_user(client, "ann"), create_room(client, "group")
        client.post("groups.invite", roomId=room["_id"], userId=ann)
        answer = client.post("groups.invite", roomId=room["_id"], userId=ann)
    group = answer.body["group"]
    assert (answer.status, group["usersCount"], group["msgs"]) == (200, 2, 1)


def test_groups_take_lists_of_people_where_channels_of_8_8_do_not(client: Client) -> None:
    people = [create_user(client, name) for name in ("ann", "bea")]
    room = create_room(client, "group")
    answer = client.post("groups.invite", roomId=room["_id"], userIds=[*people, "nobody"])
    assert answer.body["group"]["usersCount"] == 3


@pytest.mark.parametrize(("like", "listed"), [("3.11", 3), ("6.5", 2), ("8.8", 2)])
def test_a_deactivated_member_is_counted_but_not_listed_by_newer_servers(
    like: str, listed: int
) -> None:
    with StandIn(like=like) as server, Client(server) as client:
        ann = create_user(client, "ann")
        create_user(client, "bea")
        room = create_room(client, "group", members=["ann", "bea"])
        client.post("users.setActiveStatus", userId=ann, activeStatus=False)
        members = client.get("groups.members", roomId=room["_id"]).body
        info = client.get("groups.info", roomId=room["_id"]).body["group"]
    assert (members["total"], len(members["members"]), info["usersCount"]) == (listed, listed, 3)


def test_who_may_kick_from_outside_kicks_strangers_too(server: StandIn, client: Client) -> None:
    ann = create_user(client, "ann")
    channel, group = create_room(client, "open", "channels"), create_room(client, "closed")
    assert client.post("channels.kick", roomId=channel["_id"], userId=ann).status == 200
    answer = client.post("groups.kick", roomId=group["_id"], userId=ann)
    assert refusal(answer) == (400, "error-user-not-in-room")
    rooms = {room["name"]: room["msgs"] for room in server.state()["rooms"]}
    assert (rooms["open"], rooms["closed"]) == (1, 0)


def test_a_private_group_is_closed_to_an_administrator_outside(
    server: StandIn, client: Client
) -> None:
    ann = create_user(client, "ann")
    with login(server, "ann") as own:
        rid = create_room(own, "private")["_id"]
    assert refusal(client.get("groups.members", roomId=rid)) == (400, "error-room-not-found")
    assert refusal(client.post("groups.invite", roomId=rid, userId=ann)) == (
        400,
        "error-not-allowed",
    )
    assert client.get("rooms.membersOrderedByRole", roomId=rid).status == 404
    names = [room["name"] for room in client.get("rooms.adminRooms", types="p").body["rooms"]]
    assert names == ["private"]


def test_members_come_with_their_roles_owners_first(client: Client) -> None:
    people = {name: create_user(client, name) for name in ("ann", "bea", "cem")}
    rid = create_room(client, "group", members=[*people])["_id"]
    client.post("groups.addModerator", roomId=rid, userId=people["cem"])
    members = client.get("rooms.membersOrderedByRole", roomId=rid).body["members"]
    assert [(one["username"], one.get("roles")) for one in members] == [
        (ADMIN_USERNAME, ["owner"]),
        ("cem", ["moderator"]),
        ("ann", None),
        ("bea", None),
    ]
    assert client.get("rooms.isMember", roomId=rid, userId=people["ann"]).body["isMember"] is True


def test_special_characters_stay_in_the_display_name(server: StandIn, client: Client) -> None:
    wanted = "Übung 1 / Gruppe A"
    assert refusal(client.post("groups.create", name=wanted)) == (400, "error-invalid-room-name")
    server.configure(UI_Allow_room_names_with_special_chars=True)
    room = create_room(client, wanted)
    assert (room["fname"], room["name"]) == (wanted, "Uebung-1-Gruppe-A")
    twin = client.post("groups.create", name=wanted)
    assert refusal(twin) == (400, "error-duplicate-channel-name")
    assert create_room(client, "Übung 1: Gruppe A")["name"] == "Uebung-1-Gruppe-A-1"


@pytest.mark.parametrize(
    ("name", "status"), [("all", 200), ("here", 200), ("admin", 400), ("system", 400)]
)
def test_reserved_names_are_for_nobody_but_some_are_free_for_rooms(
    client: Client, name: str, status: int
) -> None:
    assert refusal(client.post("users.create", **person(name)))[1] == "error-blocked-username"
    assert client.post("groups.create", name=name).status == status


def test_a_room_is_not_renamed_to_a_username(client: Client) -> None:
    create_user(client, "ann")
    rid = create_room(client, "group")["_id"]
    answer = client.post("groups.rename", roomId=rid, name="ann")
    assert refusal(answer) == (400, "error-duplicate-handle")


def test_unchanged_room_settings_cost_no_message(client: Client) -> None:
    rid = create_room(client, "group")["_id"]
    for _ in range(2):
        client.post("rooms.saveRoomSettings", rid=rid, roomName="group", roomTopic="T")
    group = client.get("groups.info", roomId=rid).body["group"]
    assert (group["topic"], group["msgs"]) == ("T", 1)


@pytest.mark.parametrize(("like", "shown"), [("6.5", False), ("8.8", True)])
def test_all_rooms_show_custom_fields_on_the_newest_servers_only(like: str, shown: bool) -> None:
    with StandIn(like=like) as server, Client(server) as client:
        create_room(client, "group", customFields={"moodle_group": 42})
        rooms = client.get("rooms.adminRooms", filter="GROUP").body["rooms"]
    assert [room.get("customFields") == {"moodle_group": 42} for room in rooms] == [shown]
