"""The pages for those who come from local_rocketchat, on a desktop and on a phone."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from integration.models import Conflict
from tests.support.browser import DESKTOP, PHONE, Browser, resize, serious_findings
from tests.support.plugin_moodle import PluginSite
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def test_import_and_review_are_done_in_the_browser(
    browser: Browser, moodle: Path, site: Site
) -> None:
    plugin = PluginSite(moodle, site)
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    look(browser, "/admin/plugin/")
    plugin.switch_off()
    look(browser, "/admin/plugin/")
    browser.find("form[action$='store/'] input[name=reason]").send_keys("we change over")
    browser.find("form[action$='store/'] button").click()
    browser.find("input[name=person]")
    look(browser, "/admin/plugin/people/")
    n = len(browser.all("input[name=person]"))
    browser.find("input[name=person]").click()
    browser.find("form[action$='release/'] input[name=reason]").send_keys("I looked")
    browser.find("form[action$='release/'] button").click()
    browser.wait(lambda: len(browser.all("input[name=person]")) == n - 1)
    assert Conflict.objects.filter(kind="plugin_room").count() == 0


def look(browser: Browser, path: str) -> None:
    for size in (PHONE, DESKTOP):
        resize(browser.driver, size)
        browser.go(path)
        browser.find("#content-main")
        assert serious_findings(browser.driver) == []
        assert browser.too_wide() <= 0
