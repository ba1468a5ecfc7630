"""The texts that installed packages mark for translation, read from their own files."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from django.utils.translation.template import templatize

LANGUAGES = ("de", "fr", "es")
CALLS = {
    "_",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
    "npgettext",
    "npgettext_lazy",
}
_CALL = re.compile(r"\b(?:n?p?gettext|_)\(")
Text = tuple[str, str]  # context ("" without one), English


def texts_of(where: Path, left_out: Collection[str] = ()) -> set[Text]:
    """Of a file, or every Python file and template below, but for the folders named `left_out`."""
    found: set[Text] = set()
    for path in where.rglob("*") if where.is_dir() else [where]:
        inside = path.relative_to(where).parts
        if path.suffix in (".py", ".html", ".txt") and not set(left_out) & set(inside):
            found.update(_texts_of_file(path))
    return {text for text in found if text[1].strip()}


def _texts_of_file(path: Path) -> Iterator[Text]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        for line in _calls(templatize(source, origin=str(path))):
            yield from _marked(line)
    else:
        yield from _marked(source)


def _calls(templatized: str) -> Iterator[str]:
    """What `templatize` leaves is Python in the calls only; each is read by itself."""
    for match in _CALL.finditer(templatized):
        for end in range(match.end(), len(templatized)):
            if templatized[end] == ")":
                call = templatized[match.start() : end + 1]
                try:
                    ast.parse(call)
                except SyntaxError:
                    continue
                yield call
                break


def _marked(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or _name(node) not in CALLS:
            continue
        arguments = [one.value for one in node.args if isinstance(one, ast.Constant)]
        texts = [value for value in arguments if isinstance(value, str)]
        with_context = "pgettext" in _name(node)
        if len(texts) > with_context:
            yield (texts[0], texts[1]) if with_context else ("", texts[0])


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
