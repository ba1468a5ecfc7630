"""Where a channel is in Rocket.Chat now, for a browser."""

import logging
from dataclasses import dataclass
from urllib.parse import quote

from django.core.cache import cache

from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.levels import LevelKind
from integration.domain.messages import msg
from integration.domain.state import Ending
from integration.fields import UnreadableSecret
from integration.models import ChannelLink, IntegrationSettings, LevelSettings
from integration.services.rocketchat.room_lookup import RoomNow, look_up_room
from integration.services.runs.configured_connection import (
    rocketchat_address,
    rocketchat_connection,
)

logger = logging.getLogger(__name__)
REMEMBER_SECONDS = 60  # a class that clicks at once costs one request
UNANSWERED_SECONDS = 10  # a server that is down is not asked by everybody
LAST_SEEN_SECONDS = 24 * 3600
GONE = "gone"


@dataclass(frozen=True, slots=True)
class Place:
    """A channel and its address. `url` is "" where the channel is archived or gone."""

    name: str
    url: str = ""
    archived: bool = False


def place_of(link: ChannelLink) -> Place:
    """The room's current address. Where Rocket.Chat does not answer, by what rcsync stored.

    ConfigurationError where the address of Rocket.Chat is not set.
    """
    address = rocketchat_address()
    if not address:
        raise ConfigurationError(
            msg("The address of Rocket.Chat is missing."), hint=msg("Enter it, including https://.")
        )
    room = _room(link)
    if room is None:
        return Place(link.name)
    if room.archived:
        return Place(link.name, archived=True)
    kind = "group" if room.private else "channel"
    return Place(link.name, f"{address}/{kind}/{quote(room.name or link.name, safe='')}")


def _room(link: ChannelLink) -> RoomNow | None:
    key = f"in-course-room-{link.room_id}"
    known: RoomNow | str | None = cache.get(key)
    if known is None:
        known, seconds = _looked_up(link)
        cache.set(key, known, seconds)
    return known if isinstance(known, RoomNow) else None


def _looked_up(link: ChannelLink) -> tuple[RoomNow | str, int]:
    try:
        room = look_up_room(rocketchat_connection(), link.room_id)
    except (SyncError, UnreadableSecret) as error:
        logger.warning("room=%s looked up in our own tables: %s", link.room_id, error)
        return _stored(link), UNANSWERED_SECONDS
    cache.set(_last_seen(link), room, LAST_SEEN_SECONDS)
    return room or GONE, REMEMBER_SECONDS


def _last_seen(link: ChannelLink) -> str:
    return f"in-course-room-{link.room_id}-last"


def _stored(link: ChannelLink) -> RoomNow:
    return RoomNow(link.name, _is_private(link), link.ended == Ending.ARCHIVE)


def _is_private(link: ChannelLink) -> bool:
    """As it was seen last, else by the settings of the course or the site: those of categories are
    in Moodle's tables, which nobody waits for here.
    """
    seen: RoomNow | None = cache.get(_last_seen(link))
    if seen is not None:
        return seen.private
    own = LevelSettings.objects.filter(level=LevelKind.COURSE, moodle_id=link.moodle_course_id)
    for rows in (own, IntegrationSettings.objects):
        private = rows.values_list("private_channels", flat=True).first()
        if private is not None:
            return bool(private)
    return True
