"""Reads a JSON object whose longest list is not to be in memory as a whole."""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator

_ENDS = tuple(" \t\n\r,:]}")
_BLANK = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


class ValueTooLong(Exception):  # says what is too long
    """One value is longer than allowed."""


def object_with_rows(
    pieces: Iterable[bytes], key: str, each: Callable[[object], object], longest: int
) -> dict[str, object] | None:
    """The JSON object in the pieces, as `json.loads` would read it; None when there is none.

    Each row of the list at `key` is replaced by what `each` makes of it as soon as it was read.
    ValueTooLong where a row, or another value, has more than `longest` characters.
    """
    text = _Text(pieces, longest)
    found: dict[str, object] = {}
    try:
        for _ in text.items("{", "}"):
            name = text.value()
            if not isinstance(name, str):
                return None
            text.take(":")
            if name == key and text.next() == "[":
                found[name] = [each(text.value()) for _ in text.items("[", "]")]
            else:
                found[name] = text.value()
        return None if text.next() else found
    except (ValueError, RecursionError):
        return None


class _Text:
    """Text that comes in pieces. What was read of it is dropped. ValueError where it is no JSON."""

    def __init__(self, pieces: Iterable[bytes], longest: int) -> None:
        self._pieces = iter(pieces)
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
        self._text = ""
        self._at = 0

    def next(self) -> str:
        """The next character that is no blank, "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Go past this one."""
        if self.next() != character:
            raise ValueError
        self._at += 1

    def items(self, opening: str, closing: str) -> Iterator[None]:
        """Once before each item between these brackets."""
        self.take(opening)
        if self.next() != closing:
            yield
            while self.next() == ",":
                self._at += 1
                yield
        self.take(closing)

    def value(self) -> object:
        """The next one. Whether a number is complete is known when its end stands behind it."""
        self.next()
        while True:
            try:
                value, end = _decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
            else:
                if self._text[end : end + 1] in _ENDS or not self._more():
                    self._at = end
                    return value

    def _more(self) -> bool:
        """Twice as much as there is, so that a long value is not begun too often."""
        rest = self._text[self._at :]
        if len(rest) > self._longest:
            raise ValueTooLong
        more: list[str] = []
        while (size := sum(map(len, more))) == 0 or size < len(rest):
            piece = next(self._pieces, None)
            if piece is None:
                more.append(self._decoder.decode(b"", final=True))
                break
            more.append(self._decoder.decode(piece))
        self._text, self._at = rest + "".join(more), 0
        return len(self._text) > len(rest)
