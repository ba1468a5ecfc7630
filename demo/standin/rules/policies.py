"""Policies of newer servers that a sync cannot get around (contract, 12; unobserved).

E2E: private rooms are encrypted by force. ABAC: who may be in a room is decided by attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from demo.standin.errors import meteor
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState

ONLY_COMPLIANT = "error-only-compliant-users-can-be-added-to-abac-rooms"


def encryption(world: ServerState, t: str, extra: Mapping[str, Any]) -> bool | None:
    """Whether a new room is encrypted; None means that nothing is said about it.

    Raises:
        ApiError: a plain private room was asked for where that is forbidden.
    """
    asked = extra.get("encrypted")
    if t != "p":
        return asked
    if world.settings.get("E2E_Force_Encryption_For_Private_Rooms"):
        if asked is False:
            text = "Private rooms must be encrypted"
            raise meteor("error-encrypted-private-rooms-enforced", text)
        return True
    by_default = world.settings.get("E2E_Enabled_Default_PrivateRooms")
    if asked is None and by_default and world.settings.get("E2E_Enable"):
        return True
    return asked


def check_new_room(world: ServerState, t: str) -> None:
    """Refuses a room where only rooms with attributes may be made."""
    if world.options.abac != "closed":
        return
    if t == "c":
        raise meteor("error-abac-public-room-creation-blocked", "Public rooms are not allowed")
    raise meteor("error-abac-attributes-required", "The room needs attributes")


def complies(world: ServerState, user: User) -> bool:
    """Whether a person's attributes fit."""
    return world.options.abac != "checked" or user.username not in world.options.not_compliant


def check_invited(world: ServerState, room: Room, user: User) -> None:
    """Refuses people whose attributes do not fit, and rooms that are filled by attributes alone."""
    if room.managed_by_abac:
        raise meteor("error-room-is-abac-managed", "The room is managed by attributes")
    if not complies(world, user):
        raise meteor(ONLY_COMPLIANT, "Only compliant users can be added")


def skipped(world: ServerState, usernames: Iterable[str]) -> list[str]:
    """The people a new room is made without because their attributes do not fit."""
    found = (world.user_named(str(name)) for name in usernames)
    return [user.username for user in found if user is not None and not complies(world, user)]


def enforce(world: ServerState) -> None:
    """Puts everybody whose attributes do not fit out of the private rooms, as the server does."""
    if world.options.abac != "checked":
        return
    for room in world.rooms.values():
        if room.t != "p":
            continue
        for user in [world.users[user_id] for user_id in room.members]:
            if not complies(world, user):
                world.unsubscribe(room, user)
                world.system_message(room)
