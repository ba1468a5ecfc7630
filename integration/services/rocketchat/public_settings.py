"""The workspace's settings that everybody may read, and what they say about names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integration.domain.state import NameRules
from integration.services.rocketchat.answers import LONGEST_ID, Json, text
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.paging import Listing, read_all

DEFAULTS = NameRules()
CHANNEL_NAMES = "UTF8_Channel_Names_Validation"
USERNAMES = "UTF8_User_Names_Validation"
NAMES = "UTF8_Names_Validation"  # up to 3.x one setting for both
FREE_NAMES = "UI_Allow_room_names_with_special_chars"
BLOCKED = "Accounts_SystemBlockedUsernameList"
SERVER_ID = "uniqueID"
ALWAYS_RESERVED = frozenset({"all", "here"})


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """Values by the setting's name. Which settings are public differs between versions."""

    values: Mapping[str, object]

    @classmethod
    def read(cls, client: RocketChat, features: Features) -> "PublicSettings":
        listing = Listing("settings.public", "settings", _name, _value)
        rows = read_all(client, features, listing)
        return cls({name: value for name, (value,) in rows.items()})

    def name_rules(self) -> NameRules:
        """What the server has set; where it does not say, what it is shipped with."""
        return NameRules(
            username_pattern=self._pattern(USERNAMES, DEFAULTS.username_pattern),
            channel_pattern=self._pattern(CHANNEL_NAMES, DEFAULTS.channel_pattern),
            free_channel_names=self.values.get(FREE_NAMES) is True,
            reserved=self._reserved(),
        )

    @property
    def server_id(self) -> str:
        """The workspace's own id, made when it was set up; "" where it does not tell."""
        value = self.values.get(SERVER_ID)
        return value[:LONGEST_ID] if isinstance(value, str) else ""

    def _pattern(self, name: str, default: str) -> str:
        """The server itself falls back to the default when its pattern does not compile."""
        value = self.values.get(name, self.values.get(NAMES))
        return value if isinstance(value, str) and compiles(value) else default

    def _reserved(self) -> frozenset[str]:
        blocked = self.values.get(BLOCKED)
        if not isinstance(blocked, str):
            return DEFAULTS.reserved
        return ALWAYS_RESERVED | {
            name.strip().casefold() for name in blocked.split(",") if name.strip()
        }


def compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return bool(pattern)


def _name(row: Json, where: str) -> str:
    return text(row, "_id", where)


def _value(row: Json, _where: str) -> tuple[object]:
    return (row.get("value"),)
