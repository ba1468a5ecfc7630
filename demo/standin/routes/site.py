"""The server itself: version, settings, permissions; and the minimal messages."""

from __future__ import annotations

import re
from typing import Any

from demo.standin.constants import LONG_AGO
from demo.standin.dialects import forbidden, permission_missing
from demo.standin.errors import ApiError, failure, meteor, named
from demo.standin.routes.routing import Answer, Routes
from demo.standin.web import paging
from demo.standin.web.call import TEXT, Call, Reply, to_json

routes = Routes()
DATE = re.compile(r"\d{4}-\d\d-\d\d")
CLIENTS = {"desktop": "3.9.6", "mobile": "4.39.0"}

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
    answer: dict[str, Any] = {"version": version if known_to_all else version.rpartition(".")[0]}
    if not call.dialect.at_least(7, 0):
        return answer
    if exact:
        answer["info"] = {"version": version, **_build_information(call)}
    return answer | {"minimumClientVersions": CLIENTS, "cloudWorkspaceId": ""}


@routes.add("GET", "info", login=False)
def info_v1(call: Call) -> Answer:
    """Under /api/v1 the endpoint is gone from 6.5 on."""
    if call.dialect.unknown_endpoint == "text":
        return Reply(404, b"404 Not Found", TEXT)
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
    since = call.parameter("updatedSince")
    if not since:
        return {"update": permissions_view(call), "remove": []}
    if not DATE.match(since):
        text = 'The "updatedSince" query parameter must be a valid date.'
        raise meteor("error-roomId-param-invalid", text)
    shown = permissions_view(call) if since <= LONG_AGO else []
    return {"update": shown, "remove": []}


@routes.add("POST", "permissions.update", permission="access-permissions")
def update_permissions(call: Call) -> Answer:
    """Other roles for permissions; answers all permissions."""
    world = call.world
    for one in call.body["permissions"]:
        if one["_id"] not in world.permissions:
            raise named("Invalid permission", "error-invalid-permission")
        if not set(one["roles"]) <= world.roles:
            raise named("Invalid role", "error-invalid-role")
    world.permissions |= {one["_id"]: list(one["roles"]) for one in call.body["permissions"]}
    world.changes += 1
    return {"permissions": permissions_view(call)}


def permissions_view(call: Call) -> list[dict[str, Any]]:
    """Every permission as answers show it."""
    held = call.world.permissions.items()
    return [{"_id": name, "_updatedAt": LONG_AGO, "roles": list(roles)} for name, roles in held]


@routes.add("GET", "settings.public", login=False)
def public_settings(call: Call) -> Answer:
    """What everybody may read."""
    wanted = set(filter(None, call.parameter("_id").split(",")))
    names = sorted(call.world.public_settings)
    return _settings_page(call, [name for name in names if not wanted or name in wanted])


@routes.add("GET", "settings")
def all_settings(call: Call) -> Answer:
    """Everything, for whoever may see private settings."""
    if not call.world.allowed(call.caller, "view-privileged-setting"):
        raise forbidden(call.dialect)
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
        raise permission_missing(call.dialect)
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
