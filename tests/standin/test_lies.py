"""The stand-in's lies: what an answer says is not what has happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.standin import ADMIN_USERNAME, StandIn
from demo.standin.web.faults import KINDS
from tests.support.standin_client import Client, create_room, create_user, person, refusal


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(like="8.6") as server:
        yield server


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    with Client(server) as client:
        yield client


def _usernames(server: StandIn) -> set[str]:
    return {user["username"] for user in server.state()["users"]}


# Whether it was done


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"kind": "refuse_after"}, (400, "error-standin-refused")),
        (
            {"kind": "refuse_after", "code": 403, "text": "error-forbidden"},
            (403, "error-forbidden"),
        ),
        ({"kind": "unsuccessful"}, (200, "error-standin-refused")),
    ],
)
def test_a_call_is_refused_though_it_was_done(
    server: StandIn, client: Client, order: dict[str, Any], expected: tuple[int, str]
) -> None:
    server.fault(endpoint="users.create", **order)
    answer = client.post("users.create", **person("ann"))
    assert refusal(answer) == expected
    assert answer.body["success"] is False
    assert "ann" in _usernames(server)


def test_a_refusal_of_the_servers_own_stays_as_it_is(server: StandIn, client: Client) -> None:
    server.fault("refuse_after", code=403)
    assert refusal(client.post("groups.create", name="a b")) == (400, "error-invalid-room-name")


def test_success_is_told_though_nothing_was_done(server: StandIn, client: Client) -> None:
    room = create_room(client, "group")
    ann = create_user(client, "ann")
    before = server.state()
    for call, body in (
        ("users.create", person("bea")),
        ("groups.create", {"name": "other", "members": ["ann"]}),
        ("groups.invite", {"roomId": room["_id"], "userId": ann}),
        ("groups.addModerator", {"roomId": room["_id"], "userId": ann}),
        ("users.setActiveStatus", {"userId": ann, "activeStatus": False}),
    ):
        if call == "groups.addModerator":
            client.post("groups.invite", roomId=room["_id"], userId=ann)
            before = server.state()
        server.fault("not_done", endpoint=call)
        answer = client.post(call, **body)
        assert (answer.status, answer.body["success"]) == (200, True), call
        assert server.state() == before, call
    assert create_user(client, "bea"), "what was not done can still be done"


# What the answer says


def test_an_answer_is_about_somebody_else(server: StandIn, client: Client) -> None:
    ann, room = create_user(client, "ann"), create_room(client, "group")
    server.fault("somebody_else", times=3)
    created = client.post("users.create", **person("bea")).body["user"]
    assert created["username"] in (ADMIN_USERNAME, "ann")
    shown = client.get("users.info", userId=ann).body["user"]
    assert shown["_id"] != ann
    assert client.get("groups.info", roomId=room["_id"]).body["group"]["_id"] != room["_id"]
    assert "bea" in _usernames(server)


def test_an_answer_has_another_shape(server: StandIn, client: Client) -> None:
    server.fault("wrong_shape", times=2)
    body = client.post("users.create", **person("ann")).body
    assert (body["success"], type(body["user"])) == (True, list)
    body = client.get("users.list").body
    assert (type(body["users"]), type(body["total"])) == (dict, dict)


# Lists


@pytest.mark.parametrize(
    ("kind", "shown", "total"),
    [
        ("empty_list", "", 0),
        ("short_list", "ab", 4),
        ("rows_missing", "ac", 2),
        ("doubled_list", "aabbccdd", 4),
        ("rotated_list", "bcda", 4),
    ],
)
def test_lists_are_not_what_they_should_be(
    server: StandIn, client: Client, kind: str, shown: str, total: int
) -> None:
    for name in "abcd":
        create_room(client, name)
    server.fault(kind, endpoint="rooms.adminRooms")
    body = client.get("rooms.adminRooms", types="p").body
    assert ("".join(room["name"] for room in body["rooms"]), body["total"]) == (shown, total)
    assert client.get("rooms.adminRooms", types="p").body["total"] == 4


def test_rows_have_the_ids_of_others(server: StandIn, client: Client) -> None:
    rooms = {name: create_room(client, name)["_id"] for name in "abc"}
    server.fault("wrong_ids", endpoint="rooms.adminRooms")
    shown = client.get("rooms.adminRooms", types="p").body["rooms"]
    expected = {"a": rooms["b"], "b": rooms["c"], "c": rooms["a"]}
    assert {room["name"]: room["_id"] for room in shown} == expected


def test_an_object_has_the_id_of_nobody(server: StandIn, client: Client) -> None:
    server.fault("wrong_ids", endpoint="groups.create")
    made = client.post("groups.create", name="group").body["group"]["_id"]
    assert made not in {room["id"] for room in server.state()["rooms"]}


def test_a_saved_room_is_another_one(server: StandIn, client: Client) -> None:
    rid = create_room(client, "group")["_id"]
    server.fault("somebody_else", endpoint="rooms.saveRoomSettings")
    answer = client.post("rooms.saveRoomSettings", rid=rid, roomTopic="T").body
    assert answer["rid"] != rid
    assert client.get("groups.info", roomId=rid).body["group"]["topic"] == "T"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_described(kind: str) -> None:
    from demo.standin.web import faults

    rows = [line for line in str(faults.__doc__).splitlines() if line.startswith("| ")]
    assert any(kind in row.split("|")[1].replace(",", " ").split() for row in rows)
