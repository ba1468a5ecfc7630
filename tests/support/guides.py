"""The guides in docs/ and their translations, section by section."""

import hashlib
import re

STAMP = re.compile(r"^<!-- of (\w*) -->\n", re.MULTILINE)
_BEGINNING = re.compile(r"(?<!-->\n)^(?=(?:<!-- of \w* -->\n)?##? )", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_PICTURE = re.compile(r"!\[[^\]]*\]\((?:\.\./)?([^)]+)\)")
_EMPHASIS = re.compile(r"\*\*(.+?)\*\*|(?<![*\w])\*([^*]+?)\*(?![*\w])", re.DOTALL)


def sections(text: str) -> list[str]:
    """What is above the first heading of the second level, and each such heading with its text."""
    return [part for part in _BEGINNING.split(text) if part.strip()]


def digest(section: str) -> str:
    """The same however the lines are wrapped."""
    return hashlib.sha256(" ".join(section.split()).encode()).hexdigest()[:12]


def translated_from(section: str) -> str:
    """The digest of the English section, "" where none is named."""
    found = STAMP.search(section)
    return found[1] if found else ""


def facts(section: str) -> dict[str, object]:
    """What is the same in every language: code, pictures, and how many list items and rows."""
    return {
        "code": sorted({" ".join(one.split()) for one in _CODE.findall(section)}),
        "pictures": _PICTURE.findall(section),
        "items": len(re.findall(r"^(?:\d+\.|-) ", section, re.MULTILINE)),
        "rows": len(re.findall(r"^\| ", section, re.MULTILINE)),
    }


def emphasised(section: str) -> set[str]:
    """The words in bold and italics, many of which are names of buttons and pages."""
    return {" ".join((bold or italic).split()) for bold, italic in _EMPHASIS.findall(section)}
