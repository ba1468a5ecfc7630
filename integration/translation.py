"""What was said in English, in the language of whoever reads it."""

from collections.abc import Callable, Mapping

from django.utils.translation import gettext, ngettext, override

from integration.domain.errors import SyncError
from integration.domain.messages import Message, Value


def local(text: str) -> str:
    """`text` in the language that is active now; one that was not `said` stays as it is."""
    if not isinstance(text, Message):
        return text
    values = {
        name: local(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return _translated(text, values).format_map(values) if values else _translated(text, values)


def english(label: Callable[[], object]) -> Message:
    """What `label` answers in English, as a Message: a label that Django translates when shown."""
    with override("en"):
        return Message(str(label()))


def in_words(error: SyncError) -> str:
    """What happened and what to do next."""
    return local(error.text)


def _translated(text: Message, values: Mapping[str, Value]) -> str:
    if not text.pattern:
        return ""  # gettext would answer with the heading of the catalogue
    if text.plural:
        return ngettext(text.pattern, text.plural, int(values["n"]))
    return gettext(text.pattern)
