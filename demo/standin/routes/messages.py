"""chat.postMessage and im.create, as little of them as a notice needs (contract, 2.6)."""

from __future__ import annotations

import time
from typing import Any

from demo.standin.errors import ApiError, failure, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.state.clock import now_iso
from demo.standin.state.records import Room
from demo.standin.web.call import Call

routes = Routes()
LONGEST = 5000  # characters


@routes.add("POST", "chat.postMessage")
def post_message(call: Call) -> Answer:
    """A message into a room given by id, #name or @username; the text is only counted."""
    text = str(call.body.get("text", ""))
    _check_may_write(call, text)
    target = call.body.get("roomId") or call.body.get("channel")
    room = _target(call, str(target or ""))
    message = _message(call, room.id if room else call.world.ids.new(), text)
    if room is not None:
        if room.archived and call.dialect.at_least(7, 0):
            raise failure("room_is_archived")
        call.world.system_message(room)
        if call.dialect.at_least(7, 0):
            room.extra |= {"lm": message["ts"], "lastMessage": message}
    return {"ts": int(time.time() * 1000), "channel": target, "message": message}


def _target(call: Call, target: str) -> Room | None:
    """The room; nothing for a person, whose direct room is not kept."""
    room = call.world.rooms.get(target) or call.world.room_named(target.lstrip("#"))
    if room is None and not (target.startswith("@") and call.world.user_named(target[1:])):
        raise _no_room(call)
    return room


def _no_room(call: Call) -> ApiError:
    if call.dialect.at_least(7, 0):
        return meteor("invalid-channel")
    return meteor("error-room-not-found", "The room does not exist")


def _check_may_write(call: Call, text: str) -> None:
    if len(text) > LONGEST and call.dialect.at_least(7, 0):
        raise failure("error-message-size-exceeded")
    if call.dialect.restricts_unregistered and not call.world.options.registered:
        raise failure("restricted-workspace")


def _message(call: Call, rid: str, text: str) -> dict[str, Any]:
    now = now_iso()
    sender = {"_id": call.caller.id, "username": call.caller.username, "name": call.caller.name}
    plain = {"type": "PLAIN_TEXT", "value": text}
    message = {
        "_id": call.world.ids.new(),
        "rid": rid,
        "alias": str(call.body.get("alias", "")),
        "msg": text,
        "attachments": list(call.body.get("attachments", [])),
        "parseUrls": True,
        "groupable": False,
        "ts": now,
        "u": sender,
        "urls": [],
        "mentions": [],
        "channels": [],
    }
    if text:
        message["md"] = [{"type": "PARAGRAPH", "value": [plain]}]
    return message if call.dialect.at_least(7, 0) else message | {"_updatedAt": now}


@routes.add("POST", "im.create")
def create_direct_room(call: Call) -> Answer:
    """A direct room between the caller and others; it is not kept."""
    given = call.body.get("usernames") or call.body.get("username") or ""
    names = [name.strip() for name in str(given).split(",") if name.strip()]
    people = [call.world.user_named(name) for name in names]
    if not people or None in people:
        raise meteor("error-invalid-user", "Invalid user", method="createDirectMessage")
    members = [call.caller.username, *names]
    rid = "".join(sorted(user.id for user in (call.caller, *people) if user))
    room = {"_id": rid, "rid": rid, "t": "d", "usernames": members}
    return {"room": room}
