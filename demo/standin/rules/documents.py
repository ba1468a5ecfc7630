"""How the server shows its documents; keys and their presence are as recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.standin.constants import CAT_ID
from demo.standin.state.records import Room, Subscription, Token, User
from demo.standin.state.world import ServerState
from demo.standin.web.call import to_json

Others = dict[str, Callable[[str], dict[str, Any] | None]]


def emails(user: User) -> list[dict[str, Any]]:
    """An account's addresses: none or one."""
    return [{"address": user.email, "verified": user.verified}] if user.email else []


def user_document(world: ServerState, user: User) -> dict[str, Any]:
    """The whole account, as `users.create` and `users.update` answer it."""
    document: dict[str, Any] = {
        "_id": user.id,
        "createdAt": user.created_at,
        "username": user.username,
        "type": user.type,
        "status": _status(user),
        "active": user.active,
        "_updatedAt": user.updated_at,
        "roles": list(user.roles),
        "name": user.name,
    }
    if user.email:
        document["emails"] = emails(user)
    if user.subscriptions:
        document["__rooms"] = list(user.subscriptions)
    if user.made_by_api:
        document["settings"] = {}
    document |= _optional(world, user)
    if user.federated:
        document["federated"] = True
    if user.type == "bot":
        document["avatarETag"] = None if world.dialect.whole_documents else "standin"
    if user.last_login:
        document["lastLogin"] = user.last_login
    if not user.made_by_api and not user.made_by_import:
        document |= {"avatarOrigin": "none", "statusDefault": "online", "utcOffset": 0}
    return document


def _status(user: User) -> str:
    return "online" if user.type == "bot" else "offline"


def _optional(world: ServerState, user: User) -> dict[str, Any]:
    reason = user.inactive_reason if world.dialect.at_least(8, 0) else ""
    values = {
        "requirePasswordChange": user.require_password_change,
        "bio": user.bio or None,
        "nickname": user.nickname or None,
        "customFields": user.custom_fields or None,
        "importIds": user.import_ids or None,
        "inactiveReason": reason or None,
    }
    return {key: value for key, value in values.items() if value is not None}


LISTED = ("_id", "username", "emails", "type", "roles", "status", "active", "name", "avatarETag",
          "lastLogin")  # fmt: skip
INFO = ("_id", "createdAt", "username", "emails", "type", "roles", "status", "active", "name",
        "requirePasswordChange", "importIds", "bio", "nickname", "customFields", "avatarETag",
        "lastLogin", "federated")  # fmt: skip
LATER_INFO = (*INFO, "utcOffset")
FOR_EVERYBODY = ("_id", "username", "type", "status", "active", "name", "bio", "nickname",
                 "utcOffset", "avatarETag", "__rooms", "federated")  # fmt: skip
BY_STATUS = (*LISTED, "federated")


def listed_user(world: ServerState, user: User, *, full: bool) -> dict[str, Any]:
    """One account of `users.list`; without the permission for full records it shows less."""
    document = user_document(world, user)
    if world.dialect.whole_documents:
        return document if full else _only(document, FOR_EVERYBODY)
    keys = LISTED if full else tuple(key for key in LISTED if key in FOR_EVERYBODY)
    return _only(document, keys) | {"nameInsensitive": user.name.lower()}


def user_fragment(world: ServerState, user: User, *, full: bool) -> bytes:
    """The same as ready-made JSON, kept until the account changes."""
    key = "full" if full else "short"
    if key not in user.fragments:
        user.fragments[key] = to_json(listed_user(world, user, full=full))
    return user.fragments[key]


def user_by_status(world: ServerState, user: User) -> dict[str, Any]:
    """One account of `users.listByStatus`: the same for everybody."""
    return _only(user_document(world, user), BY_STATUS)


def user_by_status_fragment(world: ServerState, user: User) -> bytes:
    """The same as ready-made JSON, kept until the account changes."""
    if "status" not in user.fragments:
        user.fragments["status"] = to_json(user_by_status(world, user))
    return user.fragments["status"]


def user_info(world: ServerState, user: User, *, full: bool) -> dict[str, Any]:
    """One account of `users.info`."""
    every = LATER_INFO if world.dialect.at_least(7, 0) and user.type == "bot" else INFO
    keys = every if full else FOR_EVERYBODY
    document = user_document(world, user)
    document.pop("__rooms", None)
    if world.dialect.whole_documents:
        more = {"services": {}} if user.made_by_api else _only(document, ("utcOffset",))
        return _only(document, keys) | (more if full else {})
    return _only(document, keys) | {"canViewAllInfo": full}


def user_rooms(world: ServerState, user: User) -> list[dict[str, Any]]:
    """Every membership of an account, for `users.info`: public rooms first, then by name."""
    entries = user.subscriptions.values()
    rooms = [_user_room(world, entry) for entry in entries]
    return sorted(rooms, key=lambda room: (room["t"], room["name"]))


def _user_room(world: ServerState, entry: Subscription) -> dict[str, Any]:
    room = world.rooms[entry.room_id]
    shown: dict[str, Any] = {"_id": entry.id, "rid": room.id, "name": room.name, "t": room.t}
    if world.dialect.at_least(6, 5):
        shown["unread"] = int(bool(entry.display_name) or not world.dialect.at_least(7, 0))
    return shown | ({"roles": list(entry.roles)} if entry.roles else {})


def token_view(world: ServerState, token: Token) -> dict[str, Any]:
    """One personal access token, as its owner sees it."""
    shown: dict[str, Any] = {
        "name": token.name,
        "createdAt": token.created_at,
        "lastTokenPart": token.last_part,
    }
    if token.bypass_two_factor or world.dialect.at_least(6, 5):
        shown["bypassTwoFactor"] = token.bypass_two_factor
    return shown


