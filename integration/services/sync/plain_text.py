"""Moodle's names as people read them there: one language of several, and no HTML entities. Pure.

Moodle stores what was typed and filters when it shows it. Two filters choose a language:
filter_multilang (<span lang="en" class="multilang">…</span>, once <lang lang="en">…</lang>) and
filter_multilang2 ({mlang en}…{mlang}). Languages that follow each other are alternatives; what
stands around them is shown in each.
"""

import html
import re
from collections.abc import Iterable
from typing import NamedTuple

OTHER = "other"  # filter_multilang2: for whoever has none of the languages
_BLOCK = re.compile(
    r"<(?P<tag>span|lang)\b(?P<attributes>[^>]*)>(?P<spanned>.*?)</(?P=tag)\s*>"
    r"|\{mlang\s+(?P<languages>[^{}]*)\}(?P<braced>.*?)\{mlang\}",
    re.DOTALL | re.IGNORECASE,
)
_LANGUAGE = re.compile(r"\blang\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_MULTILANG = re.compile(r"\bclass\s*=\s*[\"']?[^\"']*\bmultilang\b", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class Alternative(NamedTuple):
    """A text and the languages it is for, lower-cased and with underscores: de, en_us."""

    start: int
    end: int
    languages: frozenset[str]
    text: str


def plain(text: str, language: str) -> str:
    """The text in the language; where it has none, the one for others, else the first one."""
    if "<" in text or "{" in text:
        text = _in_language(text, _code(language))
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def _in_language(text: str, language: str) -> str:
    parts: list[str] = []
    position = 0
    for alternatives in _rows_of_alternatives(text):
        parts += [text[position : alternatives[0].start], _chosen(alternatives, language)]
        position = alternatives[-1].end
    return "".join([*parts, text[position:]])


def _rows_of_alternatives(text: str) -> list[list[Alternative]]:
    """Alternatives with nothing but spaces between them belong together."""
    rows: list[list[Alternative]] = []
    for alternative in _alternatives(text):
        if rows and not text[rows[-1][-1].end : alternative.start].strip():
            rows[-1].append(alternative)
        else:
            rows.append([alternative])
    return rows


def _alternatives(text: str) -> Iterable[Alternative]:
    for block in _BLOCK.finditer(text):
        attributes = block["attributes"]
        if attributes is None:
            names = re.split(r"[\s,]+", block["languages"].strip())
            languages = frozenset(map(_code, names))
            yield Alternative(block.start(), block.end(), languages, block["braced"])
            continue
        language = _LANGUAGE.search(attributes)
        if language and (block["tag"].lower() == "lang" or _MULTILANG.search(attributes)):
            languages = frozenset({_code(language[1])})
            yield Alternative(block.start(), block.end(), languages, block["spanned"])


def _chosen(alternatives: list[Alternative], language: str) -> str:
    for wanted in (language, language.partition("_")[0], OTHER):
        for alternative in alternatives:
            if wanted in alternative.languages:
                return alternative.text
    return alternatives[0].text


def _code(language: str) -> str:
    return language.strip().lower().replace("-", "_")
