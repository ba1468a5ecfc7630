"""The table from the server's code, or its text where it gives none, to the error it becomes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integration.domain.errors import (
    BANNED_CODE,
    AccessByAttributes,
    AlreadyDone,
    Banned,
    MailRefused,
    NameTaken,
    NoSeatLeft,
    NotFound,
    PermissionMissing,
    RocketChatError,
    UnexpectedAnswer,
)
from integration.domain.messages import msg
from integration.services.rocketchat.versions import SUPPORTED


@dataclass(frozen=True, slots=True)
class Rule:
    """The kind of error, the beginning of its message, and the next step."""

    kind: type[RocketChatError]
    lead: str
    hint: str = ""


_PERMISSION = Rule(PermissionMissing, msg("The Rocket.Chat bot lacks a permission"))
_IN_USE = Rule(
    NameTaken,
    msg("The username or e-mail address is already in use in Rocket.Chat"),
    msg("Link the existing account to the person, or rename one of the two."),
)
_RESERVED = Rule(
    NameTaken, msg("Rocket.Chat reserves this username"), msg("Give the person another username.")
)
_ROOM_NAME = Rule(
    NameTaken,
    msg("A channel, team or person in Rocket.Chat already has this name"),
    msg("Link the existing channel to the group, or rename one of the two."),
)
_ARCHIVED_NAME = Rule(
    NameTaken,
    msg("An archived channel in Rocket.Chat already has this name"),
    msg("Unarchive and link that channel, or rename it."),
)
_NO_ROOM = Rule(
    NotFound,
    msg("The channel does not exist in Rocket.Chat, or the bot is no longer in it"),
    msg("If the channel still exists, add the bot to it again."),
)
_NO_USER = Rule(
    NotFound,
    msg("The account does not exist in Rocket.Chat any more"),
    msg("Run the sync again to read it anew."),
)
_NO_MAIL = Rule(
    MailRefused,
    msg("Rocket.Chat sent no mail"),
    msg(
        "It has to be able to send mail (Administration, Email, SMTP) and to let people reset "
        "passwords (Accounts, Password Reset). The next sync tries it again."
    ),
)
_DONE = Rule(AlreadyDone, msg("It is already so"))
_NOT_A_MEMBER = Rule(
    NotFound,
    msg("The person is not in the channel"),
    msg("Run the sync again to read its members anew."),
)
_ARCHIVED = Rule(
    RocketChatError,
    msg("The channel is archived"),
    msg("Unarchive it in Rocket.Chat, or leave it."),
)
_LAST_OWNER = Rule(
    RocketChatError,
    msg("The channel would be left without an owner"),
    msg("Make somebody else an owner of it first."),
)
_OWNER_OF = Rule(
    RocketChatError,
    msg("The account is the last owner (or only member) of channels"),
    msg(
        "Make somebody else an owner of them (or add the bot) in Rocket.Chat, then run the sync "
        "again."
    ),
)
_LAST_ADMIN = Rule(
    RocketChatError,
    msg("Rocket.Chat would be left without an administrator"),
    msg("Make another account an administrator first."),
)
_SEATS = Rule(
    NoSeatLeft,
    msg("The Rocket.Chat licence has no seat left"),
    msg("Deactivate accounts nobody uses, or extend the licence."),
)
_VALUE_MISSING = Rule(
    RocketChatError,
    msg("Rocket.Chat wants a value for the account that is empty"),
    msg("Enter the value that its answer names in Moodle."),
)
_PASSWORD_POLICY = Rule(
    RocketChatError,
    msg("The random password does not meet Rocket.Chat's password policy"),
    msg("Set Accounts_Password_Policy_MaxLength in Rocket.Chat to 47 or more, or to -1."),
)
_TEXT_TOO_LONG = Rule(
    RocketChatError,
    msg("The bio or the nickname of the account is longer than Rocket.Chat allows"),
    msg("Shorten it in Rocket.Chat: 260 characters for the bio, 120 for the nickname."),
)
_CUSTOM_FIELD = Rule(
    RocketChatError,
    msg("Rocket.Chat demands custom fields of every account, and rcsync sends none"),
    msg("Make the fields optional in the setting Accounts_CustomFields of Rocket.Chat."),
)
_WORKSPACE = Rule(
    RocketChatError,
    msg("The Rocket.Chat workspace is restricted"),
    msg("Register it in Rocket.Chat under Administration > Workspace."),
)
_ATTRIBUTES = Rule(
    AccessByAttributes,
    msg("Rocket.Chat lets attributes decide who may be in this channel"),
    msg("Give the person the attributes of the channel, or take it out of attribute control."),
)
_ROOM_NEEDS_ATTRIBUTES = Rule(
    AccessByAttributes,
    msg("Rocket.Chat makes no channel without attributes"),
    msg(
        "Make the channel with its attributes in Rocket.Chat and link it to the group, or end the "
        "policy for new rooms (ABAC)."
    ),
)
_ENCRYPTED = Rule(
    RocketChatError,
    msg("Rocket.Chat makes encrypted private channels only"),
    msg("Switch E2E_Force_Encryption_For_Private_Rooms off in Rocket.Chat."),
)
_CHANNEL_PATTERN = Rule(
    RocketChatError,
    msg("Rocket.Chat does not accept this channel name"),
    msg("Change the naming template, or the setting UTF8_Channel_Names_Validation of Rocket.Chat."),
)
_USERNAME_PATTERN = Rule(
    RocketChatError,
    msg("Rocket.Chat does not accept this username"),
    msg("Change the username, or the setting UTF8_User_Names_Validation of Rocket.Chat."),
)
_EMAIL = Rule(
    RocketChatError,
    msg("Rocket.Chat does not accept this e-mail address"),
    msg("Correct it in Moodle."),
)
_DOMAIN = Rule(
    RocketChatError,
    msg("Rocket.Chat does not accept e-mail addresses of this domain"),
    msg("Look at Accounts > Registration > allowed and blocked domains in Rocket.Chat."),
)
_PERSON_NAME = Rule(
    RocketChatError,
    msg("Rocket.Chat does not accept this person's name"),
    msg("Remove the characters < > \\ / in Moodle."),
)
_BANNED = Rule(
    Banned,
    msg("The person is banned from the channel"),
    msg("Lift the ban in Rocket.Chat, or remove them in Moodle."),
)
_CONTRACT = Rule(
    RocketChatError,
    msg("Rocket.Chat does not understand the request"),
    msg(
        "Compare the server's version with the supported ones ({versions}) and report this.",
        versions=SUPPORTED,
    ),
)
_ENDPOINT = Rule(
    UnexpectedAnswer,
    msg("The server does not know this call"),
    msg(
        "Compare the server's version with the supported ones ({versions}), and check its address.",
        versions=SUPPORTED,
    ),
)
_OTHER = Rule(
    RocketChatError,
    msg("Rocket.Chat refuses the call"),
    msg("Its answer says why; fix that, and the next sync tries again."),
)

RULES: Mapping[str, Rule] = {
    "unauthorized": _PERMISSION,
    "forbidden": _PERMISSION,
    "not-allowed": _PERMISSION,
    "error-unauthorized": _PERMISSION,
    "error-not-authorized": _PERMISSION,
    "error-not-allowed": _PERMISSION,
    "error-action-not-allowed": _PERMISSION,
    "error-forbidden": _PERMISSION,  # 9.0; until then the five above
    "error-field-unavailable": _IN_USE,
    "error-could-not-save-identity": _IN_USE,
    "error-blocked-username": _RESERVED,
    "error-duplicate-channel-name": _ROOM_NAME,
    "error-duplicate-handle": _ROOM_NAME,
    "error-archived-duplicate-name": _ARCHIVED_NAME,
    "error-room-not-found": _NO_ROOM,
    "error-invalid-room": _NO_ROOM,
    "invalid-channel": _NO_ROOM,
    "error-invalid-user": _NO_USER,
    "error-user-not-found": _NO_USER,
    "error-empty-invite-list": _NO_USER,
    "invalid-user-invite-list": _NO_USER,
    "error-user-already-owner": _DONE,
    "error-user-already-moderator": _DONE,
    "error-user-already-leader": _DONE,
    "error-user-not-owner": _DONE,
    "error-user-not-moderator": _DONE,
    "error-user-not-leader": _DONE,
    "error-user-not-in-room": _NOT_A_MEMBER,
    "error-room-archived": _ARCHIVED,
    "room_is_archived": _ARCHIVED,
    "error-you-are-last-owner": _LAST_OWNER,
    "error-remove-last-owner": _LAST_OWNER,
    "user-last-owner": _OWNER_OF,
    "error-license-user-limit-reached": _SEATS,
    "error-invalid-room-name": _CHANNEL_PATTERN,
    "error-invalid-name": _CHANNEL_PATTERN,
    "error-input-is-not-a-valid-field": _USERNAME_PATTERN,
    "error-invalid-email": _EMAIL,
    "error-invalid-domain": _DOMAIN,
    "error-email-domain-blacklisted": _DOMAIN,
    BANNED_CODE: _BANNED,
    "error-the-field-is-required": _VALUE_MISSING,
    "error-password-policy-not-met": _PASSWORD_POLICY,
    "error-bio-size-exceeded": _TEXT_TOO_LONG,
    "error-nickname-size-exceeded": _TEXT_TOO_LONG,
    "error-user-registration-custom-field": _CUSTOM_FIELD,
    "restricted-workspace": _WORKSPACE,
    "error-abac-attributes-required": _ROOM_NEEDS_ATTRIBUTES,
    "error-abac-public-room-creation-blocked": _ROOM_NEEDS_ATTRIBUTES,
    "error-only-compliant-users-can-be-added-to-abac-rooms": _ATTRIBUTES,
    "error-room-is-abac-managed": _ATTRIBUTES,
    "error-encrypted-private-rooms-enforced": _ENCRYPTED,
    "invalid-params": _CONTRACT,
    "error-invalid-params": _CONTRACT,
    "error-user-param-not-provided": _CONTRACT,
    "error-users-params-not-provided": _CONTRACT,
    "error-room-param-not-provided": _CONTRACT,
    "error-roomid-param-not-provided": _CONTRACT,
}

BY_ENDPOINT: tuple[tuple[str, str, Rule], ...] = (
    (r"\.kick$", "error-user-not-in-room", _DONE),
    (r"\.remove(Owner|Moderator|Leader)$", "error-user-not-in-room", _DONE),
    (r"\.remove(Owner|Moderator|Leader)$", "error-invalid-room", _DONE),  # 7.0: of a non-member
)
"""Where a code means something else than in general."""

BY_WORDS: tuple[tuple[str, str, Rule], ...] = (
    (r" users\.forgotPassword$", r"not found|not enabled|is required", _NO_MAIL),
    (r" users\.", r"^User not found", _NO_USER),
    (r" users\.update$", r"^Cannot read propert", _NO_USER),  # an unknown id, up to 6.x
    (r"", r"the same as what it would be (changed|renamed) to", _DONE),
    (r"\.unarchive$", r"is not archived$", _DONE),
    (r" users\.", r"^Name contains invalid characters", _PERSON_NAME),
    (r"", r"endpoint (does not exist|not found)", _ENDPOINT),
    (r" rooms\.", r"^Resource not found", _NO_ROOM),
    (r" rooms\.", r"does not match any (room|channel|group)", _NO_ROOM),
    (r"", r"^Match error|^Param |^Body param ", _CONTRACT),
)
"""Endpoint and words of answers without a code."""

_ACTIONS: Mapping[str, Rule] = {
    "Remove_last_admin": _LAST_ADMIN,
    "Assign_role": Rule(
        RocketChatError,
        msg("Rocket.Chat does not accept the role of new accounts"),
        msg("Look at the setting Accounts_Registration_Users_Default_Roles of Rocket.Chat."),
    ),
}
"""`details.action` of an error-action-not-allowed that is no question of permissions."""


def rule_for(endpoint: str, status: int, code: str, msg: str, action: str) -> Rule:
    if action in _ACTIONS:
        return _ACTIONS[action]
    for pattern, for_code, rule in BY_ENDPOINT:
        if code == for_code and re.search(pattern, endpoint):
            return rule
    if code in RULES:
        return RULES[code]
    if code.startswith("error-abac-"):
        return _ATTRIBUTES
    for pattern, phrase, rule in BY_WORDS:
        if re.search(pattern, endpoint) and re.search(phrase, msg):
            return rule
    return _PERMISSION if status == 403 else _ENDPOINT if status == 405 else _OTHER
