"""German, French and Spanish are complete, and the compiled files are those of the sources."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.domain.operations import labels
from tests.support.paths import ROOT
from tests.support.translatable import LANGUAGES

LOCALE = ROOT / "locale"
ENTRY = re.compile(
    r'^msgid (?P<id>"(?:.*"\n)*?.*")\n'
    r'(?:msgid_plural (?P<plural>"(?:.*"\n)*?.*")\n)?'
    r'(?P<rest>(?:msgstr.*\n|".*\n)+)',
    re.MULTILINE,
)
PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def text_of(quoted: str) -> str:
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', quoted)
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), "".join(found))


def entries(language: str) -> list[tuple[str, str, list[str]]]:
    """(text, its plural, translations) for each text but the heading."""
    source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text() + "\n"
    found = []
    for match in ENTRY.finditer(source):
        parts = re.split(r"^msgstr(?:\[\d\])? ", match["rest"], flags=re.MULTILINE)[1:]
        found.append(
            (
                text_of(match["id"]),
                text_of(match["plural"] or ""),
                [text_of(part) for part in parts],
            )
        )
    return [entry for entry in found if entry[0]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text()
    assert "fuzzy" not in source
    missing = [text for text, _plural, parts in entries(language) if not all(parts)]
    assert len(entries(language)) > 500
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_fills_in_the_same_values(language: str) -> None:
    wrong = [
        text
        for text, plural, parts in entries(language)
        for part in parts
        if sorted(set(PLACE.findall(part))) != sorted(set(PLACE.findall(plural or text)))
    ]
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_says_what_the_source_says(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for text, plural, parts in entries(language):
        if plural:
            assert compiled.ngettext(text, plural, 1) == parts[0]
        else:
            assert compiled.gettext(text) == parts[0]


MARKED = {"msg", "counted", "_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}


def marked(path: Path) -> Iterator[str]:
    """The texts that the file marks for translation."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            text = node.args[0]
            if node.func.id in MARKED and isinstance(text, ast.Constant):
                yield str(text.value)


def test_the_catalogues_hold_every_text_of_the_code() -> None:
    """What is missing: `DEBUG=on ./rcsync makemessages`, translate, `./rcsync compilemessages`."""
    known = {text for text, _plural, _parts in entries("de")}
    code = [path for app in ("integration", "moodle") for path in (ROOT / app).rglob("*.py")]
    missing = {text for path in code for text in marked(path)} - known - {""}
    assert not missing


@pytest.mark.parametrize("name", ["msg", "counted"])
def test_sentences_are_literals_that_can_be_collected(name: str) -> None:
    code = [path for app in ("integration", "moodle") for path in (ROOT / app).rglob("*.py")]
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in code
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
        and not isinstance(node.args[0], ast.Constant)
    ]
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_operation_has_a_label_in_every_language(language: str) -> None:
    translated = {text for text, _plural, parts in entries(language) if all(parts)}
    assert set(labels().values()) - translated == set()
