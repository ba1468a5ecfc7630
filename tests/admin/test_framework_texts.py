"""What Django and Unfold say in our pages is German, French and Spanish too."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import django
import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from integration.pages import framework_texts
from tests.support.translatable import LANGUAGES, Text, texts_of

SAID = re.compile(r"""\bgettext\(\s*(['"])(.*?)\1\s*\)""")
SAME_WORDS = {"Filter", "April", "August", "September", "November"}  # in German as in English
NO_PAGES = ("axes", "django_q")  # their tables are not in the admin
# Parts of Unfold for packages that are not installed, and folders without pages.
LEFT_OUT = {
    "unfold": ("contrib", "unfold_crispy"),
    "django": ("conf", "contrib", "management", "template", "test"),
}


def packages() -> Iterator[tuple[str, Path]]:
    yield "django", Path(django.__file__).parent
    for app in apps.get_app_configs():
        if "site-packages" in app.path and app.name not in NO_PAGES:
            yield app.name, Path(app.path)


@cache
def texts() -> set[Text]:
    found = set()
    for name, folder in packages():
        left_out = LEFT_OUT.get(name, ("management", "migrations"))
        found |= texts_of(folder, left_out)
    return found


def is_translated(catalogue: Any, text: Text) -> bool:
    context, english = text
    key = f"{context}\x04{english}" if context else english
    return any(one in catalogue for one in (key, (key, True), (key, 1)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_django_and_unfold_has_a_translation(language: str) -> None:
    catalogue = trans_real.translation(language)._catalog  # type: ignore[attr-defined]
    assert len(texts()) > 400
    assert {text[1] for text in texts() if not is_translated(catalogue, text)} == set()


def test_our_list_has_only_texts_that_the_packages_lack(settings: Any) -> None:
    settings.LOCALE_PATHS = []
    catalogues = [trans_real.DjangoTranslation(one)._catalog for one in LANGUAGES]  # type: ignore[attr-defined]
    lacking = {
        text[1] for text in texts() if not all(is_translated(one, text) for one in catalogues)
    }
    listed = texts_of(Path(framework_texts.__file__))
    assert {text[1] for text in listed} - lacking == set()


def test_the_packages_that_are_left_out_have_no_pages() -> None:
    shown = {model._meta.app_config.name for model in admin.site._registry}
    assert not shown & set(NO_PAGES)


def test_our_words_come_before_those_of_the_packages() -> None:
    with translation.override("de"):
        assert translation.gettext("Type to search") == "Suchen"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_scripts_of_django_speak_the_language_of_the_page(
    administrator: Client, language: str
) -> None:
    administrator.cookies["django_language"] = language
    told = administrator.get("/admin/jsi18n/").content.decode()
    catalogue = json.loads(told.split("const newcatalog = ")[1].split(";\n")[0])
    scripts = (Path(django.__file__).parent / "contrib/admin/static/admin/js").glob("*.js")
    said = {match[2] for path in scripts for match in SAID.finditer(path.read_text())}
    assert len(said) > 20
    assert {text for text in said if catalogue.get(text, text) == text} <= SAME_WORDS
