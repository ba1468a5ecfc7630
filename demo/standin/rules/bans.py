"""Banning people from rooms (contract, 11 and 11.2): they are out until somebody lifts the ban."""

from __future__ import annotations

from demo.standin.errors import failure, meteor, not_allowed
from demo.standin.rules import people
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState

LAST_OWNER = "You are the last owner. Please set new owner before banning the user."


def ban(world: ServerState, caller: User, room: Room, user: User) -> None:
    """Puts a member out for good, with one message."""
    if not world.allowed(caller, "ban-user", room):
        raise not_allowed("banUserFromRoom")
    if user.id in room.banned:
        raise failure("User is already banned from this room")
    if user.id not in room.members:
        raise failure("User is not in this room")
    if people.owners(room) == [user.id]:
        raise failure(LAST_OWNER)
    world.unsubscribe(room, user)
    room.banned.append(user.id)
    world.system_message(room)


def lift(world: ServerState, caller: User, room: Room, user: User) -> None:
    """Ends a ban, with one message; the person is not in the room by that."""
    if not world.allowed(caller, "ban-user", room):
        raise not_allowed("unbanUserFromRoom")
    if user.id not in room.banned:
        raise failure("error-invalid-subscription")
    room.banned.remove(user.id)
    world.system_message(room)


def check(room: Room, user: User) -> None:
    """Refuses to let a banned person in."""
    if user.id in room.banned:
        text = "User is banned from this room"
        raise meteor("error-user-is-banned", text, method="addUsersToRoom")


def forget_by_kick(world: ServerState, room: Room, user: User) -> None:
    """Kicking a banned person lifts the ban and counts the person off a second time."""
    room.banned.remove(user.id)
    room.count_error -= 1
    world.system_message(room)
