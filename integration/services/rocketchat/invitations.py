"""Putting people into rooms: in lists where the server takes them, and nobody blocks anybody.

A list is handled person by person on the server: one refusal fails the call, and the others get in
all the same, some of them only after the answer (8.6.1: up to 1.5 s, reference 11.2).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from integration.domain.chunks import chunks
from integration.domain.errors import (
    AuthenticationError,
    PartlyRefused,
    PermissionMissing,
    RocketChatError,
)
from integration.domain.messages import msg
from integration.domain.operations import INVITE_CHUNK
from integration.services.rocketchat.answers import Json, count_or_none, wrong
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import in_doubt
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.members import MemberReader, kind_of

logger = logging.getLogger(__name__)

SLOW_INVITE_FROM = 20  # from so many on it may take its time
LOOK_AGAIN_SECONDS = 2.0  # after a list that was refused: who gets in has got in by then
NO_SUCH_PERSON = frozenset(
    {"error-invalid-user", "error-empty-invite-list", "invalid-user-invite-list"}
)
ABOUT_THE_ROOM = frozenset(
    {
        "error-room-archived",
        "error-room-is-abac-managed",
        "error-room-not-found",
        "error-invalid-room",
    }
)
SERVER_IS_DOWN = frozenset({0, 429, 502, 503, 504})  # statuses; 0 = no answer at all


@dataclass(slots=True)
class _Progress:
    """Of one call. `count` is the server's after its last step; `refused`: name -> why."""

    count: int | None = None
    refused: dict[str, RocketChatError] = field(default_factory=dict)


class Invitations:
    """Inviting a member again changes nothing, so every call here may be repeated."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client, self._features = client, features
        self._members = MemberReader(client, features)

    def invite(self, room_id: str, private: bool, key: str, names: Sequence[str]) -> int | None:
        """`key` says what `names` are: "userId" or "username".

        Returns the room's users_count after the last step, None where the server does not say.
        PartlyRefused where single people were refused: everybody else is in.
        """
        progress = _Progress()
        for number, some in enumerate(chunks(names, INVITE_CHUNK)):
            with in_doubt(unknown=number > 0):  # those before are in
                self._some(room_id, private, key, some, progress)
        if progress.refused:
            raise PartlyRefused(progress.refused, progress.count)
        return progress.count

    def _some(
        self, room_id: str, private: bool, key: str, names: Sequence[str], progress: _Progress
    ) -> None:
        kind = kind_of(private)
        if len(names) < 2 or not self._features.invites_lists(kind):
            self._one_by_one(room_id, private, key, names, progress)
            return
        try:
            progress.count = self._invited(kind, room_id, {f"{key}s": list(names)})
        except RocketChatError as error:
            if not self._features.refuses_lists(kind, error):
                if not _one_of_them_may_be_why(error):
                    raise
                with in_doubt():
                    names = self._still_outside(room_id, private, key, names)
            self._one_by_one(room_id, private, key, names, progress)

    def _still_outside(
        self, room_id: str, private: bool, key: str, names: Sequence[str]
    ) -> Sequence[str]:
        """Who is not in, after a pause; everybody, where that cannot be read."""
        self._client.pause(LOOK_AGAIN_SECONDS)
        try:
            members = self._members.usernames(room_id, private)
        except AuthenticationError:
            raise
        except RocketChatError as problem:
            logger.debug("room=%s members=unreadable after a refused list: %s", room_id, problem)
            return names
        inside = members.keys() if key == "userId" else {name.lower() for name in members.values()}
        return [name for name in names if (name if key == "userId" else name.lower()) not in inside]

    def _one_by_one(
        self, room_id: str, private: bool, key: str, names: Sequence[str], progress: _Progress
    ) -> None:
        """Like the list form: accounts that are gone are passed over, unless there is no other."""
        kind, gone, invited = kind_of(private), 0, 0
        for name in names:
            try:
                progress.count = self._invited(kind, room_id, {key: name})
                invited += 1
            except RocketChatError as error:
                gone += error.code in NO_SUCH_PERSON
                if _stops_all(error) or gone == len(names):
                    error.may_have_happened |= invited > 0  # somebody is in already
                    raise
                if error.code not in NO_SUCH_PERSON:
                    progress.refused[name] = error

    def _invited(self, kind: str, room_id: str, whom: dict[str, object]) -> int | None:
        several = next((one for one in whom.values() if isinstance(one, list)), [])
        slow = len(several) > SLOW_INVITE_FROM
        body = {"roomId": room_id, **whom}
        answer = self._client.post(f"{kind}.invite", body, repeatable=True, slow=slow)
        room = about_room(answer, kind, room_id, f"POST {kind}.invite")
        return count_or_none(room, "usersCount") if room else None


def about_room(answer: Json, kind: str, room_id: str, where: str) -> Json | None:
    """The room in an answer, None where there is none. UnexpectedAnswer for another room."""
    room = answer.get(kind.removesuffix("s"))
    if not isinstance(room, dict):
        return None
    if room.get("_id") != room_id:
        raise wrong(where, msg("it is about another room"))
    return room


def _one_of_them_may_be_why(error: RocketChatError) -> bool:
    """Whether a refused list may have been refused for one person, while the others got in."""
    return error.may_have_happened and error.status not in SERVER_IS_DOWN


def _stops_all(error: RocketChatError) -> bool:
    """Whether the others would be refused for the same reason."""
    return (
        isinstance(error, AuthenticationError | PermissionMissing)
        or error.status in SERVER_IS_DOWN
        or error.code in ABOUT_THE_ROOM
    )
