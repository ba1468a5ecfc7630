"""Reads the server's JSON and trusts nothing.

What is missing or of the wrong kind is an UnexpectedAnswer; `where` is the endpoint, for its text.
"""

import html
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern

from integration.domain.errors import UnexpectedAnswer
from integration.domain.messages import msg
from integration.domain.secret import without
from integration.domain.state import (
    ROLE_STRENGTH,
    ManagedAccount,
    Mark,
    RemoteAccount,
    RemoteChannel,
    RoomRole,
)
from integration.domain.text import clean, same
from integration.services.rocketchat.versions import SUPPORTED

Json = Mapping[str, object]
LONGEST_ID = 64  # what a column for it holds; real ones have 17 or 24
LONGEST_WORDS = 300
LARGEST_COUNT = 2**31 - 1  # what a database column holds
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def wrong(where: str, what: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        msg(
            "Rocket.Chat's answer to {call} does not match its API: {what}.",
            call=where,
            what=what,
        ),
        hint=msg(
            "Does a proxy change answers? Is the server's version supported ({versions})?",
            versions=SUPPORTED,
        ),
        endpoint=where,
        status=200,
    )


def identifier(row: Json, where: str, key: str = "_id") -> str:
    """A non-empty id. Anything else would end up as a link to nothing."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID:
        raise wrong(where, msg("{field} is not an id", field=repr(key)))
    return value


def text(row: Json, key: str, where: str) -> str:
    """The text at `key`, "" when it is absent or null."""
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(where, msg("{field} is not a text", field=repr(key)))
    return clean(value)


def flag(row: Json, key: str, where: str, *, default: bool) -> bool:
    value = row.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong(where, msg("{field} is neither true nor false", field=repr(key)))
    return value


def number(row: Json, key: str, where: str) -> int:
    """A count, 0 or more."""
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong(where, msg("{field} is not a number", field=repr(key)))
    return value


def count_or_none(row: Json, key: str) -> int | None:
    """A count, None where it is missing or cannot be one: then somebody has to look."""
    try:
        count = number(row, key, "")
    except UnexpectedAnswer:
        return None
    return count if count <= LARGEST_COUNT else None


def inner(row: Json, key: str, where: str) -> Json:
    value = row.get(key)
    if not isinstance(value, dict):
        raise wrong(where, msg("{field} is missing or not an object", field=repr(key)))
    return value


def rows(answer: Json, key: str, where: str) -> list[object]:
    """A list of anything: a row that is no object is for its reader to skip and report."""
    value = answer.get(key)
    if not isinstance(value, list):
        raise wrong(where, msg("{field} is not a list", field=repr(key)))
    return value


def objects(row: Json, key: str, where: str) -> list[Json]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong(where, msg("{field} is not a list of objects", field=repr(key)))
    return value


def texts(row: Json, key: str, where: str) -> tuple[str, ...]:
    """A list of texts, () when it is absent or null."""
    value = row.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong(where, msg("{field} is not a list of texts", field=repr(key)))
    return tuple(value)


def words(value: object, secrets: Iterable[str] = (), longest: int = LONGEST_WORDS) -> str:
    """The server's own words as one short line, without entities, control characters, secrets."""
    if not isinstance(value, str):
        return ""
    clear = without(html.unescape(clean(value[: 20 * longest])), secrets)
    line = _UNSEEN.sub(" ", clear).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


NOBODY: Mapping[str, ManagedAccount] = {}
COURSE_MARK = "moodle_course"
GROUP_MARK = "moodle_group"
INSTALLATION_MARK = "rcsync"
_ROLES = {str(role): role for role in RoomRole if role is not RoomRole.MEMBER}


def row_id(row: Json, where: str) -> str:
    return intern(identifier(row, where))


