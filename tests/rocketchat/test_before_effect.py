"""Which refusals prove that nothing happened."""

import json
from typing import Any

import pytest

from integration.services.rocketchat.errors import refused
from tests.support import servers

WRITES = (
    "users.create",
    "users.update",
    "users.setActiveStatus",
    "groups.create",
    "channels.create",
    "groups.invite",
    "channels.invite",
    "groups.kick",
    "channels.kick",
    "groups.addModerator",
    "channels.removeOwner",
    "rooms.saveRoomSettings",
    "rooms.changeArchivationState",
    "import.run",
)


def doubt(call: str, status: int, code: str, *, several: bool = False) -> bool:
    body: dict[str, Any] = {"success": False, "error": f"No [{code}]", "errorType": code}
    return refused(f"POST {call}", status, body, several=several).may_have_happened


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_a_refusal_that_no_server_sends_before_it_acts_leaves_doubt(call: str, status: int) -> None:
    assert doubt(call, status, "error-something")
    assert doubt(call, status, "")


@pytest.mark.parametrize("call", WRITES)
def test_a_success_that_says_no_proves_nothing(call: str) -> None:
    for code in ("error-not-allowed", "invalid-params", "error-room-not-found"):
        assert doubt(call, 200, code)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("users.create", "error-field-unavailable"),
        ("users.create", "error-action-not-allowed"),
        ("users.create", "invalid-params"),
        ("users.setActiveStatus", "user-last-owner"),
        ("groups.create", "error-duplicate-channel-name"),
        ("groups.invite", "error-not-allowed"),
        ("groups.kick", "error-you-are-last-owner"),
        ("rooms.saveRoomSettings", "error-duplicate-channel-name"),
        ("rooms.changeArchivationState", "error-invalid-room"),
    ],
)
def test_a_refusal_that_comes_first_leaves_none(call: str, code: str) -> None:
    assert not doubt(call, 400, code)


def test_a_ban_proves_something_about_one_person_and_nothing_about_a_list() -> None:
    assert not doubt("groups.invite", 400, "error-user-is-banned")
    assert doubt("groups.invite", 400, "error-user-is-banned", several=True)


def test_a_read_has_no_effect_to_doubt() -> None:
    body = {"success": False, "error": "whatever"}
    assert not refused("GET users.info", 400, body).may_have_happened


def test_the_middle_of_a_create_is_not_its_beginning() -> None:
    """Recorded on 3.11.4: the room is there, its members are not."""
    folder = servers.require_shared() / "rocketchat/recordings/3.11.4"
    told = json.loads((folder / "channels_create_with_emails_and_dupes.json").read_text())
    answer = told["response"]
    error = refused("POST channels.create", answer["status"], answer["body"])
    assert "E11000" in error.answer
    assert error.may_have_happened
