"""Reading many rooms, and rooms of any kind (contract, 2.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from demo.standin.errors import failure, named
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents, rooms
from demo.standin.rules.targets import any_room, given
from demo.standin.state.records import Room
from demo.standin.web import mongo_query, paging
from demo.standin.web.call import Call, Reply, to_json

routes = Routes()
DEFAULT_FIRST = (True, False, None)


@routes.add("GET", "channels.list", permission="view-c-room")
def list_channels(call: Call) -> Answer:
    """All public channels, archived ones included; other people's teams are not."""
    own = call.caller.subscriptions
    found = [
        room
        for room in call.world.rooms.values()
        if room.t == "c" and (not room.team_id or room.id in own)
    ]
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
        return paging.page(call, key, found, lambda room: documents.room_fragment(call.world, room))
    whole = [documents.room_document(call.world, room) for room in found]
    chosen = paging.chosen_documents(call, whole)
    fields = mongo_query.parsed(call.parameter("fields"), "fields")
    shown = [mongo_query.projected(document, fields) if fields else document for document in chosen]
    return paging.page(call, key, shown, to_json)


SORT_KEYS: dict[str, Callable[[Room], Any]] = {
    "_id": lambda room: room.id,
    "name": lambda room: room.name,
    "ts": lambda room: room.ts,
    "usersCount": lambda room: room.users_count,
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
    if call.dialect.hides_archived_rooms:
        rooms.check_not_archived(rooms.CHANNELS, room)
    answer: dict[str, Any] = {"room": documents.room_document(call.world, room)}
    if team := call.world.team_led_by(room):
        kept = {"_id": team.id, "name": team.name, "roomId": team.room_id, "type": team.type}
        answer["team"] = kept
    if parent := call.world.rooms.get(room.parent_id):
        whole = documents.room_document(call.world, parent)
        answer["parent"] = {key: whole[key] for key in ("_id", "name", "fname", "t", "u")}
    return answer


@routes.add("POST", "rooms.createDiscussion", since=(7, 0))
def create_discussion(call: Call) -> Answer:
    """A room below another one; a sync has to know it for what it is."""
    if call.dialect.restricts_unregistered and not call.world.options.registered:
        raise failure("restricted-workspace")
    world, parent = call.world, call.world.rooms[str(call.body["prid"])]
    room = world.add_room(
        world.ids.new("name"),
        call.caller,
        parent.t,
        fname=str(call.body["t_name"]),
        topic=parent.name,
        parent_id=parent.id,
        encrypted=False,
    )
    shown = documents.room_document(world, room) | {"rid": room.id, "inserted": True}
    room.extra["description"] = None
    world.subscribe(room, call.caller, roles=["owner"])
    for name in call.body.get("users") or []:
        user = world.user_named(str(name))
        if user is not None:
            world.subscribe(room, user)
    world.system_message(parent)
    return {"discussion": shown}


@routes.add("GET", "rooms.nameExists", since=(6, 6))
def name_exists(call: Call) -> Answer:
    """Whether some room has that name."""
    return {"exists": call.world.room_named(given(call, "roomName")) is not None}


@routes.add("GET", "rooms.adminRooms")
def admin_rooms(call: Call) -> Answer:
    """Every room, whoever is in it: by kinds and by a pattern over both names."""
    if not call.world.allowed(call.caller, "view-room-administration"):
        raise failure("error-not-authorized")
    kinds = set(call.parameters("types"))
    pattern = re.compile(re.escape(call.parameter("filter").strip()), re.IGNORECASE)
    found = [
        room
        for room in call.world.rooms.values()
        if _is_of(call, room, kinds)
        and (pattern.search(room.name) or pattern.search(room.fname or ""))
    ]
    found = _sorted(call, found)
    if not call.parameter("sort"):
        found.sort(key=lambda room: DEFAULT_FIRST.index(room.default))
    return paging.page(
        call, "rooms", found, lambda room: documents.admin_room_fragment(call.world, room)
    )


def _is_of(call: Call, room: Room, kinds: set[str]) -> bool:
    """Whether a room is of the asked kinds; teams and discussions are kinds of their own."""
    if room.parent_id:
        return "discussions" in kinds
    if room.is_team and call.dialect.at_least(7, 0):
        return "teams" in kinds
    return room.t in (kinds or {"c", "p"})


@routes.add("GET", "rooms.adminRooms.getRoom")
def admin_room(call: Call) -> Answer:
    """One room, whoever is in it."""
    if not call.world.allowed(call.caller, "view-room-administration"):
        raise failure("error-not-authorized")
    room = call.world.rooms.get(call.parameter("rid"))
    if room is None and call.dialect.at_least(7, 0):
        raise named("not-allowed", "Not Allowed")
    if room is None:
        raise failure("not-found")
    return documents.admin_room(call.world, room)
