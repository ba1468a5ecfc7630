"""After a create whose outcome is unknown: is the thing there, and is it ours?"""

from integration.domain.errors import NameTaken, NotFound, PermissionMissing, RocketChatError
from integration.domain.messages import said
from integration.domain.state import RemoteAccount, RemoteChannel
from integration.services.rocketchat.answers import Json, inner, objects
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.permissions import grant
from integration.services.rocketchat.rows import account, channel, mark

SETTLE = 1.0  # seconds; the server may still be at it when our time runs out


def created_account(client: RocketChat, username: str, email: str) -> RemoteAccount | None:
    """The account of that name and address, None when there is none; NameTaken for another's."""
    where = "GET users.info"
    try:
        user = inner(client.get("users.info", {"username": username}), "user", where)
    except NotFound:
        return None
    found = account(user, where)
    if email.lower() in found.emails:
        return found
    raise NameTaken(
        said("The username {name} belongs to another account in Rocket.Chat.", name=username),
        hint=said("Link that account to the person, or rename one of the two."),
        endpoint="GET users.info",
        code="error-field-unavailable",
    )


def created_channel(client: RocketChat, name: str, group_id: int) -> RemoteChannel | None:
    """The room of that name with our mark, None when there is none; NameTaken for another's."""
    room = _room_by_name(client, name)
    found = channel(room, "GET rooms.info") if room else None
    if found is None or room is None:
        return None
    if mark(room) == group_id:
        return found
    raise NameTaken(
        said("Another channel in Rocket.Chat has the name {name}.", name=name),
        hint=said("Link that channel to the group, or rename one of the two."),
        endpoint="GET rooms.info",
        code="error-duplicate-channel-name",
    )


def _room_by_name(client: RocketChat, name: str) -> Json | None:
    """By its slug, else (names with special characters have another slug) by what people see."""
    try:
        return inner(client.get("rooms.info", {"roomName": name}), "room", "GET rooms.info")
    except NotFound:
        pass
    except RocketChatError as error:
        if error.code != "not-allowed":
            raise
        return {"_id": "-", "t": "p", "name": name}  # there, but not for the bot: not ours
    return _room_by_shown_name(client, name)


def _room_by_shown_name(client: RocketChat, name: str) -> Json | None:
    where = "GET rooms.adminRooms"
    params = {"types[]": ["c", "p"], "filter": name, "count": 50, "offset": 0}
    for row in objects(client.get("rooms.adminRooms", params), "rooms", where):
        if row.get("fname") == name:
            answer = client.get("rooms.info", {"roomId": row.get("_id")})
            return inner(answer, "room", "GET rooms.info")
    return None


def check_full_view(user: Json) -> None:
    """users.update erases bio and nickname unless they are sent again: we have to see them."""
    if user.get("canViewAllInfo") is False or "roles" not in user:
        raise PermissionMissing(
            said(
                "Rocket.Chat hides parts of the account from the bot; changing it would erase them."
            ),
            hint=grant("view-full-other-user-info"),
            endpoint="GET users.info",
            status=200,
        )
