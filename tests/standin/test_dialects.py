"""What the newer versions do differently, also where nothing was recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.standin import ADMIN_ID, ADMIN_TOKEN_WITH_2FA, Options, StandIn
from demo.standin.dialects import DIALECTS, LIKE_8_6
from demo.standin.state.storage import dump, load
from tests.support.standin_client import Client, create_room, create_user, login, person, refusal


@contextmanager
def serving(like: str, **options: Any) -> Iterator[tuple[StandIn, Client]]:
    with StandIn(like=like, options=Options(**options)) as server, Client(server) as client:
        yield server, client


@pytest.mark.parametrize("like", DIALECTS)
def test_every_version_says_which_it_is(like: str) -> None:
    with serving(like) as (server, client):
        version = client.send("GET", "/api/info").body["version"]
    assert version == server.world.dialect.version
    assert version.startswith(f"{like}.")


# Bans


def test_of_a_list_with_a_banned_person_the_others_get_in() -> None:
    with serving("8.6", late_join_seconds=0.3) as (server, client):
        ids = [create_user(client, name) for name in ("ann", "bea", "cem")]
        rid = create_room(client, "group", members=["bea"])["_id"]
        assert client.post("rooms.banUser", roomId=rid, userId=ids[1]).status == 200
        answer = client.post("groups.invite", roomId=rid, userIds=ids)
        assert refusal(answer) == (400, "error-user-is-banned")
        assert _members(client, rid) == {"ann"}, "those behind come later"
        time.sleep(0.35)
        assert _members(client, rid) == {"ann", "cem"}
        state = next(room for room in server.state()["rooms"] if room["id"] == rid)
    assert state["banned"] == ["bea"]


def test_kicking_a_banned_person_lifts_the_ban_and_counts_twice() -> None:
    with serving("8.6") as (_, client):
        ann = create_user(client, "ann")
        rid = create_room(client, "group", members=["ann"])["_id"]
        client.post("rooms.banUser", roomId=rid, userId=ann)
        assert client.post("groups.kick", roomId=rid, userId=ann).status == 200
        group = client.post("groups.invite", roomId=rid, userId=ann).body["group"]
        assert (group["usersCount"], _members(client, rid)) == (1, {"ann"})


@pytest.mark.parametrize(("like", "known"), [("7.7", False), ("8.6", True), ("9.0", True)])
def test_bans_are_known_from_8_3_on(like: str, known: bool) -> None:
    with serving(like) as (_, client):
        status = client.post("rooms.banUser", roomId="GENERAL", userId=ADMIN_ID).status
    assert (status != 404) == known


def _members(client: Client, rid: str) -> set[str]:
    shown = client.get("groups.members", roomId=rid).body["members"]
    return {one["username"] for one in shown if one["_id"] != ADMIN_ID}


# Teams


def test_a_room_that_became_a_team_leaves_the_lists_of_rooms() -> None:
    with serving("8.6") as (server, client):
        ann = create_user(client, "ann")
        rid = create_room(client, "group")["_id"]
        team = client.post("groups.convertToTeam", roomId=rid).body["team"]
        assert (team["name"], team["roomId"]) == ("group", rid)
        assert _names(client, types=["c", "p"]) == ["general"]
        assert _names(client, types=["teams"]) == ["group"]
        assert client.get("groups.info", roomId=rid).body["group"]["teamMain"] is True
        assert client.post("groups.invite", roomId=rid, userId=ann).status == 200
        people = client.get("teams.members", teamName="group").body["members"]
        assert "ann" in {one["user"]["username"] for one in people}
        client.post("rooms.saveRoomSettings", rid=rid, roomName="renamed")
        assert client.get("teams.info", teamName="renamed").status == 200
        again = load(dump(server.world), LIKE_8_6)
    assert again.team_named("renamed") is not None


def _names(client: Client, **parameters: Any) -> list[str]:
    return [room["name"] for room in client.get("rooms.adminRooms", **parameters).body["rooms"]]


# Limits


def test_an_address_is_changed_once_a_minute_on_7_x_only() -> None:
    for like, statuses in (("7.2", [200, 429, 200]), ("8.6", [200, 200, 200])):
        with serving(like) as (server, client):
            ann, bea = create_user(client, "ann"), create_user(client, "bea")
            update = _updater(client)
            given = [update(ann, "a1"), update(ann, "a2"), update(bea, "b1")]
            assert [answer.status for answer in given] == statuses
            if like == "7.2":
                assert "before trying again" in given[1].body["error"]
                server.configure(address_seconds=0)
                assert update(ann, "a2").status == 200


def _updater(client: Client) -> Callable[[str, str], Any]:
    def update(user_id: str, local: str) -> Any:
        data = {"email": f"{local}@example.com", "verified": True}
        return client.post("users.update", userId=user_id, data=data)

    return update


def test_ten_wrong_passwords_block_an_account_for_a_while() -> None:
    with serving("8.6") as (server, client), Client(server, "") as stranger:
        create_user(client, "ann")
        for _ in range(10):
            stranger.post("login", user="ann", password="wrong")
        answer = stranger.post("login", user="ann", password="invented")
        assert answer.body["error"] == "error-login-blocked-for-user"
        server.configure(Block_Multiple_Failed_Logins_Enabled=False)
        assert stranger.post("login", user="ann", password="invented").status == 200


def test_a_licence_has_only_so_many_seats() -> None:
    with serving("8.6", seats=3) as (_, client):
        ann = create_user(client, "ann")
        create_user(client, "bea")
        full = client.post("users.create", **person("cem"))
        assert refusal(full) == (400, "error-license-user-limit-reached")
        client.post("users.setActiveStatus", userId=ann, activeStatus=False)
        create_user(client, "cem")
        back = client.post("users.setActiveStatus", userId=ann, activeStatus=True)
        assert refusal(back) == (400, "error-license-user-limit-reached")
        licence = client.get("licenses.info", loadValues="true").body["license"]
    assert licence["limits"]["activeUsers"] == {"value": 3, "max": 3}


def test_the_password_policy_is_for_updates_only() -> None:
    with serving("8.6") as (server, client):
        server.configure(Accounts_Password_Policy_MaxLength=30)
        ann = create_user(client, "ann", password=40 * "Ab1-")
        answer = client.post("users.update", userId=ann, data={"password": 40 * "Ab1-"})
    assert refusal(answer) == (400, "error-password-policy-not-met")
    assert [one["error"].rpartition("-")[2] for one in answer.body["details"]] == ["maxLength"]


def test_a_young_administrator_is_asked_for_no_second_factor() -> None:
    with (
        StandIn(like="8.6", young_admin=True) as server,
        Client(server, token=ADMIN_TOKEN_WITH_2FA) as careful,
    ):
        body = {"userId": ADMIN_ID, "data": {"name": "Bot"}}
        assert careful.post("users.update", **body).status == 200
        server.configure(Accounts_TwoFactorAuthentication_RememberFor=0)
        assert refusal(careful.post("users.update", **body)) == (400, "totp-required")


# No internet


OUTSIDE = 1.0  # seconds that an attempt to reach the internet takes


def test_without_internet_an_account_is_there_long_before_the_answer() -> None:
    with serving("8.6", outside_seconds=OUTSIDE) as (server, client), Client(server) as other:
        started = time.monotonic()
        body = '{"username":"ann","name":"Ann","email":"ann@example.com","password":"x"}'
        client.begin("POST", "/api/v1/users.create", body)
        while other.get("users.info", username="ann").status != 200:
            assert time.monotonic() - started < OUTSIDE, "not before the answer"
            time.sleep(0.05)
        assert client.finish().status == 200
        assert time.monotonic() - started >= OUTSIDE
        server.configure(Accounts_SetDefaultAvatar=False)
        started = time.monotonic()
        create_user(client, "bea")
        assert time.monotonic() - started < OUTSIDE
        client.send("GET", "/api/info")
        assert time.monotonic() - started >= OUTSIDE


# Names


def test_a_display_name_cannot_become_the_technical_name() -> None:
    with serving("8.6") as (server, client):
        server.configure(UI_Allow_room_names_with_special_chars=True)
        rid = create_room(client, "A B")["_id"]
        assert client.post("rooms.saveRoomSettings", rid=rid, roomName="A-B").status == 200
        room = client.get("groups.info", roomId=rid).body["group"]
    assert (room["name"], room["fname"]) == ("A-B", "A B")


@pytest.mark.parametrize("name", ["🐘🐘🐘", "///", ".", "---"])
def test_a_name_without_letters_is_refused_with_an_empty_name(name: str) -> None:
    with serving("8.6") as (server, client):
        server.configure(UI_Allow_room_names_with_special_chars=True)
        answer = client.post("groups.create", name=name)
    assert refusal(answer) == (400, "error-invalid-room-name")
    assert answer.body["error"].startswith(" is not a valid room name.")


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("50% M", False),
        ("%3C", False),
        ("%E4", False),
        ("a/b", False),
        ("%41", True),
        ("a%2Fb", True),
    ],
)
def test_a_persons_name_is_looked_at_twice(name: str, fine: bool) -> None:
    with serving("8.6") as (_, client):
        assert (client.post("users.create", **person("ann", name=name)).status == 200) == fine


def test_a_refused_name_does_not_keep_the_topic_from_being_saved() -> None:
    with serving("8.6") as (_, client):
        rid = create_room(client, "group")["_id"]
        body = {"rid": rid, "roomTopic": "T", "roomName": "bad name"}
        assert client.post("rooms.saveRoomSettings", **body).status == 400
        assert client.get("groups.info", roomId=rid).body["group"]["topic"] == "T"


def test_a_plain_name_is_trimmed() -> None:
    with serving("8.6") as (_, client):
        assert create_room(client, " group ")["name"] == "group"


@pytest.mark.parametrize(("like", "kept"), [("7.7", {"b": "2"}), ("8.6", {"a": "1", "b": "2"})])
def test_custom_fields_of_people_are_replaced_and_from_7_10_on_merged(
    like: str, kept: dict[str, str]
) -> None:
    with serving(like) as (server, client):
        server.configure(Accounts_CustomFields='{"a": {}, "b": {}}')
        ann = create_user(client, "ann", customFields={"a": "1"})
        data = {"name": "Ann", "customFields": {"b": "2"}}
        client.post("users.update", userId=ann, data=data)
        assert client.get("users.info", userId=ann).body["user"]["customFields"] == kept


def test_an_import_that_was_cleared_counts_as_done() -> None:
    with serving("8.6") as (_, client):
        early = client.post("import.addUsers", users=[])
        assert early.body["error"] == "Import operation not initialized."
        client.post("import.new")
        client.post("import.clear")
        assert client.get("import.status").body["state"] == "done"


# 8.8 and 9.0, unobserved


@pytest.mark.parametrize(("like", "status"), [("7.7", 200), ("8.6", 200), ("8.8", 400)])
def test_lists_for_channels_and_unknown_keys_end_with_8_8(like: str, status: int) -> None:
    with serving(like) as (_, client):
        ann = create_user(client, "ann")
        answer = client.post("channels.invite", roomId="GENERAL", userIds=[ann])
        assert answer.status == status
        assert client.post("groups.create", name="g", description="d").status == status


def test_9_0_has_one_code_for_everything_forbidden() -> None:
    with serving("9.0") as (server, client):
        rid = create_room(client, "group")["_id"]
        ann = create_user(client, "ann")
        with login(server, "ann") as own:
            invited = own.post("groups.invite", roomId=rid, userId=ann)
            created = own.post("channels.create", name="c")
        server.configure(permissions={"create-c": []})
        forbidden = client.post("channels.create", name="d")
    assert refusal(invited) == (403, "error-forbidden")
    assert created.status == 200
    assert (forbidden.status, forbidden.body["error"]) == (403, "forbidden")


def test_9_0_refuses_queries_and_the_method() -> None:
    with serving("9.0") as (_, client):
        assert refusal(client.get("users.list", query="{}")) == (400, "error-invalid-params")
        assert refusal(client.get("groups.listAll", fields="{}")) == (400, "error-invalid-params")
        called = client.post("method.call/addUsersToRoom", message='{"params":[{}]}')
        assert "not found" in called.body["message"]


def test_private_rooms_are_encrypted_by_force() -> None:
    with serving("8.8") as (server, client):
        server.configure(E2E_Force_Encryption_For_Private_Rooms=True)
        assert create_room(client, "group")["encrypted"] is True
        plain = client.post("groups.create", name="plain", extraData={"encrypted": False})
        assert refusal(plain) == (400, "error-encrypted-private-rooms-enforced")
        assert "encrypted" not in create_room(client, "channel", "channels")


def test_access_by_attributes_closes_rooms_or_leaves_people_out() -> None:
    with serving("9.0", abac="closed") as (server, client):
        ann = create_user(client, "ann")
        group = client.post("groups.create", name="g")
        assert refusal(group) == (400, "error-abac-attributes-required")
        channel = client.post("channels.create", name="c")
        assert refusal(channel) == (400, "error-abac-public-room-creation-blocked")
        server.configure(abac="checked", not_compliant={"ann"})
        answer = client.post("groups.create", name="g", members=["ann"]).body
        assert (answer["skippedMembers"], answer["group"]["usersCount"]) == (["ann"], 1)
        rid = answer["group"]["_id"]
        invited = client.post("groups.invite", roomId=rid, userId=ann)
        assert refusal(invited)[1] == "error-only-compliant-users-can-be-added-to-abac-rooms"
        server.configure(not_compliant=set())
        client.post("groups.invite", roomId=rid, userId=ann)
        server.configure(not_compliant={"ann"})
        assert _members(client, rid) == set(), "the server removes people by itself"
