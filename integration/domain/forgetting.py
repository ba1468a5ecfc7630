"""Takes the names of one person out of texts, sentences and JSON. Pure."""

import re
from collections.abc import Callable, Collection
from typing import Any

from integration.domain.messages import Message

SHORTEST = 3  # a shorter text would be found in too many others
NAME_KEYS = frozenset({"username", "name", "email", "old_name", "old_email", "who"})
FORGOTTEN = "forgotten"  # in the details of an operation: its names are gone, it is not undone


def placeholder(user_id: int) -> str:
    """What stands where a name stood."""
    return f"person {user_id}"


def replacer(names: Collection[str], user_id: int) -> Callable[[Any], Any]:
    """Changes every text of a value, where one of the names stands in it as a whole word.

    A sentence stays one that can be said in another language.
    """
    known = sorted({name for name in names if len(name) >= SHORTEST}, key=len, reverse=True)
    if not known:
        return lambda value: value
    either = "|".join(re.escape(name) for name in known)
    pattern = re.compile(rf"(?<![\w.@+-])(?:{either})(?!\.?[\w@+-])", re.IGNORECASE)
    instead = placeholder(user_id)

    def replaced(value: Any) -> Any:
        if isinstance(value, Message):
            values = {name: replaced(one) for name, one in value.values.items()}
            return Message(value.pattern, values, value.plural)
        if isinstance(value, str):
            return pattern.sub(instead, value)
        if isinstance(value, dict):
            return {name: replaced(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [replaced(one) for one in value]
        return value

    return replaced


def names_in(value: Any) -> set[str]:
    """The names in a JSON value that is about one person alone."""
    if not isinstance(value, dict):
        return set()
    found = {str(one) for key, one in value.items() if key in NAME_KEYS and one}
    return {name.strip() for name in found if len(name.strip()) >= SHORTEST}
