"""The guides of docs/ as pages: HTML from their Markdown, with a table of contents."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FIRST = "admin-guide"
_LINK = re.compile(r"^([a-z-]+)\.md(#.*)?$")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Guide:
    """`headings` are (anchor, text) of the second level."""

    title: str
    headings: tuple[tuple[str, str], ...]
    html: SafeString


def names() -> list[str]:
    """Of the guides, as they stand in addresses."""
    return sorted(path.stem for path in _folder().glob("*.md"))


@lru_cache(maxsize=32)
def guide(name: str, root: str) -> Guide | None:
    """None where there is no such guide. Links to other guides lead to `root`NAME/."""
    if name not in names():
        return None
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse((_folder() / f"{name}.md").read_text(encoding="utf-8"))
    title, headings = name, []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[place + 1])
            token.attrSet("id", anchor_of(text))
            if token.tag == "h1":
                title = text
            elif token.tag == "h2":
                headings.append((anchor_of(text), text))
        _adapt(token, root)
    html = reader.renderer.render(tokens, reader.options, {})
    return Guide(title, tuple(headings), mark_safe(html))  # noqa: S308  # our own files, html off


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).strip().replace(" ", "-")


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
