"""Which refusals prove that nothing happened. After every other one the effect is in doubt.

A code is here only where a real server was seen to send it, or its source throws it, before the
first change of the call: recordings of 3.11.4 to 8.6.1, and reference sections 1.2, 2.0 to 2.4, 4
and 12. A code that can also come from the middle of the call is not here: `error-user-is-banned`
of a list (the others are let in), `E11000` of a create (the room is there, its members are not).
"""

import re
from collections.abc import Mapping

from integration.domain.errors import BANNED_CODE

_REFUSED = frozenset({400, 403})  # 9.0 answers 403 where older servers answer 400

_EVERYWHERE = frozenset(
    {"invalid-params", "error-invalid-params", "error-forbidden"}  # schema, and permission from 9.0
)
_ACCOUNT_VALUES = frozenset(
    {
        "error-action-not-allowed",
        "error-blocked-username",
        "error-email-domain-blacklisted",
        "error-field-unavailable",
        "error-input-is-not-a-valid-field",
        "error-invalid-domain",
        "error-invalid-email",
        "error-not-allowed",
        "error-the-field-is-required",
        "error-user-registration-custom-field",
    }
)
_ROOM_UNKNOWN = frozenset(
    {
        "error-room-not-found",
        "error-room-param-not-provided",
        "error-invalid-room",
        "invalid-channel",
    }
)
_PERSON_UNKNOWN = frozenset(
    {
        "error-invalid-user",
        "error-user-not-found",
        "error-user-param-not-provided",
        "error-users-params-not-provided",
    }
)
_IN_A_ROOM = _ROOM_UNKNOWN | _PERSON_UNKNOWN | {"error-not-allowed", "error-room-archived"}

CODES: Mapping[str, frozenset[str]] = {
    "users.create": _ACCOUNT_VALUES | {"error-license-user-limit-reached"},
    "users.update": _ACCOUNT_VALUES
    | _PERSON_UNKNOWN
    | {
        "error-bio-size-exceeded",  # users.create says so of an account that it has made
        "error-nickname-size-exceeded",
        "error-password-policy-not-met",
    },
    "users.setActiveStatus": _PERSON_UNKNOWN
    | {
        "error-action-not-allowed",
        "error-license-user-limit-reached",
        "error-not-allowed",
        "error-unauthorized",
        "user-last-owner",
    },
    "users.forgotPassword": frozenset(),
    "create": frozenset(
        {
            "error-abac-attributes-required",
            "error-abac-public-room-creation-blocked",
            "error-archived-duplicate-name",
            "error-duplicate-channel-name",
            "error-encrypted-private-rooms-enforced",
            "error-invalid-name",
            "error-invalid-room-name",
            "error-not-allowed",
        }
    ),
    "invite": _IN_A_ROOM
    | {"error-empty-invite-list", "invalid-user-invite-list", "error-room-is-abac-managed"},
    "kick": _IN_A_ROOM | {"error-user-not-in-room", "error-you-are-last-owner"},
    "add": _IN_A_ROOM
    | {
        "error-user-already-leader",
        "error-user-already-moderator",
        "error-user-already-owner",
        "error-user-not-in-room",
    },
    "remove": _IN_A_ROOM
    | {
        "error-remove-last-owner",
        "error-user-not-in-room",
        "error-user-not-leader",
        "error-user-not-moderator",
        "error-user-not-owner",
    },
    "rooms.saveRoomSettings": _ROOM_UNKNOWN
    | {
        "error-action-not-allowed",
        "error-duplicate-channel-name",
        "error-duplicate-handle",
        "error-invalid-room-name",
        "error-invalid-room-type",
        "error-invalid-settings",
        "error-not-allowed",
        "invalid-room",
    },
    "rooms.changeArchivationState": _ROOM_UNKNOWN
    | {"error-action-not-allowed", "error-not-allowed", "error-not-authorized"},
    "import.new": frozenset({"error-not-allowed", "error-unauthorized"}),
    "import.addUsers": frozenset({"error-operation-not-found", "error-unauthorized"}),
    "import.run": frozenset({"error-operation-not-found", "error-unauthorized"}),
}
"""Write endpoint -> codes. Rooms of both kinds answer alike: "create" is channels.create and
groups.create, "add" and "remove" are {add,remove}{Owner,Moderator,Leader}. Of saveRoomSettings the
codes hold for one setting a call, which is what we send: of several, some are saved all the same
(reference 11.2).
"""

ONE_PERSON: Mapping[str, frozenset[str]] = {
    "invite": frozenset({BANNED_CODE, "error-only-compliant-users-can-be-added-to-abac-rooms"})
}
"""Codes that prove something only where the call was about one person."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"^users\.create$|^users\.update$", r"^Name contains invalid characters$"),
    (r"^users\.", r"^User not found\.?$"),  # forgotPassword says so where no mail can be sent
    (r"^users\.forgotPassword$", r"^Password reset is not enabled|param is required"),
    (r"^users\.", r"^Match error: (Missing|Unknown) key"),
    (r"^users\.update$", r"^Cannot read propert"),  # an unknown id, up to 6.x
    (r"^create$", r"^(Body p|P)aram \""),
)
"""Endpoint and words of refusals without a code."""

_FORBIDDEN: Mapping[str, frozenset[str]] = {
    "users.setActiveStatus": frozenset({"unauthorized", "forbidden"}),
    "create": frozenset({"unauthorized", "forbidden"}),
}
"""Endpoints whose 403 is no more than a word, which their route sends first of all."""

_NO_ROUTE_PERMISSION = re.compile(r"permissions? required for this action")
_ROOM_ENDPOINT = re.compile(r"^(channels|groups)\.(create|invite|kick|add|remove)([A-Z]\w*)?$")


def came_before_the_effect(
    endpoint: str, status: int, code: str, answer: str, *, several: bool = False
) -> bool:
    """Whether this refusal of a write ("POST groups.invite") proves that nothing happened.

    `several`: the call was about a list of people.
    """
    call = _name(endpoint.removeprefix("POST "))
    if status not in _REFUSED:
        return False
    if status == 403 and (
        _NO_ROUTE_PERMISSION.search(answer) or answer in _FORBIDDEN.get(call, ())
    ):
        return True
    if call not in CODES:
        return False
    if code in _EVERYWHERE or code in CODES[call]:
        return True
    if not several and code in ONE_PERSON.get(call, ()):
        return True
    return not code and _by_words(call, answer)


def _name(call: str) -> str:
    found = _ROOM_ENDPOINT.match(call)
    return found[2] if found else call


def _by_words(call: str, answer: str) -> bool:
    return any(re.search(where, call) and re.search(words, answer) for where, words in _WORDS)
