"""Which endpoint has which schema from which version on (contract, 2.1 to 2.4 and 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from demo.standin.web.schema import Schema

FROM_THE_START = (0, 0)
SINCE_6 = (6, 0)

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
USER_UPDATE = Schema(
    {"userId": "string", "confirmRelinquish": "boolean", "data": "object"},
    required=("userId", "data"),
    filled=("userId",),
    inner={"data": Schema({**PROFILE, "status": "string", "freeSwitchExtension": "string"})},
    since=FROM_THE_START,
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
USER_INFO_8 = Schema(
    {
        "userId": "string",
        "username": "string",
        "importId": "string",
        "email": "string",
        "freeSwitchExtension": "string",
        "includeUserRooms": "string",
    },
    alternatives=("userId", "username", "importId", "email", "freeSwitchExtension"),
    in_query=True,
)
PAGE = {"count": "number", "offset": "number", "sort": "string"}
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
    in_query=True,
)
ADMIN_ROOMS = Schema({**PAGE, "filter": "string", "types": "any", "types[]": "any"}, in_query=True)
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
        "systemMessages": "any",
        "default": "boolean",
        "joinCode": "string",
        "encrypted": "boolean",
        "favorite": "object",
        "featured": "boolean",
        "retentionEnabled": "boolean",
        "retentionMaxAge": "number",
    },
    required=("rid",),
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
KICK_BY_ID = replace(_room_with("userId", "string"), since=SINCE_6)

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
    "POST users.create": (USER_CREATE,),
    "POST users.update": (USER_UPDATE,),
    "POST users.setActiveStatus": (ACTIVE_STATUS,),
    "GET users.info": (USER_INFO_8, USER_INFO_6),
    "GET users.listByStatus": (LIST_BY_STATUS,),
    "GET rooms.adminRooms": (ADMIN_ROOMS,),
    "POST rooms.saveRoomSettings": (SAVE_ROOM_SETTINGS,),
    "POST channels.create": (replace(ROOM_CREATE, types={**ROOM_CREATE.types, "teams": "array"}),),
    "POST groups.create": (ROOM_CREATE,),
    "POST channels.invite": (_room(ONE_PERSON),),
    "POST groups.invite": (_room(PEOPLE),),
    "POST channels.kick": (KICK_BY_ID,),
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
