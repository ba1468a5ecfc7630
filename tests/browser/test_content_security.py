"""The pages work under their content security policy: the browser refuses nothing."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.browser import Browser, main_pages
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
WATCH = """
    window.refused = [];
    document.addEventListener("securitypolicyviolation",
        (e) => window.refused.push(e.violatedDirective + " " + e.blockedURI));
"""


def refused(browser: Browser) -> list[str]:
    found: Any = browser.driver.execute_script("return window.refused")
    return list(found)


def test_no_page_has_anything_that_its_policy_refuses(browser: Browser, chosen: Site) -> None:
    chosen.apply()
    watching = browser.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": WATCH}
    )
    try:
        browser.go("/admin/login/")
        found = {"/admin/login/": refused(browser)}
        browser.sign_in(User.objects.create_superuser("admin", password="admin"))
        for page in (*main_pages(), "/admin/auth/user/1/change/", "/admin/auth/user/add/"):
            browser.go(page)
            browser.find("#content-main")
            found[page] = refused(browser)
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watching)
    assert {page: lines for page, lines in found.items() if lines} == {}


def test_a_script_inside_a_page_does_not_run(browser: Browser, chosen: Site) -> None:
    """What somebody smuggles into a page as markup stays dead."""
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    browser.go("/admin/")
    browser.driver.execute_script(
        "document.body.insertAdjacentHTML('beforeend', "
        "'<img src=/nowhere onerror=\"window.smuggled = 1\">');"
        "const s = document.createElement('script'); s.textContent = 'window.smuggled = 2';"
        "document.body.append(s); setTimeout(() => { window.waited = true; }, 1000);"
    )
    browser.wait(lambda: browser.driver.execute_script("return window.waited"))
    assert browser.driver.execute_script("return window.smuggled || 0") == 0
