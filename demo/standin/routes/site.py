"""The server itself: version, settings, permissions; and the minimal messages."""

from __future__ import annotations

import time
from typing import Any

from demo.standin.constants import LONG_AGO
from demo.standin.dialects import forbidden
from demo.standin.errors import ApiError, failure, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.state.clock import now_iso
from demo.standin.web import paging
from demo.standin.web.call import Call, Reply, to_json

routes = Routes()

PAGE_OF_THE_APP = (
    "<!DOCTYPE html>\n<html>\n<head><title>Rocket.Chat</title></head>\n"
    "<body>Stand-in Rocket.Chat</body>\n</html>\n"
)


@routes.add("GET", "/api/info", login=False)
def info(call: Call) -> Answer:
    """Strangers learn the version without its last number, except from old servers."""
    exact = call.user is not None and call.world.allowed(call.user, "view-statistics")
    version = call.dialect.version
    known_to_all = exact or not call.dialect.at_least(4, 0)
    return {"version": version if known_to_all else version.rpartition(".")[0]}


@routes.add("GET", "info", login=False)
def info_v1(call: Call) -> Answer:
    """Under /api/v1 the endpoint is gone from 6.5 and back (as an alias) later."""
    if call.dialect.at_least(7, 0):
        return info(call)
    if call.dialect.at_least(6, 0):
        return Reply.html(PAGE_OF_THE_APP)
    if call.user is None:
        return {"info": {"version": call.dialect.version}}
    return {"info": {"version": call.dialect.version, **_build_information(call)}}


def _build_information(call: Call) -> dict[str, Any]:
    return {
        "build": {
            "date": LONG_AGO,
            "nodeVersion": "v12.22.12",
            "arch": "x64",
            "platform": "linux",
            "osRelease": "stand-in",
            "totalMemory": 1,
            "freeMemory": 1,
            "cpus": 1,
        },
        "commit": {
            "hash": "unknown",
            "date": "unknown",
            "author": "unknown",
            "subject": "stand-in",
            "tag": call.dialect.version,
            "branch": "HEAD",
        },
        "marketplaceApiVersion": "1",
    }


@routes.add("GET", "permissions.listAll")
def permissions(call: Call) -> Answer:
    """Every permission with the roles that hold it."""
    held = call.world.permissions.items()
    return {
        "update": [
            {"_id": name, "_updatedAt": LONG_AGO, "roles": list(roles)} for name, roles in held
        ],
        "remove": [],
    }


@routes.add("GET", "settings.public", login=False)
def public_settings(call: Call) -> Answer:
    """What everybody may read."""
    return _settings_page(call, sorted(call.world.public_settings))


@routes.add("GET", "settings")
def all_settings(call: Call) -> Answer:
    """Everything, for whoever may see private settings."""
    if not call.world.allowed(call.caller, "view-privileged-setting"):
        raise forbidden()
    return _settings_page(call, sorted(call.world.settings))


def _settings_page(call: Call, names: list[str]) -> Reply:
    documents = [_setting(call, name) for name in names]
    if call.dialect.query_is_obeyed:
        documents = paging.chosen_documents(call, documents)
    return paging.page(call, "settings", documents, to_json)


def _setting(call: Call, name: str) -> dict[str, Any]:
    return {"_id": name, "value": call.world.settings[name], "enterprise": False}


@routes.add("GET", "settings/:")
def one_setting(call: Call) -> Answer:
    """One setting, private ones included."""
    if not call.world.allowed(call.caller, "view-privileged-setting"):
        raise forbidden()
    if call.tail not in call.world.settings:
        if call.dialect.at_least(6, 0):
            raise ApiError(400, {"success": False})
        return {}
    return {"_id": call.tail, "value": call.world.settings[call.tail]}


@routes.add("POST", "settings/:", permission="edit-privileged-setting", two_factor=True)
def change_setting(call: Call) -> Answer:
    """Another value; its type is not checked."""
    if call.tail not in call.world.settings:
        if call.dialect.at_least(6, 0):
            raise ApiError(400, {"success": False})
        raise failure("Cannot read property 'type' of undefined")
    call.world.settings[call.tail] = call.body["value"]
    call.world.changes += 1
    return {}


@routes.add("POST", "chat.postMessage")
def post_message(call: Call) -> Answer:
    """A message into a room given by id, #name or @username; the text is only counted."""
    target = str(call.body.get("roomId") or call.body.get("channel") or "")
    room = call.world.rooms.get(target) or call.world.room_named(target.lstrip("#"))
    if room is None:
        raise meteor("error-room-not-found", "The room does not exist")
    call.world.system_message(room)
    sender = {"_id": call.caller.id, "username": call.caller.username, "name": call.caller.name}
    text, now = str(call.body.get("text", "")), now_iso()
    plain = {"type": "PLAIN_TEXT", "value": text}
    message = {
        "_id": call.world.ids.new(),
        "rid": room.id,
        "alias": str(call.body.get("alias", "")),
        "msg": text,
        "attachments": list(call.body.get("attachments", [])),
        "parseUrls": True,
        "groupable": False,
        "ts": now,
        "u": sender,
        "_updatedAt": now,
        "urls": [],
        "mentions": [],
        "channels": [],
        "md": [{"type": "PARAGRAPH", "value": [plain]}],
    }
    return {"ts": int(time.time() * 1000), "channel": room.id, "message": message}


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
