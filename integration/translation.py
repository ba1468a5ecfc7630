"""What was said in English, in the reader's language, with days and times as it writes them."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, override

from integration.domain.errors import SyncError
from integration.domain.messages import Message, Value

DAYS = frozenset({"day", "since", "time"})  # values with these names hold what `isoformat` made


def local(text: str) -> str:
    """`text` in the language that is active now; one that was not `said` stays as it is."""
    if not isinstance(text, Message):
        return text
    values = {name: _local_value(name, value) for name, value in text.values.items()}
    return _translated(text, values).format_map(values) if values else _translated(text, values)


def day_and_time(when: datetime) -> str:
    """Day and time where the reader is, such as "28 Nov 2026, 16:23"."""
    return date_format(timezone.localtime(when), "DATETIME_FORMAT")


def english(label: Callable[[], object]) -> Message:
    """What `label` answers in English, as a Message: a label that Django translates when shown."""
    with override("en"):
        return Message(str(label()))


def in_words(error: SyncError) -> str:
    """What happened and what to do next."""
    return local(error.text)


def _local_value(name: str, value: Value) -> Value:
    if not isinstance(value, str):
        return value
    return _day(value) if name in DAYS and not isinstance(value, Message) else local(value)


def _day(text: str) -> str:
    """The day, or day and time, of an ISO text as people write it; other texts stay."""
    try:
        if len(text) == len("2026-11-28"):
            return date_format(date.fromisoformat(text), "DATE_FORMAT")
        return date_format(datetime.fromisoformat(text), "DATETIME_FORMAT")
    except ValueError:
        return text


def _translated(text: Message, values: Mapping[str, Value]) -> str:
    if not text.pattern:
        return ""  # gettext would answer with the heading of the catalogue
    if text.plural:
        return ngettext(text.pattern, text.plural, int(values["n"]))
    return gettext(text.pattern)
