"""rooms.banUser and its kin, from 8.3 on (contract, 11)."""

from __future__ import annotations

from typing import Any

from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import bans
from demo.standin.rules.targets import any_room, one_user
from demo.standin.web import paging
from demo.standin.web.call import Call, to_json

routes = Routes()
SINCE: dict[str, Any] = {"since": (8, 3)}


@routes.add("POST", "rooms.banUser", **SINCE)
def ban(call: Call) -> Answer:
    """Puts a person out for good; archived rooms are no exception."""
    bans.ban(call.world, call.caller, any_room(call), one_user(call))
    return {}


@routes.add("POST", "rooms.unbanUser", **SINCE)
def unban(call: Call) -> Answer:
    """Ends a ban."""
    bans.lift(call.world, call.caller, any_room(call), one_user(call))
    return {}


@routes.add("GET", "rooms.bannedUsers", **SINCE)
def banned(call: Call) -> Answer:
    """Who is banned, the last one first."""
    room = any_room(call)
    people = [call.world.users[user_id] for user_id in reversed(room.banned)]
    return paging.page(
        call,
        "bannedUsers",
        people,
        lambda one: to_json({"_id": one.id, "username": one.username, "name": one.name}),
    )
