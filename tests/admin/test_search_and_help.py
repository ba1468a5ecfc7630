"""One search and one help link in the head of every page."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integration import __version__
from integration.models import IntegratedCourse
from integration.pages import guide as pages
from integration.services.admin import guide as guides
from tests.support.admin_client import person
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


def page(client: Client, path: str) -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split('id="content-main"')[-1].split())


def test_the_search_finds_people_groups_and_courses(administrator: Client, chosen: Site) -> None:
    found = page(administrator, "/admin/find/?q=CS101")
    course = IntegratedCourse.objects.get(shortname="CS101")
    assert f"/admin/integration/integratedcourse/{course.pk}/change/" in found
    found = page(administrator, "/admin/find/?q=seminar")
    assert "/admin/why/channel/" in found
    found = page(administrator, "/admin/find/?q=campus.invalid")
    assert "/admin/why/person/" in found
    assert "/admin/integration/integratedcourse/" in page(administrator, "/admin/find/?q=2")
    assert "Nothing found" in page(administrator, "/admin/find/?q=zzzzzz")


def test_the_search_shows_nothing_that_one_may_not_see(chosen: Site) -> None:
    client = Client()
    client.force_login(person("nobody"))
    found = page(client, "/admin/find/?q=CS101")
    assert "integratedcourse" not in found
    assert "/admin/why/" not in found


def test_queries_of_the_search_do_not_grow_with_the_courses(
    administrator: Client, chosen: Site
) -> None:
    counts = []
    for size in (0, 15):
        for number in range(size):
            IntegratedCourse.objects.create(course_id=9000 + number, shortname=f"CS101 {number}")
        page(administrator, "/admin/find/?q=CS101")
        with CaptureQueriesContext(connection) as queries:
            page(administrator, "/admin/find/?q=CS101")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_every_head_has_the_search_the_version_and_the_help(
    administrator: Client, chosen: Site
) -> None:
    for path in ("/admin/", "/admin/integration/conflict/", "/admin/integration/syncrun/"):
        html = administrator.get(path, follow=True).content.decode()
        assert 'action="/admin/find/"' in html
        assert f"rcsync {__version__}" in html
    html = administrator.get("/admin/why/").content.decode()
    assert 'href="/admin/help/#why-is-somebody-in-a-channel-or-not"' in html


def test_the_guide_has_each_heading_that_a_page_leads_to(administrator: Client) -> None:
    html = page(administrator, "/admin/help/")
    for _beginning, heading in pages.HEADINGS:
        assert f'id="{guides.anchor_of(heading)}"' in html
    assert "<img" not in html.split('<article class="rc-card rc-guide"')[1].split("</article>")[0]


def test_every_guide_opens_and_its_links_lead_somewhere(administrator: Client) -> None:
    for name in guides.names():
        html = page(administrator, f"/admin/help/{name}/")
        for link in set(re.findall(r'href="(/admin/help/[a-z-]+/)', html)):
            assert administrator.get(link).status_code == 200, (name, link)
    assert administrator.get("/admin/help/no-such-guide/").status_code == 404
