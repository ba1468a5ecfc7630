"""Every refusal recorded from real servers (3.11.4 and 6.5.3), and what rcsync makes of it."""

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from integration.domain.errors import (
    AccessByAttributes,
    AlreadyDone,
    AuthenticationError,
    NameTaken,
    NoSeatLeft,
    NotFound,
    PermissionMissing,
    RocketChatError,
    SecondFactorRequired,
    TransientError,
    UnexpectedAnswer,
)
from integration.services.rocketchat.errors import no_json, refused
from tests.support import servers

VERSIONS = ("3.11.4", "6.5.3")
PLAIN = RocketChatError  # refused: recorded as failed, go on

EXPECTED: dict[str, type[RocketChatError]] = {
    # A name stands for the recording in both versions unless it says one; the first match counts.
    "3.11.4/p_groups_addLeader*": NotFound,  # there, the person was not in the room
    "3.11.4/p_groups_removeLeader": AlreadyDone,
    "3.11.4/channels_info_no_params": PLAIN,
    "3.11.4/p_teams_create": UnexpectedAnswer,  # 3.11 has no teams
    "3.11.4/users_setActiveStatus_self_admin": PLAIN,
    "3.11.4/settings_update_missing": PLAIN,
    "after_logout": AuthenticationError,
    "login_verified_email_*": SecondFactorRequired,
    "login_rate_limited_or_blocked": TransientError,
    "rate_limited_429": TransientError,
    "login_*": AuthenticationError,
    "me_*": AuthenticationError,
    "*_update_*2fa_required*": SecondFactorRequired,
    "*_2fa_wrong_code": SecondFactorRequired,
    "*_2fa_plain_password": SecondFactorRequired,
    "users_generatePAT_2fa_required": SecondFactorRequired,
    "p_users_update_totp": SecondFactorRequired,
    "lowpriv_*": PermissionMissing,
    "groups_invite_admin_not_member": PermissionMissing,
    "p_groups_invite_admin_outside": PermissionMissing,
    "rooms_info_not_member_private": PermissionMissing,
    "channels_unarchive_again": AlreadyDone,
    "p_teams_*": PLAIN,
    "*_archive_again": PLAIN,  # the plain archive endpoints, which we do not use
    "*_add*_non_member": NotFound,
    "*_kick_archived": PLAIN,
    "*_kick_owner_last": PLAIN,
    "*_kick_self_last_owner": PLAIN,
    "*_kick_unknown_user": NotFound,
    "*_kick_unknown_room": NotFound,
    "*_kick_admin_outside": NotFound,
    "6.5.3/channels_kick_by_username": PLAIN,
    "*_kick_*": AlreadyDone,
    "*groups_remove*_last": PLAIN,
    "*_add*_again": AlreadyDone,
    "*_remove*_again": AlreadyDone,
    "channels_rename_same": AlreadyDone,
    "channels_setReadOnly_same": AlreadyDone,
    "channels_create_*duplicate*": NameTaken,
    "groups_create_dup*": NameTaken,
    "*_create_name_of_archived": NameTaken,
    "*_rename_dup": NameTaken,
    "*_rename_taken": NameTaken,
    "*_email_taken": NameTaken,
    "*_username_taken": NameTaken,
    "users_create_dup_*": NameTaken,
    "users_create_username_admin_dup": NameTaken,
    "users_create_username_blocked": NameTaken,
    "users_update_*_dup": NameTaken,
    "*_admin_not_member": NotFound,
    "*_admin_outside": NotFound,
    "groups_info_of_channel": NotFound,
    "channels_info_of_group": NotFound,
    "channels_info_no_params": NotFound,
    "p_groups_info_by_old_name": NotFound,
    "*_info_missing*": NotFound,
    "users_info_case": NotFound,
    "*_members_missing_room": NotFound,
    "*_delete_missing": NotFound,
    "*_invite_unknown*": NotFound,
    "p_changeArchivationState_unknown": NotFound,
    "p_saveRoomSettings_unknown_room": NotFound,
    "users_createToken_unknown": NotFound,
    "users_delete_again": NotFound,
    "users_delete_unknown": NotFound,
    "users_setActiveStatus_unknown": NotFound,
    "users_update_missing_user": NotFound,
    "malformed_json": UnexpectedAnswer,
    "wrong_method": UnexpectedAnswer,
    "unknown_endpoint_*": UnexpectedAnswer,
    "v1_info_*": UnexpectedAnswer,  # up to 6.x only /api/info
    "6.5.3/p_membersOrderedByRole": UnexpectedAnswer,  # came with 7.3
    "6.5.3/p_users_listByStatus": UnexpectedAnswer,  # came with 6.8
    "channels_*": PLAIN,
    "groups_*": PLAIN,
    "p_groups_*": PLAIN,
    "p_setActiveStatus_last_owner": PLAIN,
    "p_users_update_active_in_wrong_place": PLAIN,
    "import_*": PLAIN,
    "method_call_bad_message": PLAIN,
    "roles_addUserToRole_bad": PLAIN,
    "setting*": PLAIN,
    "users_*": PLAIN,
}
INTERNAL = {"RateLimited": TransientError, "SecondFactorAsked": SecondFactorRequired}


