"""From Moodle's activity into the channel, in a browser that blocks cookies across sites.

Moodle and Rocket.Chat are at 127.0.0.1, rcsync at localhost: for a browser these are two sites.
"""

import tempfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from selenium import webdriver

from demo.moodle_activity import CLIENT, DEPLOYMENT, FakeMoodle, running_fake_moodle
from integration.models import ChannelLink, LtiDeployment, LtiPlatform
from integration.services.in_course.permalinks import Permalinks
from tests.support.browser import DESKTOP, Browser, serious_findings, start_chromium
from tests.support.school import School

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
pytest.importorskip("jwt")
BLOCKED = {"profile.block_third_party_cookies": True, "profile.cookie_controls_mode": 1}


@pytest.fixture(scope="module")
def strict_chromium() -> Iterator[webdriver.Chrome]:
    with tempfile.TemporaryDirectory(prefix="rcsync-chromium-") as folder:
        driver = start_chromium(DESKTOP, folder, BLOCKED)
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def lms(school: School, live_server: Any, settings: Any) -> Iterator[FakeMoodle]:
    settings.ALLOWED_HOSTS = ["*"]
    cache.clear()
    with running_fake_moodle() as lms:
        lms.tool = live_server.url
        row = LtiPlatform(name="Moodle", issuer=lms.url, client_id=CLIENT)
        row.full_clean()
        row.save()
        LtiDeployment.objects.create(platform=row, deployment_id=DEPLOYMENT)
        yield lms


@pytest.fixture
def student(strict_chromium: webdriver.Chrome, lms: FakeMoodle) -> Iterator[Browser]:
    """A browser in the course; only the window of the course is open."""
    assert urlsplit(lms.url).hostname != urlsplit(lms.tool).hostname
    course = strict_chromium.current_window_handle
    browser = Browser(strict_chromium, lms.url)
    yield browser
    for window in strict_chromium.window_handles:
        if window != course:
            strict_chromium.switch_to.window(window)
            strict_chromium.close()
    strict_chromium.switch_to.window(course)
    strict_chromium.get("about:blank")


def new_window(browser: Browser, number: int = 2) -> None:
    browser.wait(lambda: len(browser.driver.window_handles) == number, "no window was opened")
    browser.driver.switch_to.window(browser.driver.window_handles[-1])


def test_a_click_on_the_activity_opens_the_channel_in_a_new_window(
    student: Browser, school: School, lms: FakeMoodle
) -> None:
    student.go("/course")
    student.click(student.find("#activity"))
    new_window(student)
    room = f"{school.chat.url}/group/C10-Group-101"
    student.wait(lambda: student.driver.current_url == room, "the channel was not reached")


def test_in_a_frame_the_channel_opens_by_a_click_in_a_new_window(
    student: Browser, school: School, lms: FakeMoodle
) -> None:
    lms.target = "iframe"
    student.go("/course")
    student.driver.switch_to.frame(student.find("iframe"))
    student.sees("Your channel in this course")
    student.click(student.find(".ways a"))
    new_window(student)
    room = f"{school.chat.url}/group/C10-Group-101"
    student.wait(lambda: student.driver.current_url == room, "the channel was not reached")


def test_going_back_and_forth_is_refused_with_what_to_do(
    student: Browser, school: School, lms: FakeMoodle
) -> None:
    lms.user_id = 1
    student.go("/launch")
    student.sees("You are not in a channel of this course")
    student.driver.refresh()
    student.sees("open the activity once more")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_for_students_are_readable_by_everybody(
    student: Browser, school: School, lms: FakeMoodle, scheme: str
) -> None:
    student.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    lms.user_id = 1
    lms.custom = {"group": "102"}
    student.go("/launch")
    student.sees("You are not")
    assert not serious_findings(student.driver)
    assert student.too_wide() == 0
    student.driver.get(f"{lms.tool}/go/nonsense")
    student.sees("This link is not complete")
    assert not serious_findings(student.driver)


def test_a_link_is_copied_with_one_click(browser: Browser, school: School, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", allowed)
    browser.go("/admin/course/10/links/")
    browser.click(browser.find("table .rc-copy"))
    browser.sees("Copied")
    copied = browser.driver.execute_script("return navigator.clipboard.readText()")
    channel = ChannelLink.objects.get(moodle_group_id=101)
    assert copied == browser.home + Permalinks().of_channel(channel)
    browser.press("Copy all")
    browser.wait(
        lambda: (
            "Group-102" in browser.driver.execute_script("return navigator.clipboard.readText()")
        )
    )
