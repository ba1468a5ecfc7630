"""Rules of Rocket.Chat that no recording covers, as the stand-in keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo.standin import ADMIN_ID, ADMIN_PASSWORD, ADMIN_TOKEN_WITH_2FA, ADMIN_USERNAME, StandIn
from demo.standin.clock import sha256
from tests.standin_client import Answer, Client


@pytest.fixture(params=["3.11", "6.5", "8.8"])
def any_server(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(like="8.8") as server:
        yield server


@pytest.fixture
def old_server() -> Iterator[StandIn]:
    with StandIn(like="3.11") as server:
        yield server


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    with Client(server) as client:
        yield client


def person(username: str, **more: Any) -> dict[str, Any]:
    """What `users.create` needs."""
    return {
        "username": username,
        "name": username.title(),
        "email": f"{username}@example.com",
        "password": "invented",
        "joinDefaultChannels": False,
        **more,
    }


def create_user(client: Client, username: str, **more: Any) -> str:
    """The id of a new account."""
    answer = client.post("users.create", **person(username, **more))
    assert answer.status == 200, answer.body
    return str(answer.body["user"]["_id"])


def create_room(client: Client, name: str, plural: str = "groups", **more: Any) -> dict[str, Any]:
    """A new room as the server shows it."""
    answer = client.post(f"{plural}.create", name=name, **more)
    assert answer.status == 200, answer.body
    return dict(answer.body[plural.removesuffix("s")])


def login(server: StandIn, username: str, password: str = "invented") -> Client:
    """A client of somebody else."""
    with Client(server, "") as stranger:
        data = stranger.post("login", user=username, password=password).body["data"]
    return Client(server, data["userId"], data["authToken"])


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and kind of an error."""
    return answer.status, answer.body.get("errorType") or answer.body["error"]


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
    assert rooms == {"general": {}, "shared": {"heir": ["owner"]}}


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
    assert [(one["username"], one["roles"]) for one in members] == [
        (ADMIN_USERNAME, ["owner"]),
        ("cem", ["moderator"]),
        ("ann", []),
        ("bea", []),
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


@pytest.mark.parametrize("name", ["all", "here", "admin", "system"])
def test_reserved_names_are_for_nobody(client: Client, name: str) -> None:
    assert refusal(client.post("users.create", **person(name)))[1] == "error-blocked-username"
    assert client.post("groups.create", name=name).status == 400


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


# Rights


@pytest.mark.parametrize(
    ("permission", "endpoint", "body", "expected"),
    [
        ("create-user", "users.create", person("bea"), (400, "error-action-not-allowed")),
        ("create-p", "groups.create", {"name": "b"}, (403, "unauthorized")),
        ("edit-room", "rooms.saveRoomSettings", {"rid": "GENERAL", "roomTopic": "t"},
         (400, "error-action-not-allowed")),
        ("archive-room", "rooms.changeArchivationState", {"rid": "GENERAL", "action": "archive"},
         (400, "error-not-authorized")),
        ("set-moderator", "channels.addModerator", {"roomId": "GENERAL", "userId": ADMIN_ID},
         (400, "error-not-allowed")),
        ("remove-user", "channels.kick", {"roomId": "GENERAL", "userId": ADMIN_ID},
         (400, "error-not-allowed")),
        ("edit-other-user-info", "users.update", {"userId": ADMIN_ID, "data": {"name": "N"}},
         (400, "error-action-not-allowed")),
    ],
)  # fmt: skip
def test_a_missing_permission_is_refused_by_the_action(
    server: StandIn,
    client: Client,
    permission: str,
    endpoint: str,
    body: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    server.configure(permissions={permission: []})
    assert refusal(client.post(endpoint, **body)) == expected


@pytest.mark.parametrize(
    ("permission", "endpoint"),
    [
        ("edit-other-user-active-status", "POST users.setActiveStatus"),
        ("view-d-room", "GET users.list"),
        ("view-d-room", "GET users.listByStatus"),
        ("view-room-administration", "GET groups.listAll"),
        ("run-import", "POST import.new"),
    ],
)
def test_a_missing_permission_closes_the_route(
    server: StandIn, client: Client, permission: str, endpoint: str
) -> None:
    server.configure(permissions={permission: []})
    method, name = endpoint.split()
    answer = client.send(method, f"/api/v1/{name}", "{}" if method == "POST" else None)
    text = "User does not have the permissions required for this action [error-unauthorized]"
    assert (answer.status, answer.body["error"]) == (403, text)


def test_strangers_are_refused_in_the_words_of_each_server() -> None:
    text = "You must be logged in to do this."
    short = {"status": "error", "message": text}
    for like, body in (("6.5", short), ("8.8", {"success": False, "error": text, **short})):
        with StandIn(like=like) as server, Client(server, "") as stranger:
            answer = stranger.get("users.list")
        assert (answer.status, answer.body) == (401, body)


def test_an_unknown_endpoint_is_json_on_8_8_only(client: Client) -> None:
    answer = client.get("no.such")
    assert (answer.status, answer.body["error"]) == (404, "API endpoint not found")
    with StandIn(like="6.5") as older, Client(older) as other:
        assert (other.get("no.such").status, other.post("no.such").status) == (200, 405)


# Second factor


def test_an_update_asks_for_the_password_unless_the_token_bypasses(
    server: StandIn, client: Client
) -> None:
    body = {"userId": create_user(client, "ann"), "data": {"name": "New"}}
    assert client.post("users.update", **body).status == 200
    with Client(server, token=ADMIN_TOKEN_WITH_2FA) as careful:
        asked = careful.post("users.update", **body)
        assert refusal(asked) == (400, "totp-required")
        assert asked.body["details"]["method"] == "password"
        wrong = careful.post("users.update", {**SECOND_FACTOR, "x-2fa-code": "wrong"}, **body)
        assert refusal(wrong) == (400, "totp-invalid")
        assert careful.post("users.update", SECOND_FACTOR, **body).status == 200
        assert careful.post("users.update", **body).status == 200, "the pass is remembered"


SECOND_FACTOR = {"x-2fa-code": sha256(ADMIN_PASSWORD), "x-2fa-method": "password"}


def test_no_second_factor_where_the_site_does_not_enforce_it(server: StandIn) -> None:
    server.configure(Accounts_TwoFactorAuthentication_Enforce_Password_Fallback=False)
    with Client(server, token=ADMIN_TOKEN_WITH_2FA) as careful:
        answer = careful.post("users.update", userId=ADMIN_ID, data={"name": "Bot"})
    assert answer.status == 200


def test_a_token_made_on_the_way_tells_whether_it_bypasses(client: Client) -> None:
    made = client.post("users.generatePersonalAccessToken", tokenName="t", bypassTwoFactor=True)
    tokens = client.get("users.getPersonalAccessTokens").body["tokens"]
    mine = next(token for token in tokens if token["lastTokenPart"] == made.body["token"][-6:])
    assert (mine["name"], mine["bypassTwoFactor"]) == ("t", True)


# Lists


@pytest.fixture
def crowded(server: StandIn) -> StandIn:
    for number in range(148):  # with the administrator and rocket.cat 150
        server.world.add_user(f"u{number:03}", email=f"u{number:03}@example.com")
    return server


@pytest.mark.parametrize(
    ("asked", "given"), [({}, 50), ({"count": 70}, 70), ({"count": 500}, 100), ({"count": 0}, 150)]
)
def test_pages_are_clamped_in_silence(
    crowded: StandIn, client: Client, asked: dict[str, int], given: int
) -> None:
    body = client.get("users.list", **asked).body
    assert (len(body["users"]), body["count"], body["total"]) == (given, given, 150)


def test_where_everything_at_once_is_forbidden_zero_is_the_default(
    crowded: StandIn, client: Client
) -> None:
    crowded.configure(API_Allow_Infinite_Count=False)
    assert client.get("users.list", count=0).body["count"] == 50


@pytest.mark.parametrize("endpoint", ["users.list", "users.listByStatus"])
def test_pages_together_hold_everybody_once(
    crowded: StandIn, client: Client, endpoint: str
) -> None:
    seen: list[str] = []
    while len(seen) < 150:
        page = client.get(endpoint, count=100, offset=len(seen), sort='{"_id":1}').body
        seen += [user["_id"] for user in page["users"]]
    assert seen == sorted({user["id"] for user in crowded.state()["users"]})


def test_a_sort_that_is_no_json_is_refused(client: Client) -> None:
    assert refusal(client.get("users.list", sort="{bad")) == (400, "error-invalid-sort")


def test_lists_follow_changes(client: Client) -> None:
    ann = create_user(client, "ann")
    client.get("users.list")
    client.post("users.update", userId=ann, data={"username": "zoe", "name": "Zoe"})
    users = client.get("users.list").body["users"]
    assert [(user["username"], user["name"]) for user in users][-1] == ("zoe", "Zoe")


# Import


def test_an_import_inserts_and_never_updates(client: Client) -> None:
    create_user(client, "ann")
    client.post("import.new")
    staged = [
        {"username": name, "emails": [f"{name}@example.com"], "importIds": [f"m-{name}"]}
        for name in ("ann", "bea")
    ]
    assert client.post("import.addUsers", users=staged).status == 200
    assert client.get("import.status").body["state"] == "ready"
    assert client.post("import.run").status == 200
    operation = client.get("import.status").body["operation"]
    assert operation["count"] == {"total": 2, "users": 2, "completed": 1, "error": 1}
    bea = client.get("users.info", importId="m-bea").body["user"]
    assert (bea["username"], bea["emails"][0]["verified"]) == ("bea", False)
    assert client.get("users.info", username="ann").body["user"]["name"] == "Ann"


def test_there_is_no_import_before_6_3(old_server: StandIn) -> None:
    with Client(old_server) as client:
        assert str(client.get("import.status").body).startswith("<!DOCTYPE html>")
