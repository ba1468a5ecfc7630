"""Lists on a phone: short rows, long names wrap, nothing scrolls sideways."""

import pytest
from django.contrib.auth.models import User

from integration.models import AccountLink, ChannelLink, GroupRegexFilter, IntegratedCourse
from tests.support.browser import PHONE, Browser, resize
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

TWO_LINES = (
    "integratedcourse",
    "accountlink",
    "channellink",
    "managedmembership",
    "syncrun",
    "conflict",
)
LISTS = (*TWO_LINES, "removallimit")
TALLEST = 260  # pixels of the tallest row of the other lists; a card was 400
A_LINE = 21  # pixels
TWO_LINES_TALL = 80  # pixels, with their padding; a name that takes two lines itself adds one
PAGES = ("/admin/pause/", "/admin/find/?q=seminar", "/admin/help/", "/admin/no-such-page/")


def test_rows_are_short_and_nothing_scrolls_sideways(browser: Browser, chosen: Site) -> None:
    chosen.apply()
    AccountLink.objects.filter(pk=AccountLink.objects.earliest("pk").pk).update(username="x" * 80)
    GroupRegexFilter.objects.create(pattern="y" * 200, kind="exclude")
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    resize(browser.driver, PHONE)
    sections = [f"/admin/integration/{name}/" for name in (*LISTS, "groupregexfilter")]
    for path in (*sections, *PAGES):
        browser.go(path)
        browser.find("#content-main")
        assert browser.too_wide() <= 0, path
        heights = [row.size["height"] for row in browser.all("#result_list tr.data-row")]
        two_lines = any(f"/{name}/" in path for name in TWO_LINES)
        assert max(heights, default=0) <= (TWO_LINES_TALL if two_lines else TALLEST), path


def test_a_row_on_a_phone_says_name_state_and_what_comes_second(
    browser: Browser, chosen: Site
) -> None:
    chosen.apply()
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    resize(browser.driver, PHONE)
    link = AccountLink.objects.earliest("pk")
    browser.go(f"/admin/integration/accountlink/?q={link.username}")
    row = browser.find("#result_list tr.data-row").text
    assert link.username in row
    assert "Active" in row
    assert browser.find("#result_list .field-channel_count").is_displayed()
    for address in (
        "/admin/groups/",
        "/admin/integration/integratedcourse/{}/change/",
        "/admin/",
    ):
        browser.go(address.format(IntegratedCourse.objects.earliest("pk").pk))
        heights = [row.size["height"] for row in browser.all(".rc-rows tbody tr")]
        assert heights
        assert max(heights) <= TWO_LINES_TALL
    browser.go(f"/admin/integration/channellink/{ChannelLink.objects.earliest('pk').pk}/change/")
    heights = [row.size["height"] for row in browser.all(".rc-inline tbody tr")]
    assert max(heights) <= TWO_LINES_TALL + A_LINE  # a long username
    browser.go("/admin/integration/removallimit/")
    heights = [row.size["height"] for row in browser.all(".rc-rows tbody tr")]
    assert max(heights) <= TWO_LINES_TALL + A_LINE  # "Channels archived or made read-only"
    browser.go("/admin/integration/integratedcourse/")
    row = browser.find("#result_list tr.data-row").text
    assert "In step" in row
    assert browser.find("#result_list .field-member_count").is_displayed()


def test_the_start_page_does_not_scroll_sideways_in_german(browser: Browser, chosen: Site) -> None:
    chosen.apply()
    browser.sign_in(User.objects.create_superuser("admin", password="admin"))
    resize(browser.driver, PHONE)
    browser.driver.add_cookie({"name": "django_language", "value": "de"})
    browser.go("/admin/")
    assert "Änderungen je Tag" in browser.find("#content-main").text
    assert browser.too_wide() <= 0
