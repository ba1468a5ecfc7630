"""Finding the room and the people a call means."""

from __future__ import annotations

from typing import Any

from demo.standin.errors import failure, meteor, named
from demo.standin.rules.rooms import (
    CHANNELS,
    GROUPS,
    Kind,
    check_not_archived,
    may_see,
    room_not_found,
)
from demo.standin.state.records import Room, User
from demo.standin.web.call import Call

NO_USER_GIVEN = 'The required "userId" or "username" param was not provided'
NO_USERS_GIVEN = 'Please provide "userId" or "username" or "userIds" or "usernames" as param'
NO_SUCH_USER = 'The required "userId" or "username" param provided does not match any users'


def given(call: Call, name: str) -> str:
    """A value from the body or the query."""
    value = call.body.get(name) or call.parameter(name)
    return str(value) if value else ""


def any_room(call: Call, singular: str = "channel") -> Room:
    """The room named by roomId or roomName."""
    room_id, name = given(call, "roomId"), given(call, "roomName")
    if not room_id and not name:
        _refuse_no_room(call, singular)
    room = call.world.rooms.get(room_id) if room_id else call.world.room_named(name)
    if room is None:
        raise room_not_found(singular)
    return room


def _refuse_no_room(call: Call, singular: str) -> None:
    """Only some servers tell a room that is not named from one that is not there."""
    text = 'The parameter "roomId" or "roomName" is required'
    if not call.dialect.at_least(4, 0):
        raise meteor("error-roomid-param-not-provided", text)
    if call.dialect.at_least(7, 0) and singular == "group":
        raise meteor("error-room-param-not-provided", text)


def room_of(call: Call, kind: Kind, *, archived_too: bool = False) -> Room:
    """The room of that kind a call means, if the caller may see it."""
    room = room_from_outside(call, kind)
    if not may_see(call.world, call.caller, room):
        raise room_not_found(kind.singular)
    if not archived_too:
        check_not_archived(kind, room)
    return room


def room_from_outside(call: Call, kind: Kind) -> Room:
    """The same, whether the caller may see it or not."""
    room = any_room(call, kind.singular)
    if room.t != kind.t:
        raise room_not_found(kind.singular)
    return room


def room_to_invite_into(call: Call, kind: Kind) -> Room:
    """groups.invite looks neither at the caller's access nor, later, at archiving."""
    if kind is CHANNELS:
        return room_of(call, kind)
    return room_from_outside(call, GROUPS)


def one_user(call: Call) -> User:
    """The person named by userId, username or user."""
    check_is_text(call, "userId")
    user_id = given(call, "userId")
    name = given(call, "username") or given(call, "user")
    if not user_id and not name:
        raise meteor("error-user-param-not-provided", NO_USER_GIVEN)
    user = call.world.users.get(user_id) if user_id else call.world.user_named(name)
    if user is None:
        raise meteor("error-invalid-user", NO_SUCH_USER)
    return user


def user_to_kick(call: Call) -> User:
    """The person to remove."""
    return one_user(call)


def check_is_text(call: Call, name: str) -> None:
    """Newer servers stumble over a number where they want text."""
    value = call.body.get(name)
    if call.dialect.at_least(7, 0) and value and not isinstance(value, str):
        params = "this.bodyParams" if name == "name" else "params"
        raise failure(f"{params}.{name}?.trim is not a function")


def invited_users(call: Call, kind: Kind) -> list[User]:
    """The people to invite. Unknown ones are dropped in silence unless nobody is left."""
    if not call.dialect.invites_take_lists:
        return [one_user(call)]
    ids, usernames = _lists(call)
    if not ids and not usernames:
        raise meteor("error-users-params-not-provided", NO_USERS_GIVEN)
    found = [call.world.users.get(str(item)) for item in ids]
    if not ids:
        found = [call.world.user_named(str(item)) for item in usernames]
    people = [user for user in found if user is not None]
    if not people and kind is CHANNELS:
        raise named("invalid-user-invite-list", "Cannot invite if no users are provided")
    if not people:
        text = "Cannot invite if no valid users are provided"
        raise meteor("error-empty-invite-list", text)
    return people


def _lists(call: Call) -> tuple[list[Any], list[Any]]:
    """A list of ids wins over names; a single value is a list of one."""
    body = call.body
    ids = body.get("userIds") or ([body["userId"]] if body.get("userId") else [])
    single = body.get("username") or body.get("user")
    usernames = body.get("usernames") or ([single] if single else [])
    if not isinstance(ids, list) or not isinstance(usernames, list):
        raise failure("userListParam.push is not a function")
    return [one for one in ids if one is not None], [one for one in usernames if one is not None]
