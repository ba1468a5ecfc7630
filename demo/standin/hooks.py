"""The pages under `/_standin/`: for tests and demos, unknown to any real server."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from demo.standin.application import Application
from demo.standin.constants import ADMIN_ID
from demo.standin.rules import policies
from demo.standin.rules.documents import emails
from demo.standin.state.options import Options
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState
from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault

PREFIX = "/_standin/"
OPTIONS = {option.name for option in fields(Options)}


def reply(application: Application, request: Request) -> Reply:
    """The reply to a request under `/_standin/`; a mistake in it is answered with 400."""
    try:
        body = json.loads(request.body) if request.body else {}
        answer = _answer(application, f"{request.method} {request.path}", body)
    except (ValueError, TypeError, KeyError) as error:
        return Reply.of({"error": str(error)}, 400)
    return Reply.of({"error": "no such page"}, 404) if answer is None else Reply.of(answer)


def _answer(application: Application, page: str, body: dict[str, Any]) -> dict[str, Any] | None:
    match page:
        case "GET /_standin/state":
            return state(application.world)
        case "GET /_standin/stats":
            return application.stats.as_dict()
        case "POST /_standin/stats/reset":
            application.stats.reset()
        case "POST /_standin/fault":
            application.faults.order(Fault(**body))
        case "POST /_standin/fault/clear":
            application.faults.clear()
        case "POST /_standin/settings":
            configure(application, body)
        case "POST /_standin/fill":
            return fill(application.world, body)
        case _:
            return None
    return {"ok": True}


def configure(application: Application, wishes: dict[str, Any]) -> None:
    """Changes `latency_ms`, `rate_limit`, `permissions` ({name: [roles]}), options or settings.

    Raises:
        KeyError: there is no such setting.
    """
    wishes = dict(wishes)
    world = application.world
    with world.lock:
        application.latency_ms = wishes.pop("latency_ms", application.latency_ms)
        if "rate_limit" in wishes:
            application.limiter.reset()
            application.limiter.enabled = bool(wishes.pop("rate_limit"))
        world.permissions |= wishes.pop("permissions", {})
        for name in OPTIONS & wishes.keys():
            setattr(world.options, name, wishes.pop(name))
        policies.enforce(world)
        unknown = [name for name in wishes if name not in world.settings]
        if unknown:
            raise KeyError(f"unknown settings: {', '.join(unknown)}")
        world.settings |= wishes
        world.changes += 1


def fill(world: ServerState, wishes: dict[str, Any]) -> dict[str, list[str]]:
    """Stores `users` and `rooms` without asking any rule: their ids, in the same order.

    A user has the arguments of `add_user`, a room those of `add_room` and `members` (id of an
    account -> its roles there). The administrator makes the rooms and owns them.

    Raises:
        TypeError, KeyError: something is missing or not known.
    """
    with world.lock:
        return {
            "users": [world.add_user(**user).id for user in wishes.get("users", ())],
            "rooms": [_filled(world, **room) for room in wishes.get("rooms", ())],
        }


def _filled(world: ServerState, members: dict[str, list[str]], **fields: Any) -> str:
    creator = world.users[ADMIN_ID]
    room = world.add_room(creator=creator, **fields)
    world.subscribe(room, creator, ["owner"])
    for user_id, roles in members.items():
        world.subscribe(room, world.users[user_id], roles)
    return room.id


def state(world: ServerState) -> dict[str, Any]:
    """All accounts and rooms, with deactivated members too."""
    with world.lock:
        world.let_in_due()
        return {
            "version": world.dialect.version,
            "users": [_user(user) for user in world.users.values()],
            "rooms": [_room(world, room) for room in world.rooms.values()],
        }


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "emails": emails(user),
        "active": user.active,
        "roles": list(user.roles),
        "type": user.type,
    }


def _room(world: ServerState, room: Room) -> dict[str, Any]:
    entries = sorted(room.members.values(), key=lambda entry: entry.username)
    return {
        "id": room.id,
        "name": room.name,
        "fname": room.fname,
        "t": room.t,
        "archived": bool(room.archived),
        "ro": bool(room.ro),
        "topic": room.topic,
        "description": room.description,
        "announcement": room.announcement,
        "customFields": dict(room.custom_fields or {}),
        "usersCount": room.users_count,
        "msgs": room.msgs,
        "members": [entry.username for entry in entries],
        "banned": [world.users[user_id].username for user_id in room.banned],
        "roles": {entry.username: list(entry.roles) for entry in entries if entry.roles},
    }
