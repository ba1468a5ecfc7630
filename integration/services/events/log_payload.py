"""The column `other` of Moodle's log: JSON, or what PHP's serialize() wrote on older sites."""

import json
from collections.abc import Mapping
from typing import Any

MAX_CHARACTERS = 100_000  # characters; Moodle's own are a few hundred
MAX_DEPTH = 20


def parse(text: str | None) -> Mapping[str, Any]:
    """The values by name; empty where there are none or they cannot be read."""
    if not text or len(text) > MAX_CHARACTERS:
        return {}
    try:
        found = json.loads(text) if text[0] in "{[n" else _Php(text.encode()).value()
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def number(value: object) -> int | None:
    """The integer of a payload value, which may be an int or a string of digits; None for
    anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class _Php:
    """Reads a:1:{s:5:"enrol";s:6:"manual";} and its like. Objects are refused."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        kind = self._until(b":") if self._data[self._at : self._at + 1] != b"N" else b"N"
        match kind:
            case b"N":
                self._at += 2
                return None
            case b"i":
                return int(self._until(b";"))
            case b"b":
                return self._until(b";") == b"1"
            case b"d":
                return float(self._until(b";"))
            case b"s":
                return self._string()
            case b"a":
                return self._array(depth)
            case _:
                raise ValueError("not a plain value")

    def _string(self) -> str:
        length = int(self._until(b":"))
        start = self._at + 1
        self._at = start + length + 2  # the closing quote and the semicolon
        if self._at > len(self._data):
            raise ValueError("cut off")
        return self._data[start : start + length].decode("utf-8", "replace")

    def _array(self, depth: int) -> dict[str, Any]:
        length = int(self._until(b":"))
        self._at += 1
        found: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            found[str(key)] = self.value(depth + 1)
        self._at += 1
        return found

    def _until(self, mark: bytes) -> bytes:
        end = self._data.index(mark, self._at)
        found = self._data[self._at : end]
        self._at = end + 1
        return found
