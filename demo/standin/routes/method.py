"""DDP over REST: `method.call/addUsersToRoom` (contract, 2.7)."""

from __future__ import annotations

import json
from typing import Any

from demo.standin.errors import ApiError, failure, meteor
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import membership
from demo.standin.web.call import Call, Reply, to_json

routes = Routes()


@routes.add("POST", "method.call/:")
def method_call(call: Call) -> Answer:
    """Calls a method; only `addUsersToRoom` is known."""
    try:
        message = json.loads(call.body["message"])
    except ValueError:
        text = str(call.body["message"])
        if call.dialect.at_least(7, 0):
            raise failure(f"Unexpected token '{text[1:2]}', \"{text}\" is not valid JSON") from None
        raise failure(f"Unexpected token {text[1:2]} in JSON at position 1") from None
    answer: dict[str, Any]
    try:
        answer = {"result": _called_method(call, message)}
    except ApiError as refusal:
        answer = {"error": _ddp_error(call, refusal)}
    status = 400 if "error" in answer and call.dialect.at_least(8, 0) else 200
    text = to_json({"msg": "result", "id": message.get("id"), **answer}).decode()
    return Reply.of({"message": text, "success": status == 200}, status)


def _called_method(call: Call, message: dict[str, Any]) -> bool:
    if call.tail != "addUsersToRoom" or call.dialect.at_least(9, 0):
        raise meteor("404", f"Method '{call.tail}' not found")
    wanted = message["params"][0]
    room = call.world.rooms.get(wanted["rid"])
    if room is None:
        raise meteor("error-invalid-room", "Invalid room", method="addUsersToRoom")
    if not membership.may_add(call.world, call.caller, room):
        membership.add(call.world, call.caller, room, [])
    users = [call.world.user_named(username) for username in wanted["users"]]
    known = [user for user in users if user is not None]
    if call.dialect.at_least(7, 0) and None in users:
        for one in known:  # they are on their way in when the call is refused
            membership.check_and_expect(call.world, room, one)
        raise _unknown_username(call)
    if call.dialect.at_least(4, 0):  # one after the other earlier, all at once later
        membership.add(call.world, call.caller, room, known)
    for user in users:
        if user is None:
            raise _unknown_username(call)
        membership.add(call.world, call.caller, room, [user])
    return True


def _unknown_username(call: Call) -> ApiError:
    """One unknown username fails the call, but others may be in."""
    if call.dialect.at_least(8, 0):
        return meteor("error-user-not-found", "User not found", method="addUsersToRoom")
    return meteor("error-invalid-username", "Invalid username", method="addUsersToRoom")


def _ddp_error(call: Call, refusal: ApiError) -> dict[str, Any]:
    body = refusal.body
    code = body["errorType"]
    if code == "error-invalid-room" and not call.dialect.at_least(4, 0):
        return {}  # an old server lets slip what went wrong
    details = {"details": body["details"]} if "details" in body else {}
    return {
        "isClientSafe": True,
        "error": 404 if code == "404" else code,
        "reason": body["error"].rpartition(" [")[0],
        **details,
        "message": body["error"],
        "errorType": "Meteor.Error",
    }
