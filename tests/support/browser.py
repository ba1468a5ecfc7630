"""A browser for tests: Debian's Chromium without a window, signed in to a running admin."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.signals import request_started
from django.db import connections
from django.test import Client
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from demo.screenshots import SWITCHES
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    IntegratedCourse,
    SyncRun,
)
from tests.support.servers import require_chromium

DESKTOP = (1400, 1000)
PHONE = (390, 844)
PATIENCE = 20
# The main pages; names in braces stand for primary keys.
PAGES = (
    "/admin/",
    "/admin/integration/integratedcourse/",
    "/admin/integration/integratedcourse/{course}/change/",
    "/admin/integration/syncrun/",
    "/admin/integration/syncrun/{run}/change/",
    "/admin/integration/conflict/",
    "/admin/integration/integrationsettings/1/change/",
    "/admin/integration/groupregexfilter/",
    "/admin/integration/groupregexfilter/add/",
    "/admin/integration/includedrole/",
    "/admin/own-settings/",
    "/admin/own-settings/category/1/",
    "/admin/own-settings/course/2/",
    "/admin/integration/removallimit/",
    "/admin/integration/auditentry/",
    "/admin/integration/auditentry/{entry}/change/",
    "/admin/failures/",
    "/admin/choose-roles/",
    "/admin/add-courses/",
    "/admin/checks/",
    "/admin/lti/",
    "/admin/groups/",
    "/admin/course/2/links/",
    "/admin/why/?search=seminar",
    "/admin/why/person/30/",
    "/admin/integration/channellink/",
    "/admin/integration/channellink/{channel}/change/",
    "/admin/integration/accountlink/",
    "/admin/integration/accountlink/{account}/change/",
    "/admin/integration/managedmembership/",
    "/admin/integration/pendingending/",
    "/admin/auth/user/",
    "/admin/auth/user/{user}/change/",
    "/admin/auth/group/",
    "/admin/auth/group/{user_group}/change/",
    "/admin/pause/",
    "/admin/plugin/",
    "/admin/find/?q=seminar",
    "/admin/help/",
)


def main_pages() -> list[str]:
    """PAGES with the newest run, and of everything else the first."""
    keys = {
        "run": SyncRun.objects.latest("pk").pk,
        "course": IntegratedCourse.objects.earliest("pk").pk,
        "channel": ChannelLink.objects.earliest("pk").pk,
        "account": AccountLink.objects.earliest("pk").pk,
        "entry": AuditEntry.objects.filter(action="create_channel").earliest("pk").pk,
        "user": User.objects.earliest("pk").pk,
        "user_group": Group.objects.get_or_create(name="operator")[0].pk,
    }
    return [page.format(**keys) for page in PAGES]


class Browser:
    """The few things a person does: go, read, click, type, choose."""

    def __init__(self, driver: webdriver.Chrome, home: str) -> None:
        self.driver = driver
        self.home = home

    def go(self, path: str) -> None:
        self.driver.get(self.home + path)

    def sign_in(self, user: User) -> None:
        client = Client()
        client.force_login(user)
        self.go("/static/integration/icon.svg")  # a page of the site, so that it takes the cookie
        self.driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})

    def find(self, selector: str) -> WebElement:
        return self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, text: str) -> WebElement:
        path = f"//*[self::button or self::a][contains(normalize-space(), {text!r})]"
        found = self.wait(
            lambda: [e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed()]
        )
        return found[0]

    def press(self, text: str) -> None:
        """Click a button or a link by its words, and wait for the next page."""
        self.click(self.button(text))

    def click(self, element: WebElement) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def type(self, name: str, text: str) -> None:
        field = self.find(f"[name={name}]")
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, value: str) -> None:
        Select(self.find(selector)).select_by_value(value)

    def sees(self, text: str, patience: float = PATIENCE) -> None:
        """Waits until the page shows the text."""
        self.wait(lambda: text in self.words(), f"the page never showed {text!r}", patience)

    def words(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def wait(
        self, condition: Callable[[], Any], message: str = "", patience: float = PATIENCE
    ) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException

        ignored = [StaleElementReferenceException]
        waiting = WebDriverWait(self.driver, patience, 0.1, ignored_exceptions=ignored)
        return waiting.until(lambda _driver: condition(), message)

    def too_wide(self) -> int:
        """Pixels by which the page is wider than the window."""
        script = (
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(self.driver.execute_script(script))


def start_chromium(
    size: tuple[int, int], folder: str, preferences: Mapping[str, Any] | None = None
) -> webdriver.Chrome:
    program, driver = require_chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = str(program)
    if preferences:
        options.add_experimental_option("prefs", dict(preferences))
    for switch in (*SWITCHES, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(switch)
    chromium = webdriver.Chrome(options=options, service=Service(str(driver)))
    chromium.set_page_load_timeout(60)
    return chromium


def resize(chromium: webdriver.Chrome, size: tuple[int, int]) -> None:
    """As a device of that size; a window cannot be as narrow as a phone."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with tempfile.TemporaryDirectory(prefix="rcsync-chromium-") as folder:
        driver = start_chromium(DESKTOP, folder)
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, live_server: Any) -> Iterator[Browser]:
    """Of desktop size, with nobody signed in."""
    resize(chromium, DESKTOP)
    request_started.connect(_follow_the_moodle_of_the_test)
    yield Browser(chromium, live_server.url)
    request_started.disconnect(_follow_the_moodle_of_the_test)
    chromium.get("about:blank")  # stops what the page still asks for
    chromium.delete_all_cookies()
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})


def _follow_the_moodle_of_the_test(**_: object) -> None:
    """Chromium keeps its connection over tests, and so a server's thread with the Moodle of the
    test before.
    """
    if connections["moodle"].settings_dict["NAME"] != connections.settings["moodle"]["NAME"]:
        connections["moodle"].close()
        del connections["moodle"]


AXE = Path(__file__).parent.parent / "vendor" / "axe" / "axe.min.js"


def serious_findings(chromium: webdriver.Chrome) -> list[str]:
    """What axe-core calls serious or critical on the page, one line for each."""
    chromium.execute_script(AXE.read_text())
    script = """
        const done = arguments[0];
        axe.run(document, {resultTypes: ["violations"]}).then((r) => done(r.violations));
    """
    return [
        f"{finding['id']}: {finding['help']} ({node['html'][:160]})"
        for finding in chromium.execute_async_script(script)
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]
