"""Single rooms and their properties (contract, 2.2 and 2.4)."""

from __future__ import annotations

from functools import partial
from typing import Any

from demo.standin.errors import failure, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.routes.schemas import SAVE_ROOM_SETTINGS
from demo.standin.rules import documents, policies, rooms
from demo.standin.rules.rooms import CHANNELS, Kind
from demo.standin.rules.targets import check_is_text, given, room_of
from demo.standin.state.records import Room
from demo.standin.web.call import Call

routes = Routes()


@routes.add_for_both("POST", "create")
def create(call: Call, *, kind: Kind) -> Answer:
    """A new room with its members."""
    answer = _shown(call, kind, rooms.create(call.world, call.caller, kind, call.body))
    skipped = policies.skipped(call.world, call.body.get("members") or [])
    return answer | ({"skippedMembers": skipped} if skipped else {})


@routes.add_for_both("GET", "info")
def info(call: Call, *, kind: Kind) -> Answer:
    """One room, archived or not."""
    return _shown(call, kind, room_of(call, kind, archived_too=True))


@routes.add_for_both("POST", "rename")
def rename(call: Call, *, kind: Kind) -> Answer:
    """Another name; only channels mind if it is the same one."""
    check_is_text(call, "name")
    room, name = room_of(call, kind), given(call, "name")
    if not name:
        raise failure('The bodyParam "name" is required')
    if kind is CHANNELS and name == room.name:
        raise failure("The channel name is the same as what it would be renamed to.")
    rooms.check_may_edit(call.world, call.caller, room)
    rooms.rename(call.world, room, name)
    return _shown(call, kind, room)


@routes.add_for_both("POST", "archive")
def archive(call: Call, *, kind: Kind) -> Answer:
    """Out of use, but kept."""
    room = room_of(call, kind)
    _check_may(call, "archive-room", room, "archiveRoom")
    rooms.archive(call.world, room)
    return {}


@routes.add_for_both("POST", "unarchive")
def unarchive(call: Call, *, kind: Kind) -> Answer:
    """In use again; only channels mind if they are."""
    room = room_of(call, kind, archived_too=True)
    _check_may(call, "unarchive-room", room, "unarchiveRoom")
    if kind is CHANNELS and not room.archived:
        raise failure(f"{kind.label}, {room.name}, is not archived")
    rooms.unarchive(call.world, room)
    return {}


@routes.add_for_both("POST", "delete")
def delete(call: Call, *, kind: Kind) -> Answer:
    """Gone for good; no sync does that, but people do."""
    room = room_of(call, kind, archived_too=True)
    _check_may(call, f"delete-{kind.t}", room, "eraseRoom")
    call.world.remove_room(room)
    return {}


@routes.add_for_both("POST", "setCustomFields")
def set_custom_fields(call: Call, *, kind: Kind) -> Answer:
    """Other custom fields in place of all there were."""
    room, fields = _editable(call, kind), call.body.get("customFields")
    if call.dialect.at_least(7, 0) and not isinstance(fields, (dict, list)):
        raise failure('The bodyParam "customFields" is required with a type like object.')
    rooms.set_custom_fields(call.world, room, fields)
    return _shown(call, kind, room)


@routes.add_for_both("POST", "setReadOnly")
def set_read_only(call: Call, *, kind: Kind) -> Answer:
    """Whether only some may write."""
    room, wanted = _editable(call, kind), bool(call.body.get("readOnly"))
    if bool(room.ro) == wanted:
        raise _same(kind, "read only setting")
    rooms.set_read_only(call.world, room, wanted)
    return _shown(call, kind, room)


@routes.add_for_both("POST", "setType")
def set_type(call: Call, *, kind: Kind) -> Answer:
    """Makes a channel of a group or the reverse."""
    room = _editable(call, kind)
    rooms.set_type(call.world, room, given(call, "type"))
    return _shown(call, kind, room)


def _set_text(call: Call, *, kind: Kind, field: str) -> Answer:
    """Another topic, description or announcement; only channels mind if it is the same one."""
    room, text = _editable(call, kind), given(call, field)
    if kind is CHANNELS and (getattr(room, field) or "") == text:
        raise _same(kind, field)
    rooms.set_text(call.world, room, field, text)
    if field == "announcement" and call.dialect.at_least(7, 7):
        room.extra["announcementDetails"] = call.body.get("announcementDetails")
    return {field: text}


for _field in ("topic", "description", "announcement"):
    routes.add_for_both("POST", f"set{_field.capitalize()}")(partial(_set_text, field=_field))


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
    return {kind.singular: documents.room_document(call.world, room)}


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


@routes.add("POST", "rooms.saveRoomSettings")
def save_room_settings(call: Call) -> Answer:
    """Any number of properties at once."""
    room = _room_by_rid(call, "saveRoomSettings")
    rooms.check_may_edit(call.world, call.caller, room)
    settings = {key: value for key, value in call.body.items() if key != "rid"}
    if call.dialect.at_least(7, 0) and not settings.keys() <= SAVE_ROOM_SETTINGS.types.keys():
        text = "Invalid settings provided"
        raise meteor("error-invalid-settings", text, method="saveRoomSettings")
    rooms.save_settings(call.world, room, settings)
    return {"rid": room.id}


@routes.add("POST", "rooms.changeArchivationState")
def change_archivation_state(call: Call) -> Answer:
    """`archive`; any other action unarchives."""
    archives = call.body.get("action") == "archive"
    method = "archiveRoom" if archives else "unarchiveRoom"
    if "rid" not in call.body and call.dialect.at_least(7, 0):
        raise failure("Match error: Expected string, got undefined")
    room = _room_by_rid(call, method)
    _check_may(call, "archive-room" if archives else "unarchive-room", room, method)
    (rooms.archive if archives else rooms.unarchive)(call.world, room)
    return {}


def _room_by_rid(call: Call, method: str) -> Room:
    room = call.world.rooms.get(str(call.body.get("rid")))
    if room is None:
        raise meteor("error-invalid-room", "Invalid room", method=method)
    return room
