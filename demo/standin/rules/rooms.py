"""The rules for rooms: creating, renaming, properties, archiving (contract, 2.2 and 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from demo.standin.dialects import forbidden
from demo.standin.errors import ApiError, action_not_allowed, failure, meteor
from demo.standin.rules import names
from demo.standin.state.records import Room, User
from demo.standin.state.world import World


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


def may_see(world: World, caller: User, room: Room) -> bool:
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


def create(world: World, caller: User, kind: Kind, data: dict[str, Any]) -> Room:
    """`channels.create` and `groups.create`: members go in without any message."""
    if not world.allowed(caller, f"create-{kind.t}"):
        raise forbidden()
    _check_creation(kind, data)
    name = names.valid_room_name(world, data["name"])
    room = world.add_room(
        name,
        caller,
        kind.t,
        fname=data["name"],
        ro=bool(data.get("readOnly")),
        custom_fields=data.get("customFields") or {},
    )
    _take_extra_data(world, room, data.get("extraData") or {})
    _let_members_in(world, caller, room, data)
    return room


def _check_creation(kind: Kind, data: dict[str, Any]) -> None:
    if not data.get("name"):
        raise failure(f'{kind.parameter} "name" is required')
    if not isinstance(data.get("members", []), list):
        raise failure(f'{kind.parameter} "members" must be an array if provided')


def _take_extra_data(world: World, room: Room, extra: dict[str, Any]) -> None:
    if not world.dialect.at_least(4, 0):
        return
    room.topic = extra.get("topic")
    room.extra = {key: value for key, value in extra.items() if key != "topic"}


def _let_members_in(world: World, caller: User, room: Room, data: dict[str, Any]) -> None:
    """The creator as owner first, unless left out on request; an old server takes them last."""
    dialect = world.dialect
    excluded = data.get("excludeSelf") and dialect.excludes_creator_on_request
    if not excluded and dialect.survives_duplicate_members:
        world.subscribe(room, caller, roles=["owner"])
    for username in data.get("members", []):
        _let_member_in(world, caller, room, str(username))
    if not dialect.survives_duplicate_members:
        world.subscribe(room, caller, roles=["owner"])


def _let_member_in(world: World, caller: User, room: Room, username: str) -> None:
    """Usernames are looked up with their exact case; unknown ones are dropped in silence.

    Over a repeated one an old server stumbles and leaves the room half made.
    """
    user = world.user_named(username)
    if user is None or user.username != username or user is caller:
        return
    if user.id not in room.members:
        world.subscribe(room, user)
    elif not world.dialect.survives_duplicate_members:
        raise failure(
            "E11000 duplicate key error collection: rocketchat.rocketchat_subscription index: "
            f'rid_1_u._id_1 dup key: {{ rid: "{room.id}", u._id: "{user.id}" }}'
        )


def check_may_edit(world: World, caller: User, room: Room) -> None:
    """Properties are for whoever may edit the room."""
    if not world.allowed(caller, "edit-room", room):
        raise action_not_allowed("Editing room", "saveRoomSettings", "Editing_room")


def rename(world: World, room: Room, name: str) -> None:
    """Another name, with one message; the same name is no change."""
    if name == (room.fname or room.name):
        return
    if world.dialect.at_least(7, 0) and world.user_named(name):
        text = f"A room, team or user with name '{name}' already exists"
        raise meteor("error-duplicate-handle", text, handle=name)
    world.rename_room(room, names.valid_room_name(world, name, room), name)
    world.system_message(room)


def set_text(world: World, room: Room, field: str, text: str) -> None:
    """Another topic, description or announcement, with one message if it is another."""
    known = getattr(room, field)
    if world.dialect.at_least(4, 0):
        known = known or ""  # for an old server an empty text is another one than none
    if known != text:
        setattr(room, field, text)
        world.system_message(room)


def set_read_only(world: World, room: Room, read_only: bool) -> None:
    """Read-only or not, with one message if it changes."""
    if bool(room.ro) != read_only:
        room.ro = read_only
        _announce(world, room)


def set_type(world: World, room: Room, t: str) -> None:
    """Public or private; a private room can be no default channel."""
    if room.t != t:
        room.t = t
        room.default = None if t == "p" else room.default
        world.system_message(room)


def save_settings(world: World, room: Room, data: dict[str, Any]) -> None:
    """`rooms.saveRoomSettings`: any number of properties, unchanged values are no-ops."""
    if "roomName" in data:
        rename(world, room, data["roomName"])
    for key, field in (
        ("roomTopic", "topic"),
        ("roomAnnouncement", "announcement"),
        ("roomDescription", "description"),
    ):
        if key in data:
            set_text(world, room, field, data[key])
    if "roomCustomFields" in data:
        set_custom_fields(world, room, data["roomCustomFields"])
    if "readOnly" in data:
        set_read_only(world, room, data["readOnly"])
    if "systemMessages" in data:
        room.system_messages = data["systemMessages"]
    if "roomType" in data:
        set_type(world, room, data["roomType"])
    if "default" in data:
        room.default = bool(data["default"])
    world.touch_room(room)


def set_custom_fields(world: World, room: Room, fields: Any) -> None:
    """Replaces the room's custom fields; no message."""
    if not isinstance(fields, dict):
        raise failure("Invalid custom fields")
    room.custom_fields = fields
    world.touch_room(room)


def archive(world: World, room: Room) -> None:
    """Archives, with a message each time."""
    room.archived = True
    _announce(world, room)


def unarchive(world: World, room: Room) -> None:
    """Brings a room back, with a message each time."""
    room.archived = False
    _announce(world, room)


def _announce(world: World, room: Room) -> None:
    if world.dialect.announces_room_states:
        world.system_message(room)
    world.touch_room(room)
