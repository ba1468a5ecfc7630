"""Who is in a room: invite, kick, members, roles (contract, 2.3)."""

from __future__ import annotations

from functools import partial
from typing import Any

from demo.standin.dialects import forbidden
from demo.standin.errors import failure
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents, membership
from demo.standin.rules.rooms import CHANNELS, GROUPS, Kind, may_see, room_not_found
from demo.standin.rules.targets import (
    any_room,
    invited_users,
    one_user,
    room_from_outside,
    room_of,
    room_to_invite_into,
    user_to_kick,
)
from demo.standin.state.records import Room, Subscription
from demo.standin.web import mongo_query, paging
from demo.standin.web.call import Call, to_json

routes = Routes()
NO_SUCH_ROOM = 'The required "roomId" or "roomName" param provided does not match any room'
ROLE_PRIORITIES = 1
RANKS = {"owner": 0, "leader": 1, "moderator": 2}


@routes.add_for_both("POST", "invite")
def invite(call: Call, *, kind: Kind) -> Answer:
    """Lets people in."""
    room = room_to_invite_into(call, kind)
    membership.add(call.world, call.caller, room, invited_users(call, kind))
    return _shown(call, kind, room)


@routes.add_for_both("POST", "kick")
def kick(call: Call, *, kind: Kind) -> Answer:
    """Puts one person out; newer servers do so in archived groups too."""
    room = _room_to_kick_from(call, kind)
    membership.kick(call.world, call.caller, room, user_to_kick(call))
    return _shown_if_public(call, kind, room)


def _room_to_kick_from(call: Call, kind: Kind) -> Room:
    """Newer servers ask for the permission before they say whether they know the group."""
    if kind is CHANNELS or not call.dialect.at_least(7, 0):
        return room_of(call, kind, archived_too=kind is GROUPS and call.dialect.at_least(4, 0))
    room = room_from_outside(call, kind)
    membership.check_may_kick(call.world, call.caller, room)
    outside = not may_see(call.world, call.caller, room)
    if outside and not membership.may_kick_strangers(call.world, call.caller, room):
        raise room_not_found(kind.singular)
    return room


@routes.add_for_both("POST", "leave")
def leave(call: Call, *, kind: Kind) -> Answer:
    """The caller goes."""
    room = room_of(call, kind)
    membership.leave(call.world, call.caller, room)
    return _shown_if_public(call, kind, room)


def _shown(call: Call, kind: Kind, room: Room) -> dict[str, Any]:
    return {kind.singular: documents.room_document(call.world, room)}


def _shown_if_public(call: Call, kind: Kind, room: Room) -> dict[str, Any]:
    return _shown(call, kind, room) if kind is CHANNELS else {}


@routes.add_for_both("GET", "members")
def members(call: Call, *, kind: Kind) -> Answer:
    """The people in a room by username; those of an archived group are not told."""
    if kind is CHANNELS and call.dialect.at_least(7, 0):
        _check_may_look(call)
    room = room_of(call, kind, archived_too=kind is CHANNELS)
    return paging.page(
        call,
        "members",
        _listed(call, room),
        lambda entry: to_json(documents.member(call.world, entry)),
    )


def _check_may_look(call: Call) -> None:
    """Public channels are closed to whoever may not see any."""
    room = any_room(call)
    if room.t == "c" and not may_see(call.world, call.caller, room):
        raise forbidden(call.dialect)


@routes.add_for_both("GET", "roles")
def roles(call: Call, *, kind: Kind) -> Answer:
    """The people with a role in a room."""
    room = room_of(call, kind, archived_too=not call.dialect.at_least(7, 0))
    entries = [entry for entry in _by_username(room) if entry.roles]
    return {"roles": [documents.subscription_roles(call.world, entry) for entry in entries]}


@routes.add_for_both("GET", "moderators")
def moderators(call: Call, *, kind: Kind) -> Answer:
    """The moderators of a room."""
    room = room_of(call, kind, archived_too=True)
    entries = [entry for entry in _by_username(room) if "moderator" in entry.roles]
    return {"moderators": [documents.subscriber(call.world, entry) for entry in entries]}


def _add_role(call: Call, *, kind: Kind, role: str) -> Answer:
    room = room_of(call, kind)
    membership.add_role(call.world, call.caller, room, one_user(call), role)
    return {}


def _remove_role(call: Call, *, kind: Kind, role: str) -> Answer:
    room = room_of(call, kind)
    membership.remove_role(call.world, call.caller, room, one_user(call), role)
    return {}


for _role in ("moderator", "owner", "leader"):
    routes.add_for_both("POST", f"add{_role.capitalize()}")(partial(_add_role, role=_role))
    routes.add_for_both("POST", f"remove{_role.capitalize()}")(partial(_remove_role, role=_role))


def _by_username(room: Room) -> list[Subscription]:
    return sorted(room.members.values(), key=lambda entry: entry.username)


def _listed(call: Call, room: Room) -> list[Subscription]:
    """Members as lists show them: without the deactivated ones, from some version on."""
    wanted = call.parameter("filter").lower()
    users = call.world.users
    hides = call.dialect.hides_deactivated_members
    return [
        entry
        for entry in _by_username(room)
        if (users[entry.user_id].active or not hides)
        and (wanted in entry.username.lower() or wanted in users[entry.user_id].name.lower())
    ]


@routes.add("GET", "rooms.membersOrderedByRole", since=(7, 3))
def members_ordered_by_role(call: Call) -> Answer:
    """Members with their roles in the room; owners first."""
    room = _visible_room(call)
    room.extra["rolePrioritiesCreated"] = ROLE_PRIORITIES
    entries = _by_rank(call, _listed(call, room))
    return paging.page(
        call,
        "members",
        entries,
        lambda entry: to_json(documents.member_with_roles(call.world, entry)),
    )


def _visible_room(call: Call) -> Room:
    """Without access these endpoints say 404, of an unknown room 400 (contract, 11)."""
    room = any_room(call)
    if not may_see(call.world, call.caller, room):
        raise failure(NO_SUCH_ROOM, status=404)
    return room


def _by_rank(call: Call, entries: list[Subscription]) -> list[Subscription]:
    """By role; then who is online, by username, or as the call says."""
    wanted = call.parameters("status")
    shown = [entry for entry in entries if not wanted or _status(call, entry) in wanted]
    order = mongo_query.parsed(call.parameter("sort"), "sort")
    shown.sort(key=lambda entry: entry.username, reverse=order.get("username") in (-1, "-1"))
    if not order:
        shown.sort(key=lambda entry: _status(call, entry) != "online")
    return sorted(shown, key=_rank)


def _status(call: Call, entry: Subscription) -> str:
    return str(documents.member(call.world, entry)["status"])


def _rank(entry: Subscription) -> int:
    return min((RANKS.get(role, 9) for role in entry.roles), default=9)


@routes.add("GET", "rooms.isMember", since=(7, 0))
def is_member(call: Call) -> Answer:
    """Whether one person is in a room."""
    room, user = _visible_room(call), one_user(call)
    return {"isMember": user.id in room.members}
