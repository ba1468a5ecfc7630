"""What differs between the three servers the stand-in can be: 3.11, 6.5 and 8.8.

3.11 and 6.5 are held to recorded answers of 3.11.4 and 6.5.3. 8.8 was never observed: it follows
the contract, which was read from source, schemas and official tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from demo.standin.errors import ApiError, failure

SchemaStyle = Literal["match", "ajv-coded", "ajv"]
Check = Literal["rate_limit", "schema", "permission"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One version's habits. Every flag reads as a sentence about the server."""

    version: str
    release: tuple[int, int]
    schema_style: SchemaStyle
    checks: tuple[Check, ...]  # in which order a call is judged once the caller is known
    name_pattern_setting: str  # the setting with the pattern of room names
    user_name_pattern_setting: str
    blocks_reserved_names: bool  # `Accounts_SystemBlockedUsernameList` is obeyed
    long_envelope: bool  # refusals before the action carry `success` and `error` too
    not_found_is_json: bool
    unknown_post_is_405: bool
    malformed_body_is_refused: bool
    invites_take_lists: bool
    hides_deactivated_members: bool
    query_is_obeyed: bool  # `query` and `fields`
    fields_are_obeyed_by_users: bool
    excludes_creator_on_request: bool
    survives_duplicate_members: bool
    protects_last_active_admin: bool
    whole_documents: bool  # account lists and answers show whole documents
    lists_raw_hash: bool  # `me` shows the password's hash
    admin_rooms_are_rich: bool  # adminRooms shows customFields and friends
    says_incorrect_password: bool
    announces_room_states: bool  # archiving and read-only write a message

    def at_least(self, major: int, minor: int) -> bool:
        """Whether this server is that version or newer."""
        return self.release >= (major, minor)


DIALECTS: dict[str, Dialect] = {
    "3.11": Dialect(
        version="3.11.4",
        release=(3, 11),
        schema_style="match",
        checks=("rate_limit", "permission", "schema"),
        name_pattern_setting="UTF8_Names_Validation",
        user_name_pattern_setting="UTF8_Names_Validation",
        blocks_reserved_names=False,
        long_envelope=False,
        not_found_is_json=False,
        unknown_post_is_405=False,
        malformed_body_is_refused=True,
        invites_take_lists=False,
        hides_deactivated_members=False,
        query_is_obeyed=True,
        fields_are_obeyed_by_users=True,
        excludes_creator_on_request=False,
        survives_duplicate_members=False,
        protects_last_active_admin=False,
        whole_documents=True,
        lists_raw_hash=True,
        admin_rooms_are_rich=False,
        says_incorrect_password=False,
        announces_room_states=False,
    ),
    "6.5": Dialect(
        version="6.5.3",
        release=(6, 5),
        schema_style="ajv-coded",
        checks=("rate_limit", "schema", "permission"),
        name_pattern_setting="UTF8_Channel_Names_Validation",
        user_name_pattern_setting="UTF8_User_Names_Validation",
        blocks_reserved_names=True,
        long_envelope=False,
        not_found_is_json=False,
        unknown_post_is_405=True,
        malformed_body_is_refused=True,
        invites_take_lists=True,
        hides_deactivated_members=True,
        query_is_obeyed=True,
        fields_are_obeyed_by_users=False,
        excludes_creator_on_request=True,
        survives_duplicate_members=True,
        protects_last_active_admin=True,
        whole_documents=False,
        lists_raw_hash=False,
        admin_rooms_are_rich=False,
        says_incorrect_password=True,
        announces_room_states=True,
    ),
    "8.8": Dialect(
        version="8.8.1",
        release=(8, 8),
        schema_style="ajv",
        checks=("permission", "schema", "rate_limit"),
        name_pattern_setting="UTF8_Channel_Names_Validation",
        user_name_pattern_setting="UTF8_User_Names_Validation",
        blocks_reserved_names=True,
        long_envelope=True,
        not_found_is_json=True,
        unknown_post_is_405=False,
        malformed_body_is_refused=False,
        invites_take_lists=True,
        hides_deactivated_members=True,
        query_is_obeyed=False,
        fields_are_obeyed_by_users=False,
        excludes_creator_on_request=True,
        survives_duplicate_members=True,
        protects_last_active_admin=True,
        whole_documents=False,
        lists_raw_hash=False,
        admin_rooms_are_rich=True,
        says_incorrect_password=False,
        announces_room_states=True,
    ),
}


def dialect_like(like: str) -> Dialect:
    """The dialect of "3.11", "6.5" or "8.8".

    Raises:
        ValueError: for any other name.
    """
    if like not in DIALECTS:
        raise ValueError(f"unknown server {like!r}; known are {', '.join(DIALECTS)}")
    return DIALECTS[like]


def login_required(dialect: Dialect) -> ApiError:
    """The 401 of a call without a valid token (contract, 1.1)."""
    text = "You must be logged in to do this."
    body: dict[str, object] = {"status": "error", "message": text}
    if dialect.long_envelope:
        body = {"success": False, "error": text, **body}
    return ApiError(401, body)


def permission_missing(dialect: Dialect) -> ApiError:
    """The 403 of a route whose permission the caller lacks (contract, 2.0)."""
    if dialect.long_envelope:
        text = "User does not have the permissions required for this action [error-unauthorized]"
        return failure(text, status=403)
    return forbidden()


def forbidden() -> ApiError:
    """The 403 an action gives by itself."""
    return failure("unauthorized", status=403)


def wrong_method(dialect: Dialect, allowed: str) -> ApiError:
    """The 405 of a known endpoint called with another method."""
    body: dict[str, object] = {"status": "error", "message": "API endpoint does not exist"}
    if dialect.long_envelope:
        body = {"success": False, "error": "Method not allowed", **body}
    return ApiError(405, body, (("allow", f"{allowed}, OPTIONS"),))
