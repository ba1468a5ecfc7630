"""The guides for administrators and teachers in German, French and Spanish."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from integration.pages import guide as pages
from integration.services.admin import guide as guides
from tests.support.guides import digest, emphasised, facts, sections, translated_from
from tests.support.paths import ROOT
from tests.support.translatable import LANGUAGES

DOCS = ROOT / "docs"
TRANSLATED = ("admin-guide", "teachers")
BOTH = pytest.mark.parametrize("name", TRANSLATED)
EACH = pytest.mark.parametrize("language", LANGUAGES)


@cache
def pairs(name: str, language: str) -> list[tuple[str, str]]:
    """Each English section with its translation."""
    english = sections((DOCS / f"{name}.md").read_text())
    own = sections((DOCS / language / f"{name}.md").read_text())
    assert len(own) == len(english)
    return list(zip(english, own, strict=True))


def heading(section: str) -> str:
    found = re.search(r"^(#+ .*)$", section, re.MULTILINE)
    return found[1] if found else ""


@EACH
@BOTH
def test_a_changed_english_section_is_translated_anew(name: str, language: str) -> None:
    """Translate the section, then write the comment that is asked for above its heading."""
    old = [
        f"{heading(english)}: <!-- of {digest(english)} -->"
        for english, own in pairs(name, language)
        if translated_from(own) != digest(english)
    ]
    assert old == []


@EACH
@BOTH
def test_a_translation_has_the_same_code_pictures_lists_and_rows(name: str, language: str) -> None:
    for english, own in pairs(name, language):
        assert facts(own) == facts(english), heading(english)


@EACH
def test_a_translation_calls_buttons_and_pages_as_the_pages_do(language: str) -> None:
    wrong = []
    with translation.override(language):
        for english, own in pairs("admin-guide", language):
            text = " ".join(own.split()).lower()
            for words in (one.strip(".:") for one in emphasised(english)):
                label = translation.gettext(words)
                if label != words and label.lower() not in text:
                    wrong.append((heading(english), words, label))
    assert wrong == []


def test_a_digest_is_of_the_words_and_not_of_the_lines() -> None:
    assert digest("## A\n\nb c\n") == digest("## A\n\nb\nc")
    assert digest("## A\n\nb c\n") != digest("## A\n\nb d\n")


# --- the pages ------------------------------------------------------------------------------------


def shown(client: Client, path: str, language: str, settings: Any) -> str:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    html = client.get(path).content.decode()
    return html[html.index('id="content-main"') :]


@pytest.mark.django_db(databases=["default", "moodle"])
@EACH
def test_the_reader_gets_the_guide_in_their_language_with_the_same_anchors(
    admin_client: Client, settings: Any, language: str
) -> None:
    html = shown(admin_client, "/admin/help/", language, settings)
    assert f'lang="{language}"' in html
    for _beginning, title in pages.HEADINGS:
        assert f'id="{guides.anchor_of(title)}"' in html
        assert f">{title}<" not in html
    assert "&lt;!--" not in html
    assert "/admin/help/teachers/" in html
    assert "/admin/help/sign-in/" in html


@pytest.mark.django_db(databases=["default", "moodle"])
def test_a_guide_that_is_not_translated_is_english_and_says_so(
    admin_client: Client, settings: Any
) -> None:
    html = shown(admin_client, "/admin/help/safety/", "de", settings)
    assert 'lang="en"' in html
    assert "Diese Anleitung gibt es nur auf Englisch." in html
    assert "available only in English" not in shown(
        admin_client, "/admin/help/safety/", "en", settings
    )


def test_every_translation_is_of_a_guide_that_there_is() -> None:
    for language in LANGUAGES:
        names = sorted(path.stem for path in Path(DOCS, language).glob("*.md"))
        assert names == sorted(TRANSLATED)
