"""Every address of the admin, and what a page says in words."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
LEFT_OUT = ("logout", "jsi18n")  # the first would end the session
IN_ATTRIBUTES = ("title", "placeholder", "aria-label", "alt")
WITHOUT_WORDS = ("script", "style", "template", "code", "pre", "textarea")
ICONS = "material-symbols-outlined"


def _addresses(patterns: Any, prefix: str = "/") -> Iterator[str]:
    for one in patterns:
        route = PARAMETER.sub(lambda m: "{" + (m[1] or m[2]) + "}", str(one.pattern))
        path = prefix + route.lstrip("^").rstrip("$").replace("\\Z", "").replace("\\.", ".")
        if isinstance(one, URLResolver):
            yield from _addresses(one.url_patterns, path)
        elif isinstance(one, URLPattern) and path.startswith("/admin/"):
            yield path


def all_addresses() -> list[str]:
    """Every address below /admin/, with {name} for what is filled in."""
    found = set(_addresses(get_resolver().url_patterns))
    return sorted(path for path in found if not any(name in path for name in LEFT_OUT))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []  # tag, whether it hides its text
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        hides = tag in WITHOUT_WORDS or ICONS in (given.get("class") or "").split()
        self.open.append((tag, hides))
        self.found += [given[name] or "" for name in IN_ATTRIBUTES if name in given]
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.found.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(hides for _tag, hides in self.open):
            self.found.append(data)


def words_of(html: str) -> list[str]:
    """The texts between tags and in the attributes that people read or hear."""
    reader = _Words()
    reader.feed(html)
    return [text for text in (" ".join(one.split()) for one in reader.found) if text]
