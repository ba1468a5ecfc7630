"""The rules for who is in a room and with which role (contract, 2.3)."""

from __future__ import annotations

from collections.abc import Iterable

from demo.standin.errors import ApiError, meteor, not_allowed
from demo.standin.rules import bans, people, policies
from demo.standin.state.records import Room, User
from demo.standin.state.world import ServerState

ROLE_WORDS = {"moderator": "a moderator", "owner": "an owner", "leader": "a leader"}
LAST_OWNER = "You are the last owner. Please set new owner before leaving the room."


def may_add(world: ServerState, caller: User, room: Room) -> bool:
    """Inside a room the joined-room permission counts, outside one per kind of room."""
    if caller.id in room.members and world.allowed(caller, "add-user-to-joined-room", room):
        return True
    return world.allowed(caller, f"add-user-to-any-{room.t}-room")


def add(world: ServerState, caller: User, room: Room, newcomers: Iterable[User]) -> None:
    """Invites people. Who is in already stays untouched; each newcomer makes one message.

    The server works on all at once: a banned person has the call refused, but the others get in,
    those behind that person perhaps only after the answer.
    """
    if not may_add(world, caller, room):
        raise not_allowed("addUsersToRoom")
    refusal: ApiError | None = None
    for user in newcomers:
        try:
            bans.check(room, user)
            policies.check_invited(world, room, user)
        except ApiError as error:
            refusal = refusal or error
            continue
        if refusal and world.options.late_join_seconds:
            world.expect(room, user)
        else:
            world.let_in(room, user)
    if refusal:
        raise refusal


def check_and_expect(world: ServerState, room: Room, user: User) -> None:
    """Lets a person in after the answer, at once if the server is not slow about it."""
    bans.check(room, user)
    world.expect(room, user)
    world.let_in_due()


def kick(world: ServerState, caller: User, room: Room, user: User) -> None:
    """Removes one person, with one message.

    A caller with kick-user-from-any-* may "remove" a stranger: nothing happens, but the message
    is written.
    """
    check_may_kick(world, caller, room)
    if user.id in room.banned:
        bans.forget_by_kick(world, room, user)
        return
    if user.id not in room.members and not may_kick_strangers(world, caller, room):
        raise _not_in_room("removeUserFromRoom")
    check_not_last_owner(room, user, "removeUserFromRoom")
    world.unsubscribe(room, user)
    world.system_message(room)


def check_may_kick(world: ServerState, caller: User, room: Room) -> None:
    """Removing people takes a permission, globally or in the room."""
    if not world.allowed(caller, "remove-user", room):
        raise not_allowed("removeUserFromRoom")


def may_kick_strangers(world: ServerState, caller: User, room: Room) -> bool:
    """Whether the caller may act on rooms from outside; such a caller is not told off."""
    return world.allowed(caller, f"kick-user-from-any-{room.t}-room")


def leave(world: ServerState, caller: User, room: Room) -> None:
    """The caller goes away."""
    if caller.id not in room.members:
        raise meteor("error-user-not-in-room", "You are not in this room", method="leaveRoom")
    check_not_last_owner(room, caller, "leaveRoom")
    world.unsubscribe(room, caller)
    world.system_message(room)


def check_not_last_owner(room: Room, user: User, method: str) -> None:
    """A room keeps an owner."""
    if people.owners(room) == [user.id]:
        raise meteor("error-you-are-last-owner", LAST_OWNER, method=method)


def add_role(world: ServerState, caller: User, room: Room, user: User, role: str) -> None:
    """Makes a member moderator, owner or leader."""
    method = f"addRoom{role.capitalize()}"
    entry = _entry(world, caller, room, user, role, method)
    if role in entry:
        text = f"User is already {ROLE_WORDS[role]}"
        raise meteor(f"error-user-already-{role}", text, method=method)
    entry.append(role)
    world.system_message(room)


def remove_role(world: ServerState, caller: User, room: Room, user: User, role: str) -> None:
    """Takes such a role away; the last owner stays."""
    method = f"removeRoom{role.capitalize()}"
    entry = _entry(world, caller, room, user, role, method)
    if role not in entry:
        raise meteor(f"error-user-not-{role}", f"User is not {ROLE_WORDS[role]}", method=method)
    if role == "owner" and people.owners(room) == [user.id]:
        text = "This is the last owner. Please set a new owner before removing this one."
        raise meteor("error-remove-last-owner", text, method=method)
    entry.remove(role)
    room.members[user.id].had_roles = True
    world.system_message(room)


def _entry(
    world: ServerState, caller: User, room: Room, user: User, role: str, method: str
) -> list[str]:
    """The roles a member holds in the room, to be changed in place."""
    if not world.allowed(caller, f"set-{role}", room):
        raise not_allowed(method)
    if user.id not in room.members:
        raise _no_such_member(world, method)
    user.fragments.clear()
    return room.members[user.id].roles


def _no_such_member(world: ServerState, method: str) -> Exception:
    """Taking a role from a stranger is about the room, giving one is about the person."""
    if method.startswith("remove") and world.dialect.at_least(7, 0):
        return meteor("error-invalid-room", "Invalid room", method=method)
    return _not_in_room(method)


def _not_in_room(method: str) -> Exception:
    return meteor("error-user-not-in-room", "User is not in this room", method=method)
