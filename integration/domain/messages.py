"""Messages made in English that can be shown in another language later. Pure.

Reasons, errors and hints are made far below the pages, and most are stored. A `Message` is the
English text, for logs, the command line, exports and comparisons, and keeps the pattern and the
values it was made from, for `translation.local`. Patterns are constants, which `makemessages`
collects.
"""

import json
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Self

MARK = "\x1f"  # between the parts of a stored sentence; no pattern and no name holds it
Value = str | int
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Message(str):
    """English text with its pattern, which has names in braces, and what was filled in.

    `plural` is the pattern for several, "" where there is one pattern; `values["n"]` says how many.
    """

    __slots__ = ("pattern", "plural", "stored", "values")
    pattern: str
    plural: str
    values: Mapping[str, Value]
    stored: str  # "", or what `packed` made of it: many operations share a reason

    def __new__(
        cls, pattern: str, values: Mapping[str, Value] | None = None, plural: str = ""
    ) -> Self:
        values = values or {}
        chosen = plural if plural and values["n"] != 1 else pattern
        new = super().__new__(cls, chosen.format_map(values) if values else chosen)
        new.pattern, new.plural, new.values, new.stored = pattern, plural, values, ""
        return new

    def __getnewargs__(self) -> tuple[str, Mapping[str, Value], str]:  # type: ignore[override]
        return self.pattern, self.values, self.plural


def msg(pattern: str, /, **values: Value) -> Message:
    """`msg("{who} stays", who="anna")`. Braces in values mean nothing."""
    return Message(pattern, values)


def counted(one: str, several: str, n: int, /, **values: Value) -> Message:
    """The message for `n`, which both patterns name {n}."""
    return Message(one, {"n": n, **values}, several)


def joined(separator: str, parts: Iterable[str]) -> str:
    """The parts with `separator` between them; each is translated by itself."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    if len(values) < 2:
        return values.get("part0", "")
    return Message(separator.join(f"{{{name}}}" for name in values), values)


def listed(parts: Iterable[str]) -> str:
    """ "a and b"."""
    both = lambda first, last: msg("{first} and {last}", first=first, last=last)  # noqa: E731
    some = list(parts)
    return reduce(both, some) if some else ""


def packed(text: str) -> str:
    """The text as it is stored: plain text as it is, a Message with its pattern and values."""
    if not isinstance(text, Message):
        return text.replace(MARK, " ")
    if not text.stored:
        text.stored = MARK.join(("", text.pattern, text.plural, _encode(_parts(text.values))))
    return text.stored


def packed_to_search(text: str) -> str:
    """The same, with the English text before it, so that the database finds what people read."""
    if not isinstance(text, Message):
        return packed(text)
    return text.replace(MARK, " ") + packed(text)


def unpacked(text: str) -> str:
    """What `packed` or `packed_to_search` was given."""
    if text.count(MARK) < 3:
        return text
    _english, pattern, plural, values = text.split(MARK, 3)
    return _whole([pattern, plural, json.loads(values)])


def _parts(values: Mapping[str, Value]) -> dict[str, Any]:
    """As JSON, where a list is a sentence inside of a sentence."""
    return {
        name: [value.pattern, value.plural, _parts(value.values)]
        if isinstance(value, Message)
        else value
        for name, value in values.items()
    }


def _whole(parts: list[Any]) -> Message:
    pattern, plural, values = parts
    inner = {n: _whole(value) if isinstance(value, list) else value for n, value in values.items()}
    return Message(pattern, inner, plural)
