"""teams.* and what turns rooms into teams (contract, 2.5)."""

from __future__ import annotations

from typing import Any

from demo.standin.errors import failure
from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import documents, teams
from demo.standin.rules.rooms import CHANNELS, GROUPS, Kind, room_not_found
from demo.standin.rules.targets import given
from demo.standin.state.records import Room, Subscription, Team, User
from demo.standin.web import paging
from demo.standin.web.call import Call, to_json

routes = Routes()
SINCE: dict[str, Any] = {"since": (3, 12)}


@routes.add("POST", "teams.create", permission="create-team", **SINCE)
def create(call: Call) -> Answer:
    """A new team; its members are given as ids or usernames."""
    world, given_members = call.world, call.body.get("members") or []
    found = [_person(call, str(one)) for one in given_members]
    people = [user for user in found if user is not None]
    kind = int(call.body.get("type") or 0)
    team = teams.create(world, call.caller, str(call.body.get("name")), kind, people)
    return {"team": team_view(team)}


def _person(call: Call, key: str) -> User | None:
    return call.world.users.get(key) or call.world.user_named(key)


@routes.add("POST", "groups.convertToTeam", **SINCE)
def convert_group(call: Call) -> Answer:
    """A private group becomes a team."""
    return _converted(call, GROUPS, given(call, "roomId"), given(call, "roomName"))


@routes.add("POST", "channels.convertToTeam", **SINCE)
def convert_channel(call: Call) -> Answer:
    """A channel becomes a team."""
    return _converted(call, CHANNELS, given(call, "channelId"), given(call, "channelName"))


def _converted(call: Call, kind: Kind, room_id: str, name: str) -> Answer:
    world = call.world
    room = world.rooms.get(room_id) if room_id else world.room_named(name)
    if room is None or room.t != kind.t:
        raise room_not_found(kind.singular)
    return {"team": team_view(teams.convert(world, call.caller, room))}


@routes.add("POST", "teams.convertToChannel", **SINCE)
def dissolve(call: Call) -> Answer:
    """A team becomes a plain room again."""
    teams.dissolve(call.world, _team(call))
    return {}


@routes.add("POST", "teams.addRooms", **SINCE)
def add_rooms(call: Call) -> Answer:
    """Puts rooms into a team."""
    team = _team(call)
    rooms = [call.world.rooms[room_id] for room_id in call.body.get("rooms", [])]
    for room in rooms:
        teams.add_room(call.world, call.caller, team, room)
    return {"rooms": [documents.room_document(call.world, room) for room in rooms]}


@routes.add("POST", "teams.addMembers", **SINCE)
def add_members(call: Call) -> Answer:
    """Lets people in, with roles."""
    team = _team(call)
    for one in call.body.get("members", []):
        user = call.world.users.get(str(one.get("userId")))
        if user is None:
            raise failure("Cannot read properties of undefined")
        teams.add_member(call.world, team, user, list(one.get("roles", [])))
    return {}


@routes.add("POST", "teams.removeMember", **SINCE)
def remove_member(call: Call) -> Answer:
    """Puts one person out."""
    user = call.world.users.get(given(call, "userId"))
    if user is None or not user.active:
        raise failure("invalid-user")
    teams.remove_member(call.world, _team(call), user)
    return {}


@routes.add("GET", "teams.members", **SINCE)
def members(call: Call) -> Answer:
    """The people of a team with their roles."""
    team = _team(call)
    entries = list(call.world.rooms[team.room_id].members.values())
    return paging.page(call, "members", entries, lambda entry: to_json(_member(call, team, entry)))


@routes.add("GET", "teams.info", **SINCE)
def info(call: Call) -> Answer:
    """One team."""
    return {"teamInfo": team_view(_team(call))}


@routes.add("GET", "teams.list", **SINCE)
def own_teams(call: Call) -> Answer:
    """The caller's own teams."""
    own = [team for team in call.world.teams.values() if team.room_id in call.caller.subscriptions]
    return _team_page(call, own)


@routes.add("GET", "teams.listAll", permission="view-all-teams", **SINCE)
def all_teams(call: Call) -> Answer:
    """Every team."""
    return _team_page(call, list(call.world.teams.values()))


def _team_page(call: Call, found: list[Team]) -> Answer:
    return paging.page(call, "teams", found, lambda team: to_json(_listed(call, team)))


def _listed(call: Call, team: Team) -> dict[str, Any]:
    rooms = [room for room in call.world.rooms.values() if room.team_id == team.id]
    people = len(call.world.rooms[team.room_id].members)
    return team_view(team) | {"rooms": len(rooms), "numberOfUsers": people}


@routes.add("GET", "teams.listRooms", **SINCE)
def list_rooms(call: Call) -> Answer:
    """The rooms of a team, its main room not among them."""
    team = _team(call)
    found = [r for r in call.world.rooms.values() if r.team_id == team.id and not r.is_team]
    return paging.page(call, "rooms", found, lambda room: _room(call, room))


def _room(call: Call, room: Room) -> bytes:
    return documents.room_fragment(call.world, room)


def _team(call: Call) -> Team:
    team = call.world.teams.get(given(call, "teamId"))
    team = team or call.world.team_named(given(call, "teamName"))
    if team is None:
        raise failure("Team not found" if call.endpoint == "teams.info" else "team-does-not-exist")
    return team


def team_view(team: Team) -> dict[str, Any]:
    """A team as answers show it."""
    return {
        "_id": team.id,
        "name": team.name,
        "type": team.type,
        "createdAt": team.created_at,
        "createdBy": _creator(team),
        "_updatedAt": team.updated_at,
        "roomId": team.room_id,
    }


def _creator(team: Team) -> dict[str, Any]:
    return {"_id": team.creator_id, "username": team.creator_username}


def _member(call: Call, team: Team, entry: Subscription) -> dict[str, Any]:
    user = call.world.users[entry.user_id]
    person: dict[str, Any] = {
        "_id": user.id,
        "username": user.username,
        "name": user.name,
        "status": "offline",
    }
    if user.made_by_api:
        person["settings"] = {}
    shown = {"user": person, "createdBy": _creator(team), "createdAt": entry.ts}
    return shown | ({"roles": list(entry.roles)} if entry.roles else {})
