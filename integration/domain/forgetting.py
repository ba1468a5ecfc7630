"""One person's names in texts, sentences and JSON: taken out, or shown to the person. Pure."""

import re
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any
from unicodedata import normalize

from integration.domain.messages import Message

SHORTEST = 3  # a shorter text would be found in too many others; in rows about the person, 2
NAME_KEYS = frozenset({"username", "name", "email", "old_name", "old_email", "who"})
HOLDERS = NAME_KEYS | {"subject", "password_mail"}  # what is there as a whole may be a name
ID_KEYS = ("user", "user_id", "moodle_user_id")  # a JSON object with one of them is about a person
ABOUT_NOBODY = frozenset({"n", "channel", "room", "role", "group", "course", "run", "days", "date"})
FORGOTTEN = "forgotten"  # in the details of an operation: its names are gone, it is not undone
LEFT_OUT = "…"
SYLLABLES = "\u2e80"  # from here on a sign is as much as a syllable: two of them are a name


def placeholder(user_id: int) -> str:
    """What stands where a name stood."""
    return f"person {user_id}"


class Names:
    """What a person is called. In a row that is about the person (`own`) short names count too.

    `words`: texts that mean something to rcsync (member, failed, kept). One of them stays where it
    is a whole value, unless it stands where names stand.
    """

    def __init__(
        self, names: Collection[str], user_id: int, words: Collection[str] = frozenset()
    ) -> None:
        self._user_id = user_id
        self._words = frozenset(words)
        self._known = {normalize("NFC", name).strip() for name in names} - {""}

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(_folded(name) for name in self._known)

    @cached_property
    def _anywhere(self) -> re.Pattern[str] | None:
        return _pattern(name for name in self._known if _weight(name) >= SHORTEST)

    @cached_property
    def _in_own(self) -> re.Pattern[str] | None:
        return _pattern(name for name in self._known if _weight(name) >= SHORTEST - 1)

    def replaced(self, value: Any, *, own: bool = False, key: str = "") -> Any:
        """The value without the names, which are found as whole words. A sentence stays one that
        can be said in another language.
        """
        if isinstance(value, Message):
            values = {n: self.replaced(one, own=own, key=n) for n, one in value.values.items()}
            return Message(value.pattern, values, value.plural)
        if isinstance(value, str):
            return self._text(value, own, key)
        if isinstance(value, dict):
            own = own or self._is_about(value)
            return {
                name: placeholder(self._user_id)
                if own and _is_name(value, name)
                else self.replaced(one, own=own, key="" if _is_room(value, name) else name)
                for name, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.replaced(one, own=own, key=key) for one in value]
        return value

    def without_word(self, words: str) -> str:
        """A list of usernames without the person's, line by line."""
        kept = [one for one in words.split() if _folded(one) not in self._exact]
        return words if len(kept) == len(words.split()) else "\n".join(kept)

    def part(self, value: Any, *, own: bool = False) -> Any:
        """What of a value is about the person, None where nothing is. Of free text that is no more
        than the name; of a sentence all but who else is in it; of JSON the elements.
        """
        if isinstance(value, Message):
            mentioned = own or self.replaced(value) != value
            return str(self._sentence(value, own)) if mentioned else None
        if isinstance(value, str):
            return self._found(value, own)
        if isinstance(value, dict):
            if own or self._is_about(value):
                return {name: self._own_value(one) for name, one in value.items()}
            kept = {name: self._kept(one, name) for name, one in value.items()}
            return {name: one for name, one in kept.items() if one is not None} or None
        if isinstance(value, list | tuple):
            return [one for one in (self.part(each, own=own) for each in value) if one] or None
        return None

    def _text(self, text: str, own: bool, key: str) -> str:
        folded = _folded(text)
        if key in HOLDERS and folded in self._exact:
            return placeholder(self._user_id)
        if folded in self._words:
            return text
        pattern, composed = self._in_own if own else self._anywhere, normalize("NFC", text)
        if pattern is None or not pattern.search(composed):
            return text
        return pattern.sub(placeholder(self._user_id), composed)

    def _kept(self, value: Any, key: str) -> Any:
        if key in HOLDERS and type(value) is str:
            return value if _folded(value) in self._exact else self.part(value)
        return self.part(value)

    def _own_value(self, value: Any) -> Any:
        """In JSON about the person: only sentences, and what is about others in it, are cut."""
        if isinstance(value, Message | dict):
            return self.part(value, own=True)
        if isinstance(value, list | tuple):
            some = [one for one in value if not self._is_about_another(one)]
            return [self._own_value(one) for one in some]
        return value

    def _is_about_another(self, value: Any) -> bool:
        about = isinstance(value, dict) and any(value.get(key) is not None for key in ID_KEYS)
        return about and not self._is_about(value)

    def _found(self, text: str, own: bool) -> str | None:
        """The names in a free text, with a sign for the rest of it."""
        if self._text(text, own, "") == text and _folded(text) not in self._exact:
            return None
        pattern, composed = self._in_own if own else self._anywhere, normalize("NFC", text)
        found = list(dict.fromkeys(pattern.findall(composed))) if pattern else []
        if not found or _folded(text) in self._exact:
            return text
        return f"{LEFT_OUT} {f' {LEFT_OUT} '.join(found)} {LEFT_OUT}"

    def _sentence(self, sentence: Message, own: bool) -> Message:
        values: dict[str, str | int] = {}
        for name, one in sentence.values.items():
            if isinstance(one, Message):
                values[name] = self._sentence(one, own)
            elif name in ABOUT_NOBODY or one == self._user_id:
                values[name] = one
            else:
                text = str(one)
                values[name] = (self._found(text, own) or LEFT_OUT) if text else ""
        return Message(sentence.pattern, values, sentence.plural)

    def _is_about(self, value: dict[str, Any]) -> bool:
        return any(value.get(key) == self._user_id for key in ID_KEYS)


def names_in(value: Any) -> set[str]:
    """The names in a JSON value that is about one person alone."""
    if not isinstance(value, dict):
        return set()
    return {one.strip() for key, one in value.items() if _is_name(value, key)}


def _is_name(value: dict[str, Any], key: str) -> bool:
    """Whether a name is there, in JSON about one person."""
    text = value[key]
    return (
        key in NAME_KEYS
        and not _is_room(value, key)
        and isinstance(text, str)
        and not isinstance(text, Message)
        and bool(text.strip())
    )


def _is_room(value: dict[str, Any], key: str) -> bool:
    """Of an operation in a channel, `name` is the channel's."""
    return key == "name" and "room_id" in value


def _pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    word = rf"(?<![\w.@+-])(?:{either})(?!\.?[\w@+-])"
    return re.compile(word, re.IGNORECASE) if either else None


def _weight(name: str) -> int:
    return len(name) + sum(sign >= SYLLABLES for sign in name)


def _folded(text: str) -> str:
    return normalize("NFC", text).strip().casefold()
