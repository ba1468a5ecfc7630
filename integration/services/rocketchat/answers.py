"""Reading the server's JSON with suspicion.

What is missing or of the wrong kind is an UnexpectedAnswer; `where` is the endpoint, for its text.
"""

import html
import re
from collections.abc import Iterable, Mapping

from integration.domain.errors import UnexpectedAnswer
from integration.domain.messages import said
from integration.domain.secret import without

Json = Mapping[str, object]
LONGEST_ID = 255
LONGEST_WORDS = 300
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def wrong(where: str, what: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        said(
            "Rocket.Chat's answer to {call} is not what its API promises: {what}.",
            call=where,
            what=what,
        ),
        hint=said("Does a proxy change answers? Is the server's version supported (3.11 to 8.8)?"),
        endpoint=where,
        status=200,
    )


def identifier(row: Json, where: str, key: str = "_id") -> str:
    """A non-empty id. Anything else would end up as a link to nothing."""
    value = row.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID:
        raise wrong(where, said("{field} is not an id", field=repr(key)))
    return value


def text(row: Json, key: str, where: str) -> str:
    """The text at `key`, "" when it is absent or null."""
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(where, said("{field} is not a text", field=repr(key)))
    return value


def flag(row: Json, key: str, where: str, *, default: bool) -> bool:
    value = row.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong(where, said("{field} is neither true nor false", field=repr(key)))
    return value


def number(row: Json, key: str, where: str) -> int:
    """A count, 0 or more."""
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong(where, said("{field} is not a number", field=repr(key)))
    return value


def inner(row: Json, key: str, where: str) -> Json:
    value = row.get(key)
    if not isinstance(value, dict):
        raise wrong(where, said("{field} is missing or not an object", field=repr(key)))
    return value


def objects(row: Json, key: str, where: str) -> list[Json]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong(where, said("{field} is not a list of objects", field=repr(key)))
    return value


def texts(row: Json, key: str, where: str) -> tuple[str, ...]:
    """A list of texts, () when it is absent or null."""
    value = row.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong(where, said("{field} is not a list of texts", field=repr(key)))
    return tuple(value)


def words(value: object, secrets: Iterable[str] = (), longest: int = LONGEST_WORDS) -> str:
    """The server's own words as one short line, without entities, control characters, secrets."""
    if not isinstance(value, str):
        return ""
    clear = without(html.unescape(value[: 20 * longest]), secrets)
    line = _UNSEEN.sub(" ", clear).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"
