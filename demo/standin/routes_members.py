"""Who is in a room: invite, kick, members, roles (contract, 2.3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from demo.standin import membership, paging, views
from demo.standin.call import Call, Reply, to_json
from demo.standin.errors import ApiError, failure, meteor
from demo.standin.records import Room, Subscription
from demo.standin.rooms import CHANNELS, GROUPS, Kind, may_see
from demo.standin.routing import Answer, Routes
from demo.standin.targets import (
    any_room,
    invited_users,
    one_user,
    room_of,
    room_to_invite_into,
    user_to_kick,
)

routes = Routes()
ROLES = ("moderator", "owner", "leader")
RANKS = {"owner": 0, "leader": 1, "moderator": 2}


def _register(kind: Kind) -> None:
    """The same endpoints for channels and for groups."""

    @routes.add("POST", f"{kind.plural}.invite")
    def invite(call: Call) -> Answer:
        room = room_to_invite_into(call, kind)
        membership.add(call.world, call.caller, room, invited_users(call, kind))
        return {kind.singular: views.room_document(call.world, room)}

    @routes.add("POST", f"{kind.plural}.kick")
    def kick(call: Call) -> Answer:
        checks_archive = kind is CHANNELS or not call.dialect.at_least(4, 0)
        room = room_of(call, kind, archived_too=not checks_archive)
        membership.kick(call.world, call.caller, room, user_to_kick(call))
        if kind is GROUPS:
            return {}
        return {kind.singular: views.room_document(call.world, room)}

    @routes.add("POST", f"{kind.plural}.leave")
    def leave(call: Call) -> Answer:
        room = room_of(call, kind)
        membership.leave(call.world, call.caller, room)
        return {} if kind is GROUPS else {kind.singular: views.room_document(call.world, room)}

    @routes.add("GET", f"{kind.plural}.members")
    def members(call: Call) -> Answer:
        room = room_of(call, kind, archived_too=kind is CHANNELS)
        return paging.page(
            call, "members", _listed(call, room), lambda e: to_json(views.member(call.world, e))
        )

    @routes.add("GET", f"{kind.plural}.roles")
    def roles(call: Call) -> Answer:
        room = room_of(call, kind, archived_too=True)
        entries = [entry for entry in _by_username(room) if entry.roles]
        return {"roles": [views.subscription_roles(entry) for entry in entries]}

    @routes.add("GET", f"{kind.plural}.moderators")
    def moderators(call: Call) -> Answer:
        room = room_of(call, kind, archived_too=True)
        entries = [entry for entry in _by_username(room) if "moderator" in entry.roles]
        return {"moderators": [views.subscriber(entry) for entry in entries]}

    for role in ROLES:
        routes.add("POST", f"{kind.plural}.add{role.capitalize()}")(
            _role_action(kind, role, membership.add_role)
        )
        routes.add("POST", f"{kind.plural}.remove{role.capitalize()}")(
            _role_action(kind, role, membership.remove_role)
        )


def _role_action(
    kind: Kind, role: str, act: Callable[..., None]
) -> Callable[[Call], dict[str, Any]]:
    def action(call: Call) -> dict[str, Any]:
        room = room_of(call, kind)
        act(call.world, call.caller, room, one_user(call), role)
        return {}

    return action


_register(CHANNELS)
_register(GROUPS)


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
    entries = sorted(_listed(call, room), key=_rank)
    return paging.page(
        call, "members", entries, lambda entry: to_json(_member_with_roles(call, entry))
    )


def _visible_room(call: Call) -> Room:
    """Without access this endpoint says 404, not 400 (contract, 2.3)."""
    try:
        room = any_room(call)
    except ApiError:
        raise failure("Resource not found", status=404) from None
    if not may_see(call.world, call.caller, room):
        raise failure("Resource not found", status=404)
    return room


def _rank(entry: Subscription) -> tuple[int, str]:
    return min((RANKS.get(role, 9) for role in entry.roles), default=9), entry.username


def _member_with_roles(call: Call, entry: Subscription) -> dict[str, Any]:
    return views.member(call.world, entry) | {"roles": list(entry.roles)}


@routes.add("GET", "rooms.isMember", since=(7, 0))
def is_member(call: Call) -> Answer:
    """Whether one person is in a room."""
    room, user = _visible_room(call), one_user(call)
    return {"isMember": user.id in room.members}


@routes.add("POST", "method.call/:")
def method_call(call: Call) -> Answer:
    """DDP over REST: only `addUsersToRoom` is known (contract, 2.7)."""
    try:
        message = json.loads(call.body["message"])
    except ValueError:
        text = str(call.body["message"])
        raise failure(f"Unexpected token {text[1:2]} in JSON at position 1") from None
    try:
        answer = {"result": _called_method(call, message)}
    except ApiError as refusal:
        answer = {"error": _ddp_error(call, refusal)}
    status = 400 if "error" in answer and call.dialect.at_least(8, 0) else 200
    text = to_json({"msg": "result", "id": message.get("id"), **answer}).decode()
    return Reply.of({"message": text, "success": status == 200}, status)


def _called_method(call: Call, message: dict[str, Any]) -> bool:
    if call.tail != "addUsersToRoom":
        raise meteor("404", f"Method '{call.tail}' not found")
    wanted = message["params"][0]
    room = call.world.rooms.get(wanted["rid"])
    if room is None:
        raise meteor("error-invalid-room", "Invalid room", method="addUsersToRoom")
    if not membership.may_add(call.world, call.caller, room):
        membership.add(call.world, call.caller, room, [])
    users = [call.world.user_named(username) for username in wanted["users"]]
    if call.dialect.at_least(4, 0):  # one after the other earlier, all at once later
        membership.add(call.world, call.caller, room, filter(None, users))
    for user in users:
        if user is None:
            raise _unknown_username(call)
        membership.add(call.world, call.caller, room, [user])
    return True


def _unknown_username(call: Call) -> ApiError:
    """One unknown username fails the call, but others may be in."""
    if call.dialect.at_least(7, 0):
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
