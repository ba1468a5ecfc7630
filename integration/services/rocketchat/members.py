"""Who is in a room and with which role: one request on new servers, one or two on older ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from integration.domain.errors import AuthenticationError, NotFound, RocketChatError, TransientError
from integration.domain.operations import INVITE_CHUNK
from integration.domain.state import RemoteChannel, RoomRole
from integration.services.rocketchat.answers import (
    Json,
    number,
    objects,
    room_roles,
    row_id,
    strongest,
    texts,
)
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import in_doubt, unknown_endpoint
from integration.services.rocketchat.features import MEMBERS_BY_ROLE, Features
from integration.services.rocketchat.paging import Listing, read_all

SLOW_INVITE_FROM = 20  # from so many on it may take its time
NO_SUCH_PERSON = frozenset(
    {"error-invalid-user", "error-empty-invite-list", "invalid-user-invite-list"}
)


class Invitations:
    """Inviting a member again changes nothing, so every call here may be repeated."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client, self._features = client, features

    def invite(self, room_id: str, private: bool, key: str, names: Sequence[str]) -> int | None:
        """`key` says what `names` are: "userId" or "username".

        Returns the room's users_count after the last step, None where the server does not say.
        """
        kind, count = kind_of(private), None
        for start in range(0, len(names), INVITE_CHUNK):
            with in_doubt(unknown=start > 0):  # those before are in
                count = self._some(kind, room_id, key, names[start : start + INVITE_CHUNK])
        return count

    def _some(self, kind: str, room_id: str, key: str, names: Sequence[str]) -> int | None:
        if len(names) > 1 and self._features.invites_lists(kind):
            try:
                return self._invited(kind, {"roomId": room_id, f"{key}s": list(names)})
            except RocketChatError as error:
                if not self._features.refuses_lists(kind, error):
                    raise
        return self._one_by_one(kind, room_id, key, names)

    def _one_by_one(self, kind: str, room_id: str, key: str, names: Sequence[str]) -> int | None:
        """Like the list form: accounts that are gone are passed over, unless there is no other."""
        count, gone = None, 0
        for number_before, name in enumerate(names):
            try:
                with in_doubt(unknown=number_before > gone):  # somebody is in already
                    count = self._invited(kind, {"roomId": room_id, key: name})
            except NotFound as error:
                gone += 1
                if gone == len(names) or error.code not in NO_SUCH_PERSON:
                    raise
        return count

    def _invited(self, kind: str, body: dict[str, object]) -> int | None:
        several = next((one for one in body.values() if isinstance(one, list)), [])
        slow = len(several) > SLOW_INVITE_FROM
        answer = self._client.post(f"{kind}.invite", body, repeatable=True, slow=slow)
        room = answer.get(kind.removesuffix("s"))
        if not isinstance(room, dict) or room.get("usersCount") is None:
            return None
        return number(room, "usersCount", f"POST {kind}.invite")


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

        A room that the server refuses to show (the bot was removed, an archived group) comes back
        as it was: unknown members are None, never nobody.
        """
        try:
            members, known = self._read(channel, roles)
        except (TransientError, AuthenticationError):
            raise
        except RocketChatError:
            return channel
        if not members and channel.users_count:
            return channel  # the server counts people but names none: not believed
        return replace(channel, members=members, roles=known)

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


def _role_names(row: Json, where: str) -> tuple[str, ...]:
    return texts(row, "roles", where)


def _not_offered(error: RocketChatError) -> bool:
    """The endpoint is unknown here, or does not take our parameters: the older ones will do."""
    return unknown_endpoint(error) or "invalid-params" in error.code
