"""Which endpoint has which schema from which version on (contract, 2.1 to 2.4 and 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from demo.standin.web.schema import Schema

FROM_THE_START = (0, 0)
SINCE_6 = (6, 0)
SINCE_7 = (7, 0)
SINCE_8 = (8, 0)
SINCE_9 = (9, 0)
SIP_AND_FIELDS = ("freeSwitchExtension", "fields")

PROFILE = {
    "email": "string",
    "name": "string",
    "password": "string",
    "username": "string",
    "active": "boolean",
    "bio": "string",
    "nickname": "string",
    "statusText": "string",
    "roles": "array",
    "requirePasswordChange": "boolean",
    "setRandomPassword": "boolean",
    "sendWelcomeEmail": "boolean",
    "verified": "boolean",
    "customFields": "object",
}

USER_CREATE = Schema(
    {**PROFILE, "joinDefaultChannels": "boolean", "fields": "any", "freeSwitchExtension": "string"},
    required=("email", "name", "password", "username"),
    since=FROM_THE_START,
)
USER_CREATE_9 = replace(
    USER_CREATE,
    types={**PROFILE, "joinDefaultChannels": "boolean", "fields": "any", "sipExtension": "string"},
    since=SINCE_9,
)
UPDATED = Schema(
    {**PROFILE, "status": "string", "freeSwitchExtension": "string"},
    nullable=("email", "name", "password", "username", "bio", "nickname"),
)
USER_UPDATE = Schema(
    {"userId": "string", "confirmRelinquish": "boolean", "data": "object"},
    required=("userId", "data"),
    filled=("userId",),
    inner={"data": UPDATED},
    since=FROM_THE_START,
)
USER_UPDATE_9 = replace(
    USER_UPDATE,
    inner={
        "data": replace(UPDATED, types={**PROFILE, "status": "string", "sipExtension": "string"})
    },
    since=SINCE_9,
)
ACTIVE_STATUS = Schema(
    {"userId": "string", "activeStatus": "boolean", "confirmRelinquish": "boolean"},
    required=("userId", "activeStatus"),
    since=FROM_THE_START,
)
USER_INFO_6 = Schema(
    {"userId": "string", "username": "string", "importId": "string", "fields": "string"},
    alternatives=("userId", "username", "importId"),
    choice="anyOf",
    since=SINCE_6,
    in_query=True,
)
USER_INFO_7 = replace(
    USER_INFO_6,
    types={**USER_INFO_6.types, "includeUserRooms": "string"},
    exclusive=True,
    since=SINCE_7,
)
USER_INFO_8 = replace(
    USER_INFO_7,
    types={**USER_INFO_7.types, "email": "string", "freeSwitchExtension": "string"},
    alternatives=(*USER_INFO_7.alternatives, "email", "freeSwitchExtension"),
    since=(8, 5),
)
USER_INFO_9 = replace(
    USER_INFO_8,
    types={
        **{key: USER_INFO_8.types[key] for key in USER_INFO_8.types if key not in SIP_AND_FIELDS},
        "sipExtension": "string",
    },
    alternatives=(*USER_INFO_8.alternatives[:-1], "sipExtension"),
    since=SINCE_9,
)
PAGE = {"count": "number", "offset": "number", "sort": "string"}
REASONS = ("inactiveReason", "inactiveReason[]")
LIST_BY_STATUS = Schema(
    {
        **PAGE,
        "status": "string",
        "hasLoggedIn": "boolean",
        "type": "string",
        "roles": "any",
        "roles[]": "any",
        "searchTerm": "string",
        "inactiveReason": "any",
        "inactiveReason[]": "any",
    },
    choices={"status": ("active", "deactivated")},
    since=SINCE_8,
    in_query=True,
)
LIST_BY_STATUS_7 = replace(
    LIST_BY_STATUS,
    types={key: kind for key, kind in LIST_BY_STATUS.types.items() if key not in REASONS},
    since=(6, 8),
)
USERS_LIST = Schema(
    {**PAGE, "email": "string", "query": "string", "fields": "string"},
    since=SINCE_8,
    in_query=True,
)
USERS_LIST_9 = replace(USERS_LIST, types={**PAGE, "email": "string"}, since=SINCE_9)
ROOM_TYPES = ("c", "p", "d", "l", "discussions", "teams")
ADMIN_ROOMS = Schema(
    {**PAGE, "filter": "string", "types": "any", "types[]": "any"},
    choices={"types": ROOM_TYPES, "types[]": ROOM_TYPES},
    since=SINCE_8,
    in_query=True,
)
MEMBERS_BY_ROLE = Schema(
    {
        **PAGE,
        "roomId": "string",
        "roomName": "string",
        "filter": "string",
        "status": "any",
        "status[]": "any",
    },
    alternatives=("roomId", "roomName"),
    since=(7, 3),
    in_query=True,
)
ARCHIVATION = Schema({"rid": "string", "action": "string"}, required=("rid",), since=(7, 7))
POST_MESSAGE = Schema(
    {
        "roomId": "string",
        "channel": "any",
        "text": "string",
        "alias": "string",
        "emoji": "string",
        "avatar": "string",
        "attachments": "array",
        "parseUrls": "boolean",
        "tmid": "string",
        "customFields": "object",
    },
    alternatives=("roomId", "channel"),
    exclusive=True,
    since=(7, 7),
)
TOKEN = Schema(
    {"tokenName": "string", "bypassTwoFactor": "boolean"}, required=("tokenName",), since=SINCE_8
)
SAVE_ROOM_SETTINGS = Schema(
    {
        "rid": "string",
        "roomName": "string",
        "roomTopic": "string",
        "roomAnnouncement": "string",
        "roomDescription": "string",
        "roomCustomFields": "object",
        "roomType": "string",
        "roomAvatar": "string",
        "readOnly": "boolean",
        "reactWhenReadOnly": "boolean",
        "systemMessages": "array",
        "default": "boolean",
        "joinCode": "string",
        "encrypted": "boolean",
        "favorite": "object",
        "featured": "boolean",
        "retentionEnabled": "boolean",
        "retentionMaxAge": "number",
    },
    required=("rid",),
    since=SINCE_8,
)
IMPORTED_USER = Schema(
    {
        "username": "string",
        "emails": "array",
        "importIds": "array",
        "name": "string",
        "deleted": "boolean",
        "roles": "array",
        "type": "string",
        "bio": "string",
        "password": "string",
        "statusText": "string",
        "utcOffset": "number",
        "avatarUrl": "string",
    },
    required=("emails", "importIds"),
    since=SINCE_6,
)

EXTRA_DATA = Schema(
    {
        "broadcast": "boolean",
        "encrypted": "boolean",
        "teamId": "string",
        "topic": "string",
        "federated": "boolean",
    }
)
ROOM_CREATE = Schema(
    {
        "name": "string",
        "members": "array",
        "readOnly": "boolean",
        "customFields": "object",
        "excludeSelf": "boolean",
        "extraData": "object",
    },
    required=("name",),
    inner={"extraData": EXTRA_DATA},
)


def _room(types: Mapping[str, str], *required: str) -> Schema:
    """A call on one room, named by id or by name."""
    return Schema(
        {"roomId": "string", "roomName": "string", **types},
        required=required,
        alternatives=("roomId", "roomName"),
    )


def _room_with(key: str, kind: str) -> Schema:
    """A call on one room with one value that has to be there."""
    return _room({key: kind}, key)


ONE_PERSON = {"userId": "string", "username": "string", "user": "string"}
PEOPLE = {**ONE_PERSON, "userIds": "array", "usernames": "array"}
KICK_BY_ID = replace(_room_with("userId", "string"), since=SINCE_6, legacy=True)
CHANNELS_LIST = Schema(
    {**PAGE, "_id": "string", "query": "string"}, since=(7, 4), in_query=True, legacy=True
)
CHANNELS_LIST_7 = replace(
    CHANNELS_LIST, types={"_id": "string", "query": "string"}, since=SINCE_7
)  # it forgot its pages

BOTH_KINDS = {
    "archive": _room({}),
    "unarchive": _room({}),
    "rename": _room_with("name", "string"),
    "setTopic": _room_with("topic", "string"),
    "setDescription": _room_with("description", "string"),
    "setAnnouncement": _room_with("announcement", "string"),
    "setCustomFields": _room_with("customFields", "object"),
    "setReadOnly": _room_with("readOnly", "boolean"),
    **{
        f"{verb}{role}": _room(ONE_PERSON)
        for verb in ("add", "remove")
        for role in ("Moderator", "Owner", "Leader")
    },
}

SCHEMAS: dict[str, tuple[Schema, ...]] = {
    "POST users.create": (USER_CREATE_9, USER_CREATE),
    "POST users.update": (USER_UPDATE_9, USER_UPDATE),
    "POST users.setActiveStatus": (ACTIVE_STATUS,),
    "GET users.info": (USER_INFO_9, USER_INFO_8, USER_INFO_7, USER_INFO_6),
    "GET users.list": (USERS_LIST_9, USERS_LIST),
    "GET users.listByStatus": (LIST_BY_STATUS, LIST_BY_STATUS_7),
    "GET rooms.adminRooms": (ADMIN_ROOMS,),
    "GET rooms.membersOrderedByRole": (MEMBERS_BY_ROLE,),
    "POST rooms.saveRoomSettings": (SAVE_ROOM_SETTINGS,),
    "POST rooms.changeArchivationState": (ARCHIVATION,),
    "POST users.generatePersonalAccessToken": (TOKEN,),
    "POST chat.postMessage": (POST_MESSAGE,),
    "POST channels.create": (replace(ROOM_CREATE, types={**ROOM_CREATE.types, "teams": "array"}),),
    "POST groups.create": (ROOM_CREATE,),
    "POST channels.invite": (_room(ONE_PERSON),),
    "POST groups.invite": (_room(PEOPLE),),
    "POST channels.kick": (KICK_BY_ID,),
    "GET channels.list": (CHANNELS_LIST, CHANNELS_LIST_7),
    "POST groups.kick": (_room(ONE_PERSON),),
    **{
        f"POST {plural}.{action}": (schema,)
        for plural in ("channels", "groups")
        for action, schema in BOTH_KINDS.items()
    },
}


def schema_for(endpoint: str, release: tuple[int, int]) -> Schema | None:
    """The schema this version judges "METHOD name" by, if it has one."""
    known = SCHEMAS.get(endpoint, ())
    return next((schema for schema in known if release >= schema.since), None)