def room_document(world: ServerState, room: Room) -> dict[str, Any]:
    """The whole room."""
    document: dict[str, Any] = {
        "_id": room.id,
        "name": room.name,
        "t": room.t,
        "msgs": room.msgs,
        "usersCount": room.users_count,
        "ts": room.ts,
        "_updatedAt": room.updated_at,
    }
    return document | room.extra | _optional_of_room(world, room)


def _creator(world: ServerState, room: Room) -> dict[str, Any] | None:
    """Who made the room; an old server names nobody for "general" and no display names."""
    creator = {"_id": room.creator_id, "username": room.creator_username}
    if not world.dialect.whole_documents:
        return creator | {"name": room.creator_name}
    return None if room.creator_id == CAT_ID else creator


def _optional_of_room(world: ServerState, room: Room) -> dict[str, Any]:
    values = {
        "u": _creator(world, room),
        "customFields": room.custom_fields,
        "sysMes": room.system_messages,
        "fname": room.fname,
        "ro": room.ro,
        "default": room.default,
        "topic": room.topic,
        "description": room.description,
        "announcement": room.announcement,
        "archived": room.archived,
        "encrypted": room.encrypted,
        "teamId": room.team_id or None,
        "teamMain": room.is_team or None,
        "prid": room.parent_id or None,
    }
    return {key: value for key, value in values.items() if value is not None}


ADMIN_ROOM = ("_id", "name", "fname", "t", "msgs", "usersCount", "usernames", "u", "ro", "default",
              "topic", "archived")  # fmt: skip
LATER_ADMIN_ROOM = (*ADMIN_ROOM, "description", "announcement", "broadcast")
TEAM_ADMIN_ROOM = (*LATER_ADMIN_ROOM, "ts", "teamId", "teamMain", "prid")
RICH_ADMIN_ROOM = (*TEAM_ADMIN_ROOM, "customFields")


def admin_room(world: ServerState, room: Room) -> dict[str, Any]:
    """One room of `rooms.adminRooms`; customFields only from 8.7 (contract, 2.4)."""
    keys: tuple[str, ...] = ADMIN_ROOM
    if world.dialect.at_least(6, 5):
        keys = LATER_ADMIN_ROOM
    if world.dialect.at_least(7, 0):
        keys = TEAM_ADMIN_ROOM
    if world.dialect.admin_rooms_are_rich:
        keys = RICH_ADMIN_ROOM
    return _only(room_document(world, room), keys)


def admin_room_fragment(world: ServerState, room: Room) -> bytes:
    """The same as ready-made JSON, kept until the room changes."""
    if "admin" not in room.fragments:
        room.fragments["admin"] = to_json(admin_room(world, room))
    return room.fragments["admin"]


def room_fragment(world: ServerState, room: Room) -> bytes:
    """The whole room as ready-made JSON, kept until the room changes."""
    if "whole" not in room.fragments:
        room.fragments["whole"] = to_json(room_document(world, room))
    return room.fragments["whole"]


def others(world: ServerState) -> Others:
    """How to find another account or room than the one an answer is about; for lies."""

    def another_user(known: str) -> dict[str, Any] | None:
        found = next((one for one in world.users.values() if one.id not in (known, CAT_ID)), None)
        return user_document(world, found) if found else None

    def another_room(known: str) -> dict[str, Any] | None:
        found = next((one for one in world.rooms.values() if one.id != known), None)
        return room_document(world, found) if found else None

    rooms = dict.fromkeys(("room", "group", "channel"), another_room)
    return {"user": another_user, **rooms}


def member(world: ServerState, entry: Subscription) -> dict[str, Any]:
    """One person of a member list."""
    user = world.users[entry.user_id]
    shown: dict[str, Any] = {
        "_id": user.id,
        "username": user.username,
        "status": _status(user),
        "name": user.name,
    }
    if world.dialect.whole_documents:
        return shown if user.made_by_api else shown | {"utcOffset": 0}
    if world.dialect.at_least(7, 0):
        shown |= _only(user_document(world, user), ("avatarETag", "nickname", "federated"))
    return shown | {"_updatedAt": entry.updated_at}


def member_with_roles(world: ServerState, entry: Subscription) -> dict[str, Any]:
    """One person of `rooms.membersOrderedByRole`; who has no role has no such key."""
    shows_none = entry.had_roles and world.dialect.at_least(8, 0)
    roles = {"roles": list(entry.roles)} if entry.roles or shows_none else {}
    shown = member(world, entry) | roles
    if world.dialect.shows_subscriptions_of_members:
        shown["subscription"] = {"_id": entry.id, "ts": entry.ts, **roles}
    return shown


def subscription_roles(world: ServerState, entry: Subscription) -> dict[str, Any]:
    """One line of `channels.roles`."""
    return {
        "_id": entry.id,
        "rid": entry.room_id,
        "u": subscriber(world, entry),
        "roles": list(entry.roles),
    }


def subscriber(world: ServerState, entry: Subscription) -> dict[str, Any]:
    """A person as a subscription names them: made by an invitation it always has the name."""
    shown: dict[str, Any] = {"_id": entry.user_id, "username": entry.username}
    if entry.display_name:
        shown["name"] = entry.display_name
    elif world.dialect.at_least(8, 0):
        shown["name"] = world.users[entry.user_id].name
    elif world.dialect.at_least(7, 7):
        shown["name"] = None
    return shown


def _only(document: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: document[key] for key in keys if key in document}
