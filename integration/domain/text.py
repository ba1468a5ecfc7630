"""Text that every database and every server can hold."""

import re

Texts = dict[str, str]
"""One copy of each text that Moodle, Rocket.Chat and the ledger all have of a person: `same`."""
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


def same(texts: Texts, text: str) -> str:
    """The copy that is kept in `texts`, where this one is from now on if there was none."""
    return texts.setdefault(text, text)
