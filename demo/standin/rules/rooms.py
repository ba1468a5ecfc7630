"""The rules for rooms: creating, renaming, properties, archiving (contract, 2.2 and 2.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.standin.constants import GENERAL_ID
from demo.standin.dialects import forbidden
from demo.standin.errors import ApiError, action_not_allowed, failure, meteor, not_allowed
from demo.standin.rules import names, policies
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState


@dataclass(frozen=True, slots=True)
class Kind:
    """Public channels or private groups: one set of endpoints, two sets of words."""

    t: str
    plural: str
    singular: str
    label: str  # as refusals name it
    parameter: str  # how refusals name a body parameter


CHANNELS = Kind("c", "channels", "channel", "The channel", "Param")
GROUPS = Kind("p", "groups", "group", "The private group", "Body param")


def may_see(world: ServerState, caller: User, room: Room) -> bool:
    """Public rooms are for whoever may see channels, private ones for their members."""
    if room.t == "c":
        return world.allowed(caller, "view-c-room")
    return caller.id in room.members


def room_not_found(singular: str) -> ApiError:
    """No such room, or none the caller may see."""
    text = f'The required "roomId" or "roomName" param provided does not match any {singular}'
    return meteor("error-room-not-found", text)


def check_not_archived(kind: Kind, room: Room) -> None:
    """Most changes are refused while a room is archived."""
    if room.archived:
        raise meteor("error-room-archived", f"{kind.label}, {room.name}, is archived")


def create(world: ServerState, caller: User, kind: Kind, data: dict[str, Any]) -> Room:
    """`channels.create` and `groups.create`: members go in without any message."""
    _check_may_create(world, caller, kind)
    checks = _check_creation if world.dialect.at_least(7, 0) else _check_old_creation
    checks(kind, data)
    extra = data.get("extraData") or {}
    policies.check_new_room(world, kind.t)
    encrypted = policies.encryption(world, kind.t, extra)
    shown = _display_name(world, data["name"])
    name = names.valid_room_name(world, shown)
    room = world.add_room(name, caller, kind.t, fname=shown, **_asked_for(data))
    if world.dialect.at_least(4, 0):
        room.encrypted = encrypted
        _take_extra_data(room, extra)
    _let_members_in(world, caller, room, data)
    return room


def _display_name(world: ServerState, name: str) -> str:
    """Newer servers trim a name that may only hold plain letters."""
    special = world.settings["UI_Allow_room_names_with_special_chars"]
    return name if special or not world.dialect.at_least(7, 0) else name.strip()


def _check_may_create(world: ServerState, caller: User, kind: Kind) -> None:
    if world.allowed(caller, f"create-{kind.t}"):
        return
    if kind is GROUPS and world.dialect.at_least(7, 0):
        raise not_allowed("createPrivateGroup")
    raise forbidden(world.dialect)


def _check_old_creation(kind: Kind, data: dict[str, Any]) -> None:
    if not data.get("name"):
        raise failure(f'{kind.parameter} "name" is required')
    if not isinstance(data.get("members", []), list):
        raise failure(f'{kind.parameter} "members" must be an array if provided')


def _check_creation(kind: Kind, data: dict[str, Any]) -> None:
    """Groups look at more than channels do; then types are matched, not the content."""
    _check_old_creation(kind, data | {"members": data.get("members") or []})
    for key in ("customFields", "extraData") if kind is GROUPS else ():
        if data.get(key) and not isinstance(data[key], (dict, list)):
            raise failure(f'{kind.parameter} "{key}" must be an object if provided')
    if not isinstance(data["name"], str):
        found = "number" if isinstance(data["name"], (int, float)) else "object"
        raise failure(f"Match error: Expected string, got {found}")
    if not all(isinstance(name, str) for name in data.get("members") or []):
        raise failure("Match error: Failed Match.OneOf, Match.Maybe or Match.Optional validation")
    if not data["name"].strip():
        raise meteor("error-invalid-name", "Invalid name", function="RocketChat.createRoom")


def _asked_for(data: dict[str, Any]) -> dict[str, Any]:
    """The properties a call gives to a new room."""
    fields = {"custom_fields": data["customFields"]} if data.get("customFields") else {}
    return {"ro": data.get("readOnly") is True, **fields}


def _take_extra_data(room: Room, extra: dict[str, Any]) -> None:
    room.topic = extra.get("topic")
    taken = ("topic", "encrypted")
    room.extra = {key: value for key, value in extra.items() if key not in taken}


def _let_members_in(world: ServerState, caller: User, room: Room, data: dict[str, Any]) -> None:
    """The creator as owner first, unless left out on request; an old server takes them last."""
    dialect = world.dialect
    excluded = data.get("excludeSelf") and dialect.excludes_creator_on_request
    if excluded and not data.get("members"):
        raise failure("Invalid BulkOperation, Batch cannot be empty")
    if not excluded and dialect.survives_duplicate_members:
        world.subscribe(room, caller, roles=["owner"])
    for username in data.get("members") or []:
        _let_member_in(world, caller, room, str(username))
    if not dialect.survives_duplicate_members:
        world.subscribe(room, caller, roles=["owner"])


def _let_member_in(world: ServerState, caller: User, room: Room, username: str) -> None:
    """Usernames are looked up with their exact case; unknown ones are dropped in silence.

    Over a repeated one an old server stumbles and leaves the room half made.
    """
    user = world.user_named(username)
    if user is None or user.username != username or user is caller:
        return
    if not policies.complies(world, user):
        return
    if user.id not in room.members:
        world.subscribe(room, user)
    elif not world.dialect.survives_duplicate_members:
        raise failure(
            "E11000 duplicate key error collection: rocketchat.rocketchat_subscription index: "
            f'rid_1_u._id_1 dup key: {{ rid: "{room.id}", u._id: "{user.id}" }}'
        )


def check_may_edit(world: ServerState, caller: User, room: Room) -> None:
    """Properties are for whoever may edit the room."""
    if not world.allowed(caller, "edit-room", room):
        raise action_not_allowed("Editing room", "saveRoomSettings", "Editing_room")


def rename(world: ServerState, room: Room, name: str) -> None:
    """Another name, with one message.

    The technical name is no change, whatever the display name is; nor are blanks.
    """
    if name == room.name:
        return
    if not isinstance(name, str):
        raise failure("displayName?.trim is not a function")
    if not name.strip():
        return
    slug = names.valid_room_name(world, name, room)
    if world.dialect.at_least(7, 0):
        _check_handle(world, room, slug)
    world.rename_room(room, slug, name)
    if team := world.team_led_by(room):
        team.name = name
    world.system_message(room)


def _check_handle(world: ServerState, room: Room, name: str) -> None:
    """A renamed room may not be called as a person, a team or, in any case, the first channel."""
    is_general = name.lower() == "general" and room.id != GENERAL_ID
    if is_general or world.user_named(name) or world.team_named(name):
        text = f"A room, team or user with name '{name}' already exists"
        raise meteor(
            "error-duplicate-handle", text, function="RocketChat.updateRoomName", handle=name
        )


def set_text(world: ServerState, room: Room, field: str, text: str) -> None:
    """Another topic, description or announcement, with one message if it is another."""
    known = getattr(room, field)
    if world.dialect.at_least(4, 0):
        known = known or ""  # for an old server an empty text is another one than none
    if known != text:
        setattr(room, field, text)
        world.system_message(room)


def set_read_only(world: ServerState, room: Room, read_only: Any) -> None:
    """Read-only or not, with one message if it changes."""
    if bool(room.ro) != bool(read_only):
        room.ro = bool(read_only)
        _announce(world, room)


def set_type(world: ServerState, room: Room, t: str) -> None:
    """Public or private; a private room can be no default channel."""
    if room.t != t:
        room.t = t
        room.default = None if t == "p" else room.default
        world.system_message(room)


TEXTS = (("roomTopic", "topic"), ("roomAnnouncement", "announcement"),
         ("roomDescription", "description"))  # fmt: skip


def _set_hidden_messages(_: ServerState, room: Room, kinds: Any) -> None:
    room.system_messages = kinds


def _set_default(_: ServerState, room: Room, default: Any) -> None:
    room.default = bool(default)


def _set_encrypted(_: ServerState, room: Room, encrypted: Any) -> None:
    room.encrypted = bool(encrypted)


def save_settings(world: ServerState, room: Room, data: dict[str, Any]) -> None:
    """`rooms.saveRoomSettings`: any number of properties, unchanged values are no-ops.

    The name comes last on newer servers: what stands beside a refused name is saved all the same.
    """
    name_first = not world.dialect.at_least(7, 0)
    if "roomName" in data and name_first:
        rename(world, room, data["roomName"])
    _check_values(world, room, data)
    for key, field in TEXTS:
        if key in data:
            set_text(world, room, field, data[key])
    for key, setter in SETTERS.items():
        if key in data:
            setter(world, room, data[key])
    world.touch_room(room)
    if "roomName" in data and not name_first:
        rename(world, room, data["roomName"])


HIDEABLE = ("uj", "ul", "ru", "au", "ut", "r", "wm", "rm", "mute_unmute",
            "subscription-role-added-or-removed", "subscription-role-added",
            "subscription-role-removed", "room-archived", "room-unarchived", "user-muted",
            "user-unmuted", "added-user-to-team", "removed-user-from-team",
            "ult", "user-added-room-to-team", "user-converted-to-team",
            "user-converted-to-channel", "user-removed-room-from-team",
            "user-deleted-room-from-team", "ujt", "room-allowed-reacting",
            "room-disallowed-reacting", "room_changed_privacy")  # fmt: skip


def _check_values(world: ServerState, room: Room, data: dict[str, Any]) -> None:
    """Values the server knows by name; older servers take anything."""
    if not world.dialect.at_least(7, 0):
        return
    hidden = data.get("systemMessages") or []
    if hidden is not True and any(kind not in HIDEABLE for kind in hidden):
        text = "Invalid option"
        raise meteor("invalid-room", text, function="RocketChat.saveRoomSystemMessages")
    if data.get("roomType", "c") not in ("c", "p"):
        code = "error-invalid-room-type"
        raise meteor(code, code, function="RocketChat.saveRoomType", type=data["roomType"])
    if "encrypted" in data and not (room.t == "p" and world.settings.get("E2E_Enable")):
        text = "Only groups or direct channels can enable encryption"
        code, action = "error-action-not-allowed", "Change_Room_Encrypted"
        raise meteor(code, text, method="saveRoomSettings", action=action)


def set_custom_fields(world: ServerState, room: Room, fields: Any) -> None:
    """Replaces the room's custom fields; no message."""
    if not isinstance(fields, dict):
        raise _bad_custom_fields(world)
    room.custom_fields = fields
    world.touch_room(room)


def _bad_custom_fields(world: ServerState) -> ApiError:
    if not world.dialect.at_least(7, 0):
        return failure("Invalid custom fields")
    text, function = "Invalid roomCustomFields type", "RocketChat.saveRoomCustomFields"
    return meteor("invalid-roomCustomFields-type", text, function=function)


def archive(world: ServerState, room: Room) -> None:
    """Archives, with a message each time."""
    room.archived = True
    _announce(world, room)


def unarchive(world: ServerState, room: Room) -> None:
    """Brings a room back, with a message each time."""
    room.archived = False
    _announce(world, room)


def _announce(world: ServerState, room: Room) -> None:
    if world.dialect.announces_room_states:
        world.system_message(room)
    world.touch_room(room)


SETTERS: dict[str, Callable[[ServerState, Room, Any], None]] = {
    "roomCustomFields": set_custom_fields,
    "readOnly": set_read_only,
    "systemMessages": _set_hidden_messages,
    "roomType": set_type,
    "default": _set_default,
    "encrypted": _set_encrypted,
}
