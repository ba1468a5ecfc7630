"""No page says in English what it could say in the reader's language."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import translation

from integration.models import AuditEntry, SyncOperation
from tests.support.admin_addresses import all_addresses, words_of
from tests.support.paths import ROOT
from tests.support.site import Site
from tests.support.translatable import LANGUAGES, texts_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SENTENCE = re.compile(r"\b(?:the|is|are|has|have|were|should|would|cannot|does|which|with)\b")
LEFT_OUT = ("help/", ".csv", ".jsonl", "checks")  # in English, no pages, slow
SOME = 4  # rows of each table
# In every run of the suite one language; the others are slow, and read the same pages.
SOON = "de"
ONE_BY_ONE = [
    pytest.param(code, marks=() if code == SOON else pytest.mark.slow) for code in LANGUAGES
]
# Names of things in the sample Moodle and of ours that are words of English pages, too.
NAMES = {"Archive", "Student", "Teacher", "Guest", "Tutor", "Observer", "Group", "Admin"}


@cache
def english() -> frozenset[str]:
    """What our code marks for translation."""
    apps = (ROOT / "integration", ROOT / "moodle", ROOT / "rcsync_project" / "templates")
    return frozenset(text for app in apps for _context, text in texts_of(app))


def paths() -> Iterator[str]:
    for path in all_addresses():
        if "{" not in path and not any(name in path for name in LEFT_OUT):
            yield path
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield f"{base}?q=zzzz"
        for row in model._default_manager.order_by("pk")[:SOME]:
            yield from (f"{base}{row.pk}/{page}/" for page in ("change", "delete", "history"))
    for kind in AuditEntry.objects.values_list("action", flat=True).distinct().order_by():
        row = AuditEntry.objects.filter(action=kind).latest("pk")
        yield f"/admin/integration/auditentry/{row.pk}/change/"
    yield from ("/admin/why/person/30/", "/admin/why/channel/1/", "/admin/why/?q=a")
    yield from ("/admin/course/2/links/", "/admin/own-settings/category/1/")
    yield from ("/admin/own-settings/course/2/", "/admin/nonsense/", "/admin/find/?q=CS")


@pytest.mark.parametrize("language", ONE_BY_ONE)
def test_no_page_shows_english_that_has_a_translation(
    chosen: Site, administrator: Client, settings: Any, note: Callable[[str], None], language: str
) -> None:
    chosen.apply()
    SyncOperation.objects.filter(position=0).update(status=SyncOperation.Status.FAILED)
    administrator.raise_request_exception = False
    administrator.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    found: dict[str, str] = {}
    seen = 0
    with translation.override(language):
        said = {translation.gettext(text) for text in english() if text}
        for path in paths():
            answer = administrator.get(path)
            html = answer.getvalue().decode() if "html" in answer["Content-Type"] else ""
            for text in words_of(html):
                seen += 1
                left = text in english() and text not in said and text not in NAMES
                if left or SENTENCE.search(text):
                    found.setdefault(text, path)
    note(f"{language}: {seen} texts looked at")
    assert found == {}