def expected(version: str, name: str) -> type[RocketChatError]:
    for pattern, kind in EXPECTED.items():
        where, _, what = pattern.rpartition("/")
        if where in ("", version) and fnmatchcase(name, what):
            return kind
    raise AssertionError(f"no expectation for {version}/{name}")


def refusals(version: str) -> list[tuple[str, str, int, Any]]:
    """(name, endpoint, status, body) of every recorded answer that is no success."""
    found = []
    for file in sorted(
        (servers.require_shared() / "rocketchat/recordings" / version).glob("*.json")
    ):
        recording = json.loads(file.read_text())
        status, body = recording["response"]["status"], recording["response"]["body"]
        if not isinstance(body, dict) or status >= 300 or body.get("success") is False:
            path = recording["request"]["path"].removeprefix("/api/v1/")
            found.append((file.stem, f"{recording['request']['method']} {path}", status, body))
    return found


def error_for(endpoint: str, status: int, body: Any) -> RocketChatError:
    if isinstance(body, dict):
        return refused(endpoint, status, body)
    return no_json(endpoint, status, (body or "").encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_refusal_has_the_reaction_it_needs(
    version: str, note: Callable[[str], None]
) -> None:
    wrong, answers = [], refusals(version)
    for name, endpoint, status, body in answers:
        kind = type(error_for(endpoint, status, body))
        if INTERNAL.get(kind.__name__, kind) is not expected(version, name):
            wrong.append(f"{name}: {kind.__name__}, expected {expected(version, name).__name__}")
    note(f"Rocket.Chat {version}: {len(answers)} recorded refusals classified")
    assert wrong == []
    assert len(answers) > 150


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_refusal_of_a_call_we_make_says_what_to_do(version: str) -> None:
    ours = ("users.create", "users.update", "users.setActiveStatus", "groups.", "channels.")
    silent = [
        name
        for name, endpoint, status, body in refusals(version)
        if endpoint.rpartition(" ")[2].startswith(ours)
        and not (error := error_for(endpoint, status, body)).hint
        and not isinstance(error, AlreadyDone)
        and "E11000" not in error.answer  # the database's own words
        and error.code != "error-roomid-param-not-provided"
    ]
    assert silent == []


def test_recordings_are_where_the_tests_look_for_them() -> None:
    assert Path(servers.require_shared() / "rocketchat" / "recordings").is_dir()


@pytest.mark.parametrize(
    ("endpoint", "status", "code", "kind", "word"),
    [
        ("POST users.create", 400, "error-the-field-is-required", RocketChatError, "empty"),
        ("POST groups.create", 400, "error-invalid-name", RocketChatError, "channel name"),
        ("POST users.update", 400, "error-password-policy-not-met", RocketChatError, "policy"),
        ("POST users.update", 400, "error-bio-size-exceeded", RocketChatError, "bio"),
        ("POST users.update", 400, "error-nickname-size-exceeded", RocketChatError, "nickname"),
        (
            "POST users.create",
            400,
            "error-user-registration-custom-field",
            RocketChatError,
            "field",
        ),
        ("POST groups.invite", 400, "room_is_archived", RocketChatError, "archived"),
        ("POST groups.kick", 400, "invalid-channel", NotFound, "does not exist"),
        ("POST chat.postMessage", 400, "restricted-workspace", RocketChatError, "restricted"),
        ("POST groups.create", 400, "error-abac-attributes-required", AccessByAttributes, "attr"),
        ("POST groups.create", 400, "error-abac-anything-else", AccessByAttributes, "attributes"),
        ("POST groups.invite", 400, "error-room-is-abac-managed", AccessByAttributes, "attributes"),
        (
            "POST groups.invite",
            400,
            "error-only-compliant-users-can-be-added-to-abac-rooms",
            AccessByAttributes,
            "attributes",
        ),
        (
            "POST groups.create",
            400,
            "error-encrypted-private-rooms-enforced",
            RocketChatError,
            "encr",
        ),
        ("POST groups.invite", 400, "error-room-param-not-provided", RocketChatError, "understand"),
        ("POST login", 401, "error-login-blocked-for-user", AuthenticationError, "too many"),
        ("POST users.create", 400, "error-license-user-limit-reached", NoSeatLeft, "no seat"),
        ("POST groups.create", 403, "error-forbidden", PermissionMissing, "permission"),
        ("POST groups.removeModerator", 400, "error-invalid-room", AlreadyDone, "already"),
        ("POST groups.addModerator", 400, "error-invalid-room", NotFound, "does not exist"),
    ],
)
def test_a_rule_of_the_server_has_words_of_its_own(
    endpoint: str, status: int, code: str, kind: type[RocketChatError], word: str
) -> None:
    body = {"success": False, "error": f"No [{code}]", "errorType": code, "message": code}
    error = refused(endpoint, status, body)
    assert type(error) is kind
    assert word in error.message
    assert error.hint or kind is AlreadyDone


def test_an_account_that_is_refused_for_its_bio_may_be_there() -> None:
    body = {"success": False, "error": "No [error-bio-size-exceeded]"}
    assert refused("POST users.create", 400, body).may_have_happened
    assert not refused("POST users.update", 400, body).may_have_happened
