"""The world as one JSON file, so that a second demo goes on where the first one left off."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from demo.standin.dialects import Dialect
from demo.standin.state.fresh import fill_settings
from demo.standin.state.records import ImportOperation, Room, Subscription, Team, Token, User
from demo.standin.state.world import ServerState

FORMAT = "rcsync-standin"
VERSION = 1
DERIVED = ("subscriptions", "members", "fragments")


class UnreadableState(Exception):
    """The file is no state of a stand-in, or of another version."""


def dump(world: ServerState) -> dict[str, Any]:
    """Everything in the world but its options, as plain values."""
    with world.lock:
        return {
            "format": FORMAT,
            "version": VERSION,
            "like": ".".join(str(number) for number in world.dialect.release),
            "users": [_plain(user) for user in world.users.values()],
            "rooms": [_plain(room) for room in world.rooms.values()],
            "subscriptions": [
                _plain(entry) for room in world.rooms.values() for entry in room.members.values()
            ],
            "teams": [_plain(team) for team in world.teams.values()],
            "tokens": [_plain(token) for token in world.tokens.values()],
            "settings": dict(world.settings),
            "permissions": {name: list(roles) for name, roles in world.permissions.items()},
            "import": _plain(world.import_operation) if world.import_operation else None,
            "membership_serial": world.membership_serial,
        }


def _plain(record: Any) -> dict[str, Any]:
    names = (f.name for f in fields(record) if f.name not in DERIVED)
    return {name: _copied(getattr(record, name)) for name in names}


def _copied(value: Any) -> Any:
    """Lists and objects are copied, so that the dump can be written without the lock."""
    return value.copy() if isinstance(value, (list, dict)) else value


def load(state: dict[str, Any], dialect: Dialect) -> ServerState:
    """A world from what `dump` gave; it may be served as another version than before.

    Raises:
        UnreadableState: this is no such dump.
    """
    if state.get("format") != FORMAT or state.get("version") != VERSION:
        raise UnreadableState(f"not a stand-in state of version {VERSION}")
    world = ServerState(dialect)
    fill_settings(world)
    world.settings |= state["settings"]
    world.permissions |= state["permissions"]
    for record in state["users"]:
        world.store_user(User(**record))
    for record in state["rooms"]:
        world.store_room(Room(**record))
    for record in sorted(state["subscriptions"], key=lambda record: record["serial"]):
        world.store_subscription(Subscription(**record))
    for record in state.get("teams", []):
        world.teams[record["id"]] = Team(**record)
    world.tokens = {record["digest"]: Token(**record) for record in state["tokens"]}
    world.import_operation = ImportOperation(**state["import"]) if state["import"] else None
    world.membership_serial = state["membership_serial"]
    world.changes = 0
    return world


def save_file(world: ServerState, path: Path) -> None:
    """Writes the state so that the file is always whole, whatever happens meanwhile."""
    text = json.dumps(dump(world), ensure_ascii=False)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def load_file(path: Path, dialect: Dialect) -> ServerState:
    """The state kept in a file.

    Raises:
        UnreadableState: the file holds something else.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableState(f"{path} is no JSON: {error}") from error
    if not isinstance(state, dict):
        raise UnreadableState(f"{path} holds no object")
    return load(state, dialect)
