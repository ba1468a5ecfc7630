"""Rooms and their properties: channels.*, groups.*, rooms.* (contract, 2.2 and 2.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from demo.standin import mongo, paging, rooms, views
from demo.standin.call import Call, Reply, to_json
from demo.standin.errors import failure, meteor, named
from demo.standin.records import Room
from demo.standin.rooms import CHANNELS, GROUPS, Kind
from demo.standin.routing import Answer, Routes
from demo.standin.targets import any_room, given, room_of

routes = Routes()
TEXTS = {"setTopic": "topic", "setDescription": "description", "setAnnouncement": "announcement"}


def _register(kind: Kind) -> None:
    """The same endpoints for channels and for groups."""

    @routes.add("POST", f"{kind.plural}.create")
    def create(call: Call) -> Answer:
        return _shown(call, kind, rooms.create(call.world, call.caller, kind, call.body))

    @routes.add("GET", f"{kind.plural}.info")
    def info(call: Call) -> Answer:
        return _shown(call, kind, room_of(call, kind, archived_too=True))

    @routes.add("POST", f"{kind.plural}.rename")
    def rename(call: Call) -> Answer:
        room = room_of(call, kind)
        name = str(call.body.get("name") or "")
        if not name:
            raise failure('The bodyParam "name" is required')
        if kind is CHANNELS and name == room.name:
            raise failure("The channel name is the same as what it would be renamed to.")
        rooms.check_may_edit(call.world, call.caller, room)
        rooms.rename(call.world, room, name)
        return _shown(call, kind, room)

    @routes.add("POST", f"{kind.plural}.archive")
    def archive(call: Call) -> Answer:
        room = room_of(call, kind)
        _check_may(call, "archive-room", room, "archiveRoom")
        rooms.archive(call.world, room)
        return {}

    @routes.add("POST", f"{kind.plural}.unarchive")
    def unarchive(call: Call) -> Answer:
        room = room_of(call, kind, archived_too=True)
        _check_may(call, "unarchive-room", room, "unarchiveRoom")
        if kind is CHANNELS and not room.archived:
            raise failure(f"{kind.label}, {room.name}, is not archived")
        rooms.unarchive(call.world, room)
        return {}

    @routes.add("POST", f"{kind.plural}.setCustomFields")
    def set_custom_fields(call: Call) -> Answer:
        room = _editable(call, kind)
        rooms.set_custom_fields(call.world, room, call.body.get("customFields"))
        return _shown(call, kind, room)

    @routes.add("POST", f"{kind.plural}.setReadOnly")
    def set_read_only(call: Call) -> Answer:
        room, wanted = _editable(call, kind), bool(call.body.get("readOnly"))
        if bool(room.ro) == wanted:
            raise _same(kind, "read only setting")
        rooms.set_read_only(call.world, room, wanted)
        return _shown(call, kind, room)

    @routes.add("POST", f"{kind.plural}.setType")
    def set_type(call: Call) -> Answer:
        room = _editable(call, kind)
        rooms.set_type(call.world, room, str(call.body.get("type")))
        return _shown(call, kind, room)

    for endpoint, field in TEXTS.items():
        routes.add("POST", f"{kind.plural}.{endpoint}")(_text_action(kind, field))


def _text_action(kind: Kind, field: str) -> Callable[[Call], dict[str, Any]]:
    def action(call: Call) -> dict[str, Any]:
        room, text = _editable(call, kind), str(call.body.get(field) or "")
        if kind is CHANNELS and (getattr(room, field) or "") == text:
            raise _same(kind, field)
        rooms.set_text(call.world, room, field, text)
        return {field: text}

    return action


def _same(kind: Kind, what: str) -> Exception:
    return failure(f"The {kind.singular} {what} is the same as what it would be changed to.")


def _editable(call: Call, kind: Kind) -> Room:
    room = room_of(call, kind)
    rooms.check_may_edit(call.world, call.caller, room)
    return room


def _check_may(call: Call, permission: str, room: Room, method: str) -> None:
    if not call.world.allowed(call.caller, permission, room):
        raise meteor("error-not-authorized", "Not authorized", method=method)


def _shown(call: Call, kind: Kind, room: Room) -> dict[str, Any]:
    return {kind.singular: views.room_document(call.world, room)}


_register(CHANNELS)
_register(GROUPS)


@routes.add("POST", "channels.setDefault")
def set_default(call: Call) -> Answer:
    """Whether new people join this channel by themselves."""
    room = _editable(call, CHANNELS)
    room.default = bool(call.body.get("default"))
    call.world.touch_room(room)
    return _shown(call, CHANNELS, room)


@routes.add("POST", "channels.join")
def join(call: Call) -> Answer:
    """The caller enters a public channel."""
    room = room_of(call, CHANNELS)
    if call.caller.id not in room.members:
        call.world.subscribe(room, call.caller)
        call.world.system_message(room)
    return _shown(call, CHANNELS, room)


@routes.add("GET", "channels.list", permission="view-c-room")
def list_channels(call: Call) -> Answer:
    """All public channels, archived ones included."""
    found = [room for room in call.world.rooms.values() if room.t == "c"]
    if wanted := call.parameter("_id"):
        found = [room for room in found if room.id == wanted]
    return _room_page(call, "channels", found)


@routes.add("GET", "channels.list.joined")
def list_joined_channels(call: Call) -> Answer:
    """The public channels the caller is in."""
    return _room_page(call, "channels", _own_rooms(call, "c"))


@routes.add("GET", "groups.list")
def list_groups(call: Call) -> Answer:
    """The private groups the caller is in."""
    return _room_page(call, "groups", _own_rooms(call, "p"))


@routes.add("GET", "groups.listAll", permission="view-room-administration")
def list_all_groups(call: Call) -> Answer:
    """All private groups."""
    found = [room for room in call.world.rooms.values() if room.t == "p"]
    return _room_page(call, "groups", found)


def _own_rooms(call: Call, t: str) -> list[Room]:
    joined = (call.world.rooms[room_id] for room_id in call.caller.subscriptions)
    return [room for room in joined if room.t == t]


def _room_page(call: Call, key: str, found: list[Room]) -> Reply:
    """A page of whole rooms, by name unless the call says otherwise."""
    found = _sorted(call, found)
    if not (call.dialect.query_is_obeyed and (call.parameter("query") or call.parameter("fields"))):
        return paging.page(call, key, found, lambda room: views.room_fragment(call.world, room))
    documents = [views.room_document(call.world, room) for room in found]
    chosen = paging.chosen_documents(call, documents)
    fields = mongo.parsed(call.parameter("fields"), "fields")
    shown = [mongo.projected(document, fields) if fields else document for document in chosen]
    return paging.page(call, key, shown, to_json)


SORT_KEYS: dict[str, Callable[[Room], Any]] = {
    "_id": lambda room: room.id,
    "name": lambda room: room.name,
    "ts": lambda room: room.ts,
    "usersCount": lambda room: len(room.members),
    "msgs": lambda room: room.msgs,
}


def _sorted(call: Call, found: list[Room]) -> list[Room]:
    for name, descending in reversed(paging.sort_order(call, "name")):
        if name in SORT_KEYS:
            found = sorted(found, key=SORT_KEYS[name], reverse=descending)
    return found


@routes.add("GET", "rooms.info")
def room_info(call: Call) -> Answer:
    """One room of either kind."""
    room = any_room(call)
    if not rooms.may_see(call.world, call.caller, room):
        raise named("not-allowed", "Not Allowed")
    return {"room": views.room_document(call.world, room)}


@routes.add("GET", "rooms.nameExists", since=(6, 6))
def name_exists(call: Call) -> Answer:
    """Whether some room has that name."""
    return {"exists": call.world.room_named(given(call, "roomName")) is not None}


@routes.add("GET", "rooms.adminRooms")
def admin_rooms(call: Call) -> Answer:
    """Every room, whoever is in it: by kinds and by a pattern over both names."""
    if not call.world.allowed(call.caller, "view-room-administration"):
        raise failure("error-not-authorized")
    kinds = set(call.parameters("types")) or {"c", "p"}
    pattern = re.compile(re.escape(call.parameter("filter").strip()), re.IGNORECASE)
    found = [
        room
        for room in call.world.rooms.values()
        if room.t in kinds and (pattern.search(room.name) or pattern.search(room.fname or ""))
    ]
    found = _sorted(call, found)
    if not call.parameter("sort"):
        found.sort(key=lambda room: not room.default)  # default channels come first
    return paging.page(
        call, "rooms", found, lambda room: views.admin_room_fragment(call.world, room)
    )


@routes.add("GET", "rooms.adminRooms.getRoom")
def admin_room(call: Call) -> Answer:
    """One room, whoever is in it."""
    if not call.world.allowed(call.caller, "view-room-administration"):
        raise failure("error-not-authorized")
    room = call.world.rooms.get(call.parameter("rid"))
    if room is None:
        raise failure("not-found")
    return views.admin_room(call.world, room)


@routes.add("POST", "rooms.saveRoomSettings")
def save_room_settings(call: Call) -> Answer:
    """Any number of properties at once."""
    room = _room_by_rid(call, "saveRoomSettings")
    rooms.check_may_edit(call.world, call.caller, room)
    settings = {key: value for key, value in call.body.items() if key != "rid"}
    rooms.save_settings(call.world, room, settings)
    return {"rid": room.id}


@routes.add("POST", "rooms.changeArchivationState")
def change_archivation_state(call: Call) -> Answer:
    """`archive`; any other action unarchives."""
    archives = call.body.get("action") == "archive"
    method = "archiveRoom" if archives else "unarchiveRoom"
    room = _room_by_rid(call, method)
    _check_may(call, "archive-room" if archives else "unarchive-room", room, method)
    (rooms.archive if archives else rooms.unarchive)(call.world, room)
    return {}


def _room_by_rid(call: Call, method: str) -> Room:
    room = call.world.rooms.get(str(call.body.get("rid")))
    if room is None:
        raise meteor("error-invalid-room", "Invalid room", method=method)
    return room
