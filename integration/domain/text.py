"""Text that every database and every server can hold."""

import re
from typing import TypeVar

Value = TypeVar("Value")
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` without zero bytes, and with U+FFFD for each half of a surrogate pair.

    PostgreSQL refuses both; UTF-8 has no spelling for the second. Called where text comes in: from
    Moodle's rows, and from Rocket.Chat's answers.
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    return _SURROGATES.sub("\ufffd", text)


def same(value: Value, known: Value) -> Value:
    """`known` where it is equal: then one copy of it is enough."""
    return known if known == value else value
