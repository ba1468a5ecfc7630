"""Who is banned from rooms (8.3 and later)."""

import logging
from collections.abc import Collection

from integration.domain.errors import (
    AuthenticationError,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.services.rocketchat.answers import Json, row_id
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import unknown_endpoint
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.paging import Listing, read_all

logger = logging.getLogger(__name__)
BANNED = "rooms.bannedUsers"
SINCE = (8, 3)


def banned_in(
    client: RocketChat, features: Features, rooms: Collection[str]
) -> dict[str, frozenset[str]]:
    """Room id -> account ids, one request a room. A room whose bans may not be read is left out."""
    found: dict[str, frozenset[str]] = {}
    for room_id in sorted(rooms):
        if not features.has(BANNED, SINCE):
            break
        try:
            found[room_id] = frozenset(read_all(client, features, _listing(room_id)))
        except UnexpectedAnswer as problem:
            logger.warning("room=%s bans=not understood: %s", room_id, problem)
        except (TransientError, AuthenticationError):
            raise
        except RocketChatError as refusal:
            logger.debug("room=%s bans=unreadable code=%s", room_id, refusal.code)
            if unknown_endpoint(refusal):
                features.note_missing(BANNED)
    return found


def _listing(room_id: str) -> Listing[bool]:
    room = {"roomId": room_id}
    return Listing(BANNED, "bannedUsers", row_id, _nothing, params=room, sort_first=False)


def _nothing(_row: Json, _where: str) -> bool:
    """The id is all we want of a banned person."""
    return True
