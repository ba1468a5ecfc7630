"""A person's name as Moodle shows it to people: the site's setting `fullnamedisplay`. Pure.

The setting is a pattern such as "lastname firstname" or "firstname (alternatename)", or "language".
Then the language pack decides, which lies in files and not in the database: Chinese packs put the
family name first and leave out the space, the others put it last.
"""

import re
from collections.abc import Mapping

FIELDS = (
    "firstnamephonetic",
    "lastnamephonetic",
    "middlename",
    "alternatename",
    "firstname",
    "lastname",
)
USUAL = "firstname lastname"
CHINESE = "lastnamefirstname"
_FIELD = re.compile("|".join(FIELDS))  # the longer ones first
_EMPTY = re.compile(r"[^\w\s\x01]*\x00[^\w\s\x01]*")  # with the brackets or commas around it
_FILLED = re.compile(r"\x01(\d)\x01")


def name_format(setting: str, language: str) -> str:
    """The pattern that holds on a site with this `fullnamedisplay` and this `lang`."""
    setting = setting.strip()
    if _FIELD.search(setting):
        return setting
    return CHINESE if language.startswith("zh") else USUAL


def fields_of(pattern: str) -> tuple[str, ...]:
    """The columns of mdl_user that the pattern needs, each once."""
    return tuple(dict.fromkeys(_FIELD.findall(pattern)))


def full_name(pattern: str, values: Mapping[str, str | None]) -> str:
    """The pattern filled in. An empty field goes together with the punctuation around it."""
    marked = _FIELD.sub(
        lambda field: f"\x01{FIELDS.index(field[0])}\x01" if values.get(field[0]) else "\x00",
        pattern,
    )
    filled = _FILLED.sub(lambda mark: str(values[FIELDS[int(mark[1])]]), _EMPTY.sub(" ", marked))
    return " ".join(filled.split())
