"""Signing in with OpenID Connect in a real browser, under the strict content security policy."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from tests.support.browser import DESKTOP, PHONE, Browser, resize, serious_findings
from tests.support.openid import Provider, our_groups, running_provider, switch_on
from tests.support.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "moodle"]),
    pytest.mark.usefixtures("transactional_db"),
]


@pytest.fixture
def provider(site: Site, settings: Any) -> Iterator[Provider]:
    cache.clear()
    our_groups()
    with running_provider() as provider:
        switch_on(settings, provider.settings())
        yield provider


def keep_picture(browser: Browser, name: str) -> None:
    """Where RCSYNC_PICTURES names a folder, for people who look at the page."""
    if folder := os.environ.get("RCSYNC_PICTURES"):
        browser.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_from_the_sign_in_page_by_the_provider_to_the_page_that_was_asked_for(
    browser: Browser, provider: Provider
) -> None:
    browser.go("/admin/password_change/")
    browser.sees("Sign in with single sign-on")
    browser.press("Sign in with single sign-on")
    browser.sees("Password change")
    assert browser.driver.current_url == f"{browser.home}/admin/password_change/"
    assert User.objects.get().username == "anna"


def test_without_a_group_the_browser_shows_whom_to_ask_and_the_way_back(
    browser: Browser, provider: Provider
) -> None:
    provider.person["groups"] = []
    browser.go("/admin/")
    browser.press("Sign in with single sign-on")
    browser.sees("You have no access to rcsync")
    browser.sees("ask the people who look after rcsync")
    keep_picture(browser, "refused")
    assert serious_findings(browser.driver) == []
    browser.press("Back to the sign-in page")
    browser.sees("Sign in with single sign-on")


@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desktop", "phone"])
def test_the_sign_in_page_fits_and_can_be_used_by_everybody(
    browser: Browser, provider: Provider, size: tuple[int, int]
) -> None:
    try:
        resize(browser.driver, size)
        browser.go("/admin/login/")
        browser.sees("Sign in with single sign-on")
        keep_picture(browser, f"sign-in-{size[0]}")
        assert browser.too_wide() == 0
        assert serious_findings(browser.driver) == []
    finally:
        resize(browser.driver, DESKTOP)
