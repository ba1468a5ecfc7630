"""The guides of docs/ as pages: HTML from their Markdown, with a table of contents.

docs/LANGUAGE/NAME.md is a translation. It has the sections of the English guide in the same order,
and they get the English anchors, so that a link leads to the same section in every language. The
comment before a section names the English text that it translates, which the tests compare.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FIRST = "admin-guide"
ENGLISH = "en"
_LINK = re.compile(r"^(?:\.\./)?([a-z-]+)\.md(#.*)?$")
_COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Guide:
    """`headings` are (anchor, text) of the second level."""

    language: str
    title: str
    headings: tuple[tuple[str, str], ...]
    html: SafeString


def names() -> list[str]:
    """Of the guides, as they are in addresses."""
    return sorted(path.stem for path in _folder().glob("*.md"))


@lru_cache(maxsize=64)
def guide(name: str, root: str, language: str = ENGLISH) -> Guide | None:
    """In English where there is no translation; None where there is no such guide.

    Links to other guides lead to `root`NAME/.
    """
    if name not in names():
        return None
    english = _folder() / f"{name}.md"
    translated = _folder() / language / f"{name}.md"
    if language == ENGLISH or not translated.exists():
        translated, language = english, ENGLISH
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = _tokens(reader, translated)
    anchors = [anchor_of(text) for _heading, text in _headings(_tokens(reader, english))]
    found = list(zip(anchors, _headings(tokens), strict=True))
    for anchor, (heading, _text) in found:
        heading.attrSet("id", anchor)
    for token in tokens:
        _adapt(token, root)
    html = reader.renderer.render(tokens, reader.options, {})
    return Guide(
        language,
        next((text for _anchor, (heading, text) in found if heading.tag == "h1"), name),
        tuple((anchor, text) for anchor, (heading, text) in found if heading.tag == "h2"),
        mark_safe(html),  # noqa: S308  # our own files, html off
    )


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).strip().replace(" ", "-")


def _tokens(reader: MarkdownIt, path: Path) -> list[Token]:
    return reader.parse(_COMMENT.sub("", path.read_text(encoding="utf-8")))


def _headings(tokens: Sequence[Token]) -> list[tuple[Token, str]]:
    """Each opening token, and its text."""
    return [
        (token, _plain(tokens[place + 1]))
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def _adapt(token: Token, root: str) -> None:
    """Links lead to pages here; pictures, which are not served, are left out."""
    children = token.children or []
    for child in children:
        link = _LINK.match(str(child.attrGet("href") or ""))
        if child.type == "link_open" and link:
            child.attrSet("href", f"{root}{link[1]}/{link[2] or ''}")
    token.children = [child for child in children if child.type != "image"] or token.children
    if children and all(child.type == "image" for child in children):
        token.children = []


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def _folder() -> Path:
    return Path(settings.BASE_DIR) / "docs"
