"""Who is in a room and with which role: one request on new servers, one or two on older ones."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from integration.domain.errors import (
    AuthenticationError,
    NotFound,
    PermissionMissing,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.messages import msg
from integration.domain.state import RemoteChannel, RoomRole
from integration.services.rocketchat.answers import (
    Json,
    objects,
    room_roles,
    row_id,
    strongest,
    text,
    texts,
)
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import unknown_endpoint
from integration.services.rocketchat.features import MEMBERS_BY_ROLE, Features
from integration.services.rocketchat.paging import Listing, read_all

BY_ROLE = "rooms.membersOrderedByRole"
Roles = Mapping[str, RoomRole]
Value = TypeVar("Value")


def kind_of(private: bool) -> str:
    """The first half of the endpoints for a room: private ones are "groups" to Rocket.Chat."""
    return "groups" if private else "channels"


class MemberReader:
    """Reads members of single rooms. Deactivated accounts are not listed (up to 3.x they are)."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client, self._features = client, features

    def with_members(self, channel: RemoteChannel, *, roles: bool) -> RemoteChannel:
        """The channel with its members, and its roles where asked for or where they are free.

        A room that the server refuses to show (the bot was removed, an archived group), or of
        which it says nonsense, comes back as it was, with the reason: unknown members are None,
        never nobody.
        """
        try:
            members, known = self._read(channel, roles)
        except UnexpectedAnswer as problem:
            return replace(channel, unreadable=problem.message)
        except (TransientError, AuthenticationError):
            raise
        except RocketChatError as refusal:
            outside = isinstance(refusal, NotFound | PermissionMissing) and not channel.archived
            return replace(channel, unreadable=refusal.message, bot_outside=outside)
        if not members and channel.users_count != 0:
            nobody = msg("the server counts members, but lists nobody")
            return replace(channel, unreadable=nobody)
        return replace(channel, members=members, roles=known)

    def usernames(self, room_id: str, private: bool) -> dict[str, str]:
        """Account id -> username of the active members. RocketChatError where it cannot be read."""
        return self._list(f"{kind_of(private)}.members", room_id, _username)

    def _read(self, channel: RemoteChannel, roles: bool) -> tuple[frozenset[str], Roles | None]:
        if self._features.has(BY_ROLE, MEMBERS_BY_ROLE):
            try:
                return self._by_role(channel)
            except RocketChatError as error:
                if not _not_offered(error):
                    raise
                self._features.note_missing(BY_ROLE)
        kind = kind_of(channel.private)
        members = frozenset(self._list(f"{kind}.members", channel.room_id, _nothing))
        return members, self._roles(f"{kind}.roles", channel.room_id) if roles else None

    def _by_role(self, channel: RemoteChannel) -> tuple[frozenset[str], Roles]:
        found = self._list(BY_ROLE, channel.room_id, _role_names)
        roles = {account_id: strongest(names) for account_id, names in found.items() if names}
        return frozenset(found), {who: role for who, role in roles.items() if role}

    def _list(
        self, path: str, room_id: str, parse: Callable[[Json, str], Value]
    ) -> dict[str, Value]:
        listing = Listing(
            path,
            "members",
            row_id,
            parse,
            params={"roomId": room_id},
            sort='{"username":1}',
            sort_first=False,
        )
        return read_all(self._client, self._features, listing)

    def _roles(self, path: str, room_id: str) -> Roles:
        answer = self._client.get(path, {"roomId": room_id})
        return room_roles(objects(answer, "roles", f"GET {path}"), f"GET {path}")


def _nothing(_row: Json, _where: str) -> bool:
    """The id is all we want of a member."""
    return True


def _username(row: Json, where: str) -> str:
    return text(row, "username", where)


def _role_names(row: Json, where: str) -> tuple[str, ...]:
    return texts(row, "roles", where)


def _not_offered(error: RocketChatError) -> bool:
    """The endpoint is unknown here, or does not take our parameters: the older ones will do."""
    return unknown_endpoint(error) or "invalid-params" in error.code