def account(row: Json, where: str, known: Mapping[str, ManagedAccount] = NOBODY) -> RemoteAccount:
    """A row of users.list, users.listByStatus or users.info. What the `known` links, by account
    id, say of it too is kept once.

    Somebody in registration may lack a username.
    """
    account_id, username = identifier(row, where), text(row, "username", where)
    addresses = emails(row, where)
    if (link := known.get(account_id)) is not None:
        account_id, username = link.account_id, same(username, link.username)
        addresses = tuple(same(one, link.known_email) for one in addresses)
    return RemoteAccount(
        account_id=account_id,
        username=username,
        name=text(row, "name", where),
        emails=addresses,
        active=flag(row, "active", where, default=True),
        roles=_shared(texts(row, "roles", where)),
        kind=intern(text(row, "type", where) or "user"),
        verified=_is_verified(row),
    )


def _is_verified(row: Json) -> bool:
    """Whether the first address is. Anything but a plain true is no proof."""
    entries = row.get("emails")
    first = entries[0] if isinstance(entries, list) and entries else None
    return isinstance(first, dict) and first.get("verified") is True


def emails(row: Json, where: str) -> tuple[str, ...]:
    entries = row.get("emails")
    if entries is None:
        return ()
    if type(entries) is list and len(entries) == 1 and type(entries[0]) is dict:
        address = entries[0].get("address")  # the short way, which fits nearly everybody
        if type(address) is str and address:
            return (address.lower(),)
    addresses = (text(entry, "address", where) for entry in objects(row, "emails", where))
    return tuple(address.lower() for address in addresses if address)


@lru_cache(maxsize=1024)
def _shared(roles: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for the many accounts that have the same roles."""
    return roles


def channel(row: Json, where: str) -> RemoteChannel | None:
    """A channel, or the main room of a team; None for direct chats and discussions."""
    kind = text(row, "t", where)
    if kind not in ("c", "p") or row.get("prid"):
        return None
    slug = text(row, "name", where)
    return RemoteChannel(
        room_id=row_id(row, where),
        name=text(row, "fname", where) or slug,
        private=kind == "p",
        users_count=count_or_none(row, "usersCount"),
        archived=flag(row, "archived", where, default=False),
        read_only=flag(row, "ro", where, default=False),
        topic=text(row, "topic", where),
        creator_id=_creator(row, where),
        mark=mark(row),
        slug=slug,
        team=flag(row, "teamMain", where, default=False),
        description=text(row, "description", where),
        announcement=text(row, "announcement", where),
    )


def _creator(row: Json, where: str) -> str:
    return "" if row.get("u") is None else text(inner(row, "u", where), "_id", where)


def mark_fields(value: Mark) -> dict[str, object]:
    """The mark as custom fields."""
    fields: dict[str, object] = {COURSE_MARK: value.course_id, GROUP_MARK: value.group_id}
    if value.installation:
        fields[INSTALLATION_MARK] = value.installation
    return fields


def mark(row: Json) -> Mark | None:
    """What rcsync wrote into the room's custom fields; None where that names no Moodle group.

    Anybody may write there: be lenient.
    """
    fields = row.get("customFields")
    if not isinstance(fields, dict):
        return None
    group_id, installation = _moodle_id(fields.get(GROUP_MARK)), fields.get(INSTALLATION_MARK)
    if group_id is None:
        return None
    return Mark(
        group_id,
        _moodle_id(fields.get(COURSE_MARK)),
        "" if installation is None else str(installation)[:LONGEST_ID],
    )


def _moodle_id(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def strongest(names: Iterable[str]) -> RoomRole | None:
    """Of several room roles the one that counts; None when there is none that we know."""
    known = [_ROLES[name] for name in names if name in _ROLES]
    return max(known, key=ROLE_STRENGTH.__getitem__, default=None)


def room_roles(rows: Iterable[Json], where: str) -> Mapping[str, RoomRole]:
    """Roles by account id, from channels.roles or groups.roles."""
    found = ((row_id(inner(row, "u", where), where), texts(row, "roles", where)) for row in rows)
    return {account_id: role for account_id, names in found if (role := strongest(names))}
