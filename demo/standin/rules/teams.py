"""Teams: rooms that are more than rooms (contract, 2.5 and 11.2)."""

from __future__ import annotations

from demo.standin.errors import failure
from demo.standin.rules import people
from demo.standin.state.clock import now_iso
from demo.standin.state.records import Room, Team, User
from demo.standin.state.world import ServerState


def create(world: ServerState, caller: User, name: str, kind: int, members: list[User]) -> Team:
    """A new team with a main room of its own."""
    if world.team_named(name):
        raise failure("team-name-already-exists")
    if world.room_named(name):
        raise failure("room-name-already-exists")
    room = world.add_room(name, caller, "p" if kind else "c")
    world.subscribe(room, caller, roles=["owner"])
    team = _made_of(world, caller, room)
    for user in members:
        if user.id not in room.members:
            world.subscribe(room, user)
    return team


def convert(world: ServerState, caller: User, room: Room) -> Team:
    """Makes a room the main room of a new team; its people are the team's people."""
    if world.team_named(room.name) or room.is_team:
        raise failure("team-name-already-exists")
    if room.team_id:
        raise failure("room-already-in-team")
    team = _made_of(world, caller, room)
    world.system_message(room)
    return team


def _made_of(world: ServerState, caller: User, room: Room) -> Team:
    now = now_iso()
    team = Team(
        id=world.ids.new("team"),
        name=room.name,
        type=int(room.t == "p"),
        room_id=room.id,
        creator_id=caller.id,
        creator_username=caller.username,
        created_at=now,
        updated_at=now,
    )
    world.teams[team.id] = team
    room.team_id, room.is_team = team.id, True
    world.touch_room(room)
    return team


def dissolve(world: ServerState, team: Team) -> None:
    """Makes plain rooms of a team's rooms again."""
    for room in world.rooms.values():
        if room.team_id == team.id:
            room.team_id, room.is_team = "", False
            world.touch_room(room)
    main = world.rooms.get(team.room_id)
    if main is not None:
        world.system_message(main)
    del world.teams[team.id]


def add_member(world: ServerState, team: Team, user: User, roles: list[str]) -> None:
    """Lets a person into a team, which is its main room; who is in stays as is."""
    room = world.rooms[team.room_id]
    if user.id not in room.members:
        world.subscribe(room, user, roles=roles)
        world.system_message(room)


def remove_member(world: ServerState, team: Team, user: User) -> None:
    """Puts a person out of a team and its main room."""
    room = world.rooms[team.room_id]
    if user.id not in room.members:
        raise failure("member-does-not-exist")
    if people.owners(room) == [user.id]:
        raise failure("last-owner-can-not-be-removed")
    world.unsubscribe(room, user)
    world.system_message(room)


def add_room(world: ServerState, caller: User, team: Team, room: Room) -> None:
    """Puts a room of the caller's own into a team."""
    if "owner" not in (room.members[caller.id].roles if caller.id in room.members else ()):
        raise failure("error-no-owner-channel")
    if room.team_id:
        raise failure("room-already-on-team")
    room.team_id = team.id
    world.touch_room(room)
