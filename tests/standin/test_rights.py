"""Rights, second factor, pages and imports, as the stand-in's version 8.8 keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.standin import ADMIN_ID, ADMIN_PASSWORD, ADMIN_TOKEN_WITH_2FA, StandIn
from demo.standin.state.clock import sha256
from tests.support.standin_client import Client, create_user, person, refusal


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(like="8.8") as server:
        yield server


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    with Client(server) as client:
        yield client


# Rights


@pytest.mark.parametrize(
    ("permission", "endpoint", "body", "expected"),
    [
        ("create-user", "users.create", person("bea"), (400, "error-action-not-allowed")),
        ("create-p", "groups.create", {"name": "b"}, (400, "error-not-allowed")),
        ("create-c", "channels.create", {"name": "b"}, (403, "unauthorized")),
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


def test_an_unknown_endpoint_is_a_page_on_older_servers(client: Client) -> None:
    answer = client.get("no.such")
    assert (answer.status, answer.body) == (404, "404 Not Found")
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


def test_there_is_no_import_before_6_3() -> None:
    with StandIn(like="3.11") as server, Client(server) as client:
        assert str(client.get("import.status").body).startswith("<!DOCTYPE html>")
