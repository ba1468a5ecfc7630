"""The pictures of all pages that `python -m demo.gallery` takes."""

import pytest
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from demo.gallery import PAGES
from integration.pages.navigation import sidebar

KEYS = dict.fromkeys(("course", "many", "channel", "account", "run", "entry", "viewer"), 1)


@pytest.mark.django_db
def test_every_entry_of_the_menu_is_in_the_gallery() -> None:
    entries = [
        str(item["link"]) for part in sidebar(RequestFactory().get("/")) for item in part["items"]
    ]
    assert len(entries) > 15
    pages = tuple(PAGES.values())
    assert [link for link in entries if not any(page.startswith(link) for page in pages)] == []


def test_every_address_of_the_gallery_exists() -> None:
    for name, page in PAGES.items():
        path = page.format(**KEYS).partition("?")[0]
        if name == "error-404":
            continue
        try:
            assert resolve(path).url_name
        except Resolver404:
            pytest.fail(path)
