"""Which usernames, room names and addresses the server accepts (contract, section 3)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from demo.standin.errors import meteor
from demo.standin.state.records import Room
from demo.standin.state.world import World

ALWAYS_RESERVED = ("all", "here")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")

# Letters that do not fall apart into a Latin letter and an accent, as the slug maker spells them.
TRANSLITERATION = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    **dict(zip("абвгдезийклмнопрстуфыэ", "abvgdezijklmnoprstufye", strict=True)),
    "ж": "zh",
    "х": "kh",
    "ц": "c",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "ь": "",
    "ъ": "",
}


def matches_setting(world: World, setting: str, text: str) -> bool:
    """Whether the whole text matches the pattern kept in that setting."""
    return re.fullmatch(world.settings[setting], text) is not None


def reserved_names(world: World) -> tuple[str, ...]:
    """Lower-case names nobody may take."""
    if not world.dialect.blocks_reserved_names:
        return ALWAYS_RESERVED
    return ALWAYS_RESERVED + tuple(world.settings["Accounts_SystemBlockedUsernameList"].split(","))


def is_reserved(world: World, username: str) -> bool:
    """Whether the name is blocked by the system or by the site's own list of patterns."""
    if username.lower() in reserved_names(world):
        return True
    patterns = world.settings["Accounts_BlockedUsernameList"].split(",")
    return any(re.fullmatch(p.strip(), username, re.IGNORECASE) for p in patterns if p.strip())


def in_use(field: str, **where: str) -> Exception:
    """The refusal of a username or address that somebody else has."""
    details: dict[str, Any] = where or {"method": "insertOrUpdateUser"}
    text = f"{field} is already in use :("
    return meteor("error-field-unavailable", text, **details, field=field)


def check_username_characters(world: World, username: str) -> None:
    """Refuses a username outside the site's pattern."""
    if not matches_setting(world, world.dialect.user_name_pattern_setting, username):
        raise meteor(
            "error-input-is-not-a-valid-field",
            f"{username} is not a valid username",
            method="insertOrUpdateUser",
            input=username,
            field="Username",
        )


def check_username_is_free(world: World, username: str) -> None:
    """Refuses a reserved or taken username; case makes no difference."""
    if is_reserved(world, username):
        if not world.dialect.blocks_reserved_names:
            raise in_use(username)
        raise meteor(
            "error-blocked-username",
            f"{username} is blocked and can't be used!",
            method="checkUsernameAvailability",
            field=username,
        )
    if world.user_named(username):
        raise in_use(username)


def check_email_form(email: str) -> None:
    """Refuses what is no address."""
    if not EMAIL.fullmatch(email):
        raise meteor(
            "error-invalid-email",
            f"Invalid email {email}",
            function="RocketChat.validateEmailDomain",
            email=email,
        )


def slug(name: str) -> str:
    """The technical name of a room whose display name may hold anything; case is kept."""
    spelled = "".join(_spell(letter) for letter in unicodedata.normalize("NFC", name))
    return re.sub(r"[^0-9A-Za-z_.]+", "-", spelled).strip("-")


def _slug_for(world: World, name: str) -> str:
    """Old servers make slugs lower-case."""
    return slug(name) if world.dialect.at_least(4, 0) else slug(name).lower()


def _spell(letter: str) -> str:
    if letter.lower() in TRANSLITERATION:
        spelled = TRANSLITERATION[letter.lower()]
        return spelled.capitalize() if letter.isupper() else spelled
    folded = unicodedata.normalize("NFKD", letter)
    return "".join(char for char in folded if not unicodedata.combining(char))


def valid_room_name(world: World, wanted: str, room: Room | None = None) -> str:
    """The technical name a room of that (display) name gets.

    Args:
        room: the room that is to be renamed; its own name does not stand in its way.

    Raises:
        ApiError: the name is reserved, taken or outside the site's pattern.
    """
    special = world.settings["UI_Allow_room_names_with_special_chars"]
    name = _slug_for(world, wanted) if special else wanted
    twin = world.room_displayed_as(wanted) if special else None
    if twin is not None and twin is not room:
        raise _taken(twin, wanted)
    if not matches_setting(world, world.dialect.name_pattern_setting, name):
        raise _refused("error-invalid-room-name", f"{wanted} is not a valid room name.", wanted)
    if world.dialect.blocks_reserved_names and name.lower() in reserved_names(world):
        raise in_use(name, method="getValidRoomName")
    return _unused(world, name, room) if special else _only_if_free(world, name, room)


def _only_if_free(world: World, name: str, room: Room | None) -> str:
    holder = world.room_named(name)
    if holder is not None and holder is not room:
        raise _taken(holder, name)
    return name


def _unused(world: World, name: str, room: Room | None) -> str:
    candidate, number = name, 0
    while world.room_named(candidate) not in (None, room):
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _taken(holder: Room, name: str) -> Exception:
    if holder.archived:
        text = f"There's an archived channel with name {name}"
        return _refused("error-archived-duplicate-name", text, name)
    return _refused("error-duplicate-channel-name", f"A channel with name '{name}' exists", name)


def _refused(code: str, text: str, name: str) -> Exception:
    return meteor(code, text, function="RocketChat.getValidRoomName", channel_name=name)
