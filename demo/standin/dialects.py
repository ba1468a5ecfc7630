"""What differs between the servers the stand-in can be: 3.11, 6.5, 7.2, 7.7, 8.6, 8.8 and 9.0.

Each dialect is written as its differences from the one before. 3.11 to 8.6 are held to recorded
answers of 3.11.4, 6.5.3, 7.2.0, 7.7.1 and 8.6.1. 8.8 and 9.0 are *unobserved*: they follow the
contract, which was read from source, schemas, official tests and release notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from demo.standin.errors import ApiError, failure

SchemaStyle = Literal["match", "ajv-coded", "ajv"]
Check = Literal["rate_limit", "schema", "permission"]
UnknownEndpoint = Literal["page", "page-or-405", "text"]


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
    long_permission_text: bool  # what a route without the caller's permission says
    forbidden_word: str  # what an action says that refuses by itself
    unknown_endpoint: UnknownEndpoint
    malformed_body_is_refused: bool
    invites_take_lists: bool
    hides_deactivated_members: bool
    query_is_obeyed: bool  # `query` and `fields`
    query_is_refused: bool
    forbids_with_one_code: bool  # 403 error-forbidden for what was error-not-allowed and others
    fields_are_obeyed_by_users: bool
    excludes_creator_on_request: bool
    survives_duplicate_members: bool
    protects_last_active_admin: bool
    whole_documents: bool  # account lists and answers show whole documents
    lists_raw_hash: bool  # `me` shows the password's hash
    admin_rooms_are_rich: bool  # adminRooms shows customFields and friends
    says_incorrect_password: bool
    announces_room_states: bool  # archiving and read-only write a message
    names_slugs_in_refusals: bool  # and not the display name that was asked for
    takes_own_address_for_taken: bool  # when only its case changes
    limits_address_changes: bool  # `users.update` with an address, per account and minute
    rooms_start_with_fields: bool  # a new room shows empty customFields
    rooms_start_with_defaults: bool  # ... and default and sysMes
    shows_subscriptions_of_members: bool  # in membersOrderedByRole
    hides_archived_rooms: bool  # rooms.info refuses them
    logout_says_nothing: bool
    enforces_rate_limit: bool  # callers without the right to bypass it are limited
    restricts_unregistered: bool  # nobody may write on a workspace that is not registered

    def at_least(self, major: int, minor: int) -> bool:
        """Whether this server is that version or newer."""
        return self.release >= (major, minor)


LIKE_3_11 = Dialect(
    version="3.11.4",
    release=(3, 11),
    schema_style="match",
    checks=("rate_limit", "permission", "schema"),
    name_pattern_setting="UTF8_Names_Validation",
    user_name_pattern_setting="UTF8_Names_Validation",
    blocks_reserved_names=False,
    long_envelope=False,
    long_permission_text=False,
    forbidden_word="unauthorized",
    unknown_endpoint="page",
    malformed_body_is_refused=True,
    invites_take_lists=False,
    hides_deactivated_members=False,
    query_is_obeyed=True,
    query_is_refused=False,
    forbids_with_one_code=False,
    fields_are_obeyed_by_users=True,
    excludes_creator_on_request=False,
    survives_duplicate_members=False,
    protects_last_active_admin=False,
    whole_documents=True,
    lists_raw_hash=True,
    admin_rooms_are_rich=False,
    says_incorrect_password=False,
    announces_room_states=False,
    names_slugs_in_refusals=False,
    takes_own_address_for_taken=False,
    limits_address_changes=False,
    rooms_start_with_fields=True,
    rooms_start_with_defaults=True,
    shows_subscriptions_of_members=False,
    hides_archived_rooms=False,
    logout_says_nothing=False,
    enforces_rate_limit=True,
    restricts_unregistered=False,
)

LIKE_6_5 = replace(
    LIKE_3_11,
    version="6.5.3",
    release=(6, 5),
    schema_style="ajv-coded",
    checks=("rate_limit", "schema", "permission"),
    name_pattern_setting="UTF8_Channel_Names_Validation",
    user_name_pattern_setting="UTF8_User_Names_Validation",
    blocks_reserved_names=True,
    unknown_endpoint="page-or-405",
    invites_take_lists=True,
    hides_deactivated_members=True,
    fields_are_obeyed_by_users=False,
    excludes_creator_on_request=True,
    survives_duplicate_members=True,
    protects_last_active_admin=True,
    whole_documents=False,
    lists_raw_hash=False,
    says_incorrect_password=True,
    announces_room_states=True,
)

LIKE_7_2 = replace(
    LIKE_6_5,
    version="7.2.0",
    release=(7, 2),
    long_permission_text=True,
    query_is_obeyed=False,
    says_incorrect_password=False,
    names_slugs_in_refusals=True,
    takes_own_address_for_taken=True,
    limits_address_changes=True,
    hides_archived_rooms=True,
    restricts_unregistered=True,
)

LIKE_7_7 = replace(
    LIKE_7_2,
    version="7.7.1",
    release=(7, 7),
    long_envelope=True,
    unknown_endpoint="text",
    malformed_body_is_refused=False,
    rooms_start_with_fields=False,
    logout_says_nothing=True,
    enforces_rate_limit=False,  # by chance of this build perhaps: 7.0 to 7.8 do not always
)

LIKE_8_6 = replace(
    LIKE_7_7,
    version="8.6.1",
    release=(8, 6),
    schema_style="ajv",
    limits_address_changes=False,
    rooms_start_with_defaults=False,
    shows_subscriptions_of_members=True,
    hides_archived_rooms=False,
    enforces_rate_limit=True,
    restricts_unregistered=False,
    checks=("permission", "schema", "rate_limit"),
)

# Unobserved: from source, schemas and official tests.
LIKE_8_8 = replace(
    LIKE_8_6,
    version="8.8.1",
    release=(8, 8),
    admin_rooms_are_rich=True,
)

# Unobserved: from release notes only.
LIKE_9_0 = replace(
    LIKE_8_8,
    version="9.0.0",
    release=(9, 0),
    forbidden_word="forbidden",
    query_is_refused=True,
    forbids_with_one_code=True,
)

DIALECTS: dict[str, Dialect] = {
    ".".join(str(number) for number in dialect.release): dialect
    for dialect in (LIKE_3_11, LIKE_6_5, LIKE_7_2, LIKE_7_7, LIKE_8_6, LIKE_8_8, LIKE_9_0)
}


def dialect_like(like: str) -> Dialect:
    """The dialect of "3.11", "6.5", "7.2", "7.7", "8.6", "8.8" or "9.0".

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
    if dialect.long_permission_text:
        text = "User does not have the permissions required for this action [error-unauthorized]"
        return failure(text, status=403)
    return forbidden(dialect)


def forbidden(dialect: Dialect) -> ApiError:
    """The 403 an action gives by itself."""
    return failure(dialect.forbidden_word, status=403)


def wrong_method(allowed: str) -> ApiError:
    """The 405 of a known endpoint called with another method."""
    body: dict[str, object] = {"status": "error", "message": "API endpoint does not exist"}
    return ApiError(405, body, (("allow", f"{allowed}, OPTIONS"),))


NOT_ALLOWED = ("error-not-allowed", "not-allowed", "no-permission", "error-not-authorized")


def in_words_of(dialect: Dialect, refusal: ApiError) -> ApiError:
    """The refusal with the code that this version has for it (contract, 12)."""
    body = refusal.body
    codes = (body.get("errorType"), body.get("error"))
    if not dialect.forbids_with_one_code or not any(code in NOT_ALLOWED for code in codes):
        return refusal
    new = {"error": "Not allowed [error-forbidden]", "errorType": "error-forbidden"}
    return ApiError(403, body | new, refusal.headers)


def invalid_query() -> ApiError:
    """The refusal of `query` and `fields`."""
    text = "must NOT have additional properties"
    return ApiError(400, {"success": False, "errorType": "error-invalid-params", "error": text})
