"""The texts of a room besides its name: topic, description and announcement. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from integration.domain.messages import Message, msg


class RoomTexts(NamedTuple):
    """As Rocket.Chat shows them: the topic beside the name, the description in the room's
    information, the announcement as a bar above the messages.
    """

    topic: str = ""
    description: str = ""
    announcement: str = ""


TEXTS = RoomTexts._fields
NO_TEXTS = RoomTexts()

LABELS: Mapping[str, Message] = {
    "topic": msg("topic"),
    "description": msg("description"),
    "announcement": msg("announcement"),
}
