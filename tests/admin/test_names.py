"""One name per thing: menu, title and breadcrumb agree; long names do not fill a list."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory

from integration.models import AuditEntry, ChannelLink
from integration.pages.navigation import sidebar

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def heading(client: Client, address: str) -> list[str]:
    """The parts of a page's heading."""
    page = client.get(address, follow=True).content.decode()
    inner = re.search("<h1.*?</h1>", page, re.DOTALL)
    assert inner, address
    text = re.sub("<span[^>]*material-symbols[^>]*>.*?</span>", "\x1f", inner[0], flags=re.DOTALL)
    parts = (re.sub("<[^>]*>", "", part).strip().partition("\n")[0] for part in text.split("\x1f"))
    return [html.unescape(part) for part in parts if part]


def test_each_entry_of_the_menu_leads_to_a_page_of_that_name(
    administrator: Client, moodle: object
) -> None:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(username="admin")
    entries = [item for group in sidebar(request) for item in group["items"]]
    assert len(entries) > 15
    for entry in entries:
        last = heading(administrator, str(entry["link"]))[-1]
        assert last.casefold() == str(entry["title"]).casefold(), entry["link"]


@pytest.mark.parametrize(
    "address", ["/admin/integration/integrationsettings/1/change/", "/admin/auth/group/"]
)
def test_no_part_of_a_heading_stands_twice(administrator: Client, address: str) -> None:
    parts = [part.casefold() for part in heading(administrator, address)]
    assert len(parts) == len(set(parts))


def test_a_heading_begins_with_the_list_and_not_with_the_django_app(administrator: Client) -> None:
    assert heading(administrator, "/admin/integration/accountlink/") == ["Accounts"]
    group = Group.objects.create(name="tutors")
    address = f"/admin/auth/group/{group.pk}/change/"
    assert heading(administrator, address) == ["User groups", "tutors"]


def test_the_page_of_an_entry_of_the_audit_trail_has_no_english_in_its_heading(
    administrator: Client,
) -> None:
    administrator.post("/admin/pause/begin/", {"reason": "for a test"})
    entry = AuditEntry.objects.latest("pk")
    address = f"/admin/integration/auditentry/{entry.pk}/change/"
    assert heading(administrator, address) == ["Audit trail"]


def test_names_of_things_keep_their_small_letters(administrator: Client) -> None:
    assert heading(administrator, "/admin/help/") == ["rcsync for administrators"]
    user = User.objects.create_user("anna", password="a")
    assert heading(administrator, f"/admin/auth/user/{user.pk}/change/")[-1] == "anna"


def test_a_long_name_is_clipped_in_a_list_and_whole_on_its_page(
    administrator: Client, moodle: object
) -> None:
    name = "Group with a very long name " * 9
    row = ChannelLink.objects.create(
        moodle_group_id=10, moodle_course_id=2, room_id="r10", name="short", group_name=name
    )
    page = administrator.get("/admin/integration/channellink/").content.decode()
    assert page.count(name.strip()) == 1  # what shows when it is pointed at
    assert "Group with a very long name Group with a very long name Group with a very" in page
    own = administrator.get(f"/admin/integration/channellink/{row.pk}/change/")
    assert name.strip() in own.content.decode()
