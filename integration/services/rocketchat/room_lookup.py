"""One room as it is now, for somebody who waits: asked once, never repeated."""

from dataclasses import dataclass, replace

from integration.domain.errors import NotFound, TransientError
from integration.domain.messages import msg
from integration.services.rocketchat.answers import flag, inner, text
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.connection import Connection
from integration.services.rocketchat.limiter import Limiter

WHERE = "GET rooms.info"
CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class RoomNow:
    """`name` is the one in the room's address, which may differ from the one that people see."""

    name: str
    private: bool
    archived: bool


def look_up_room(connection: Connection, room_id: str) -> RoomNow | None:
    """None where the server says that there is no such room; SyncError where it does not say."""
    quick = replace(connection, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    with RocketChat(quick, limiter=Limiter(sleep=_give_up), sleep=_give_up) as client:
        try:
            row = inner(client.get("rooms.info", {"roomId": room_id}), "room", WHERE)
        except NotFound:
            return None
    return RoomNow(
        name=text(row, "name", WHERE),
        private=text(row, "t", WHERE) == "p",
        archived=flag(row, "archived", WHERE, default=False),
    )


def _give_up(_seconds: float) -> None:
    raise TransientError(msg("Rocket.Chat does not answer at once."), endpoint=WHERE)
