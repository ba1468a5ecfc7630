"""Adding people to a room: in lists where the server takes them, else one by one."""

from collections.abc import Sequence

from integration.domain.errors import NotFound, RocketChatError
from integration.services.rocketchat.answers import number
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.members import kind_of
from integration.services.rocketchat.reactions import in_doubt

CHUNK = 200  # the server handles each person of a list by several queries
LONG = 20  # from so many on it may take its time
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
        for start in range(0, len(names), CHUNK):
            with in_doubt(unknown=start > 0):  # those before are in
                count = self._some(kind, room_id, key, names[start : start + CHUNK])
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
        slow = len(several) > LONG
        answer = self._client.post(f"{kind}.invite", body, repeatable=True, slow=slow)
        room = answer.get(kind.removesuffix("s"))
        if not isinstance(room, dict) or room.get("usersCount") is None:
            return None
        return number(room, "usersCount", f"POST {kind}.invite")
