"""Which usernames, room names and addresses the server accepts (contract, section 3)."""

from __future__ import annotations

import html
import re
from typing import Any

from demo.standin.errors import meteor
from demo.standin.rules.slugs import slug
from demo.standin.state.records import Room
from demo.standin.state.world import ServerState

ALWAYS_RESERVED = ("all", "here")
MARKUP = re.compile(r"[<>\\/]")
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
RESERVED_IN_ADDRESSES = ";/?:@&=+$,#"


def matches_setting(world: ServerState, setting: str, text: str) -> bool:
    """Whether the whole text matches the pattern kept in that setting."""
    return re.fullmatch(world.settings[setting], text) is not None


def reserved_names(world: ServerState) -> tuple[str, ...]:
    """Lower-case names nobody may take."""
    if not world.dialect.blocks_reserved_names:
        return ALWAYS_RESERVED
    return ALWAYS_RESERVED + tuple(world.settings["Accounts_SystemBlockedUsernameList"].split(","))


def reserved_room_names(world: ServerState) -> tuple[str, ...]:
    """Lower-case names no room may have; "all" and "here" are free."""
    if not world.dialect.blocks_reserved_names:
        return ()
    return tuple(world.settings["Accounts_SystemBlockedUsernameList"].split(","))


def is_reserved(world: ServerState, username: str) -> bool:
    """Whether the name is blocked by the system or by the site; no patterns."""
    if username.lower() in reserved_names(world):
        return True
    blocked = world.settings["Accounts_BlockedUsernameList"].split(",")
    return username.lower() in (name.strip().lower() for name in blocked)


def escaped(text: str) -> str:
    """The text as the server puts it into its messages."""
    return html.escape(text).replace("&#x27;", "&#39;")


def in_use(field: str, **where: str) -> Exception:
    """The refusal of a username or address that somebody else has."""
    details: dict[str, Any] = where or {"method": "insertOrUpdateUser"}
    text = f"{field} is already in use :("
    return meteor("error-field-unavailable", text, **details, field=field)


def is_invalid_name(name: str) -> bool:
    """Whether a person's display name holds what the server takes for markup.

    It looks at the name twice, the second time as an address with percent signs.
    """
    if MARKUP.search(name):
        return True
    try:
        return MARKUP.search(_decoded(name)) is not None
    except ValueError:
        return True


def _decoded(name: str) -> str:
    """JavaScript's `decodeURI`: escapes of reserved characters stay, bad ones are refused."""
    if STRAY_PERCENT.search(name):
        raise ValueError(name)
    return ESCAPES.sub(lambda found: _unescaped(found[0]), name)


def _unescaped(escapes: str) -> str:
    text = bytes.fromhex(escapes.replace("%", "")).decode()
    return "".join("" if letter in RESERVED_IN_ADDRESSES else letter for letter in text)


def check_username_characters(world: ServerState, username: str) -> None:
    """Refuses a username outside the site's pattern."""
    if not matches_setting(world, world.dialect.user_name_pattern_setting, username):
        raise meteor(
            "error-input-is-not-a-valid-field",
            f"{escaped(username)} is not a valid username",
            method="insertOrUpdateUser",
            input=username,
            field="Username",
        )


def check_username_is_free(world: ServerState, username: str) -> None:
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
    if world.user_named(username) or world.team_named(username):
        raise in_use(username)


def _slug_for(world: ServerState, name: str) -> str:
    """Old servers make slugs lower-case."""
    return slug(name) if world.dialect.at_least(4, 0) else slug(name).lower()


def valid_room_name(world: ServerState, wanted: str, room: Room | None = None) -> str:
    """The technical name a room of that (display) name gets.

    Args:
        room: the room that is to be renamed; its own name does not stand in its way.

    Raises:
        ApiError: the name is reserved, taken or outside the site's pattern.
    """
    special = world.settings["UI_Allow_room_names_with_special_chars"]
    name = _slug_for(world, wanted) if special else wanted
    shown = name if world.dialect.names_slugs_in_refusals else wanted
    twin = world.room_displayed_as(wanted) if special else None
    if twin is not None and twin is not room:
        raise _taken(twin, shown)
    is_reserved_name = name.lower() in reserved_room_names(world)
    if not matches_setting(world, world.dialect.name_pattern_setting, name) or is_reserved_name:
        text = f"{escaped(shown)} is not a valid room name."
        raise _refused("error-invalid-room-name", text, shown)
    return _unused(world, name, room) if special else _only_if_free(world, name, room)


def _only_if_free(world: ServerState, name: str, room: Room | None) -> str:
    holder = world.room_named(name)
    if holder is not None and holder is not room:
        raise _taken(holder, name)
    return name


def _unused(world: ServerState, name: str, room: Room | None) -> str:
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
