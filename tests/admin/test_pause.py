"""The switch in the admin: a banner on every page, and who may press it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integration.models import Pause, SyncRun
from tests.support.browser import main_pages
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

BANNER = "Everything is paused"
REASON = {"reason": "Rocket.Chat is updated"}


def test_who_when_and_why_stand_on_every_page(administrator: Client, chosen: Site) -> None:
    chosen.apply()
    administrator.post("/admin/pause/begin/", REASON)
    for page in main_pages():
        if page in ("/admin/lti/", "/admin/course/2/links/", "/admin/pause/"):
            continue
        html = administrator.get(page, follow=True).content.decode()
        assert BANNER in html, page
        assert "Rocket.Chat is updated" in html, page
        assert "by admin" in html, page


def test_nobody_who_is_not_signed_in_reads_of_the_pause(administrator: Client) -> None:
    administrator.post("/admin/pause/begin/", REASON)
    assert "Rocket.Chat is updated" not in Client().get("/admin/login/").content.decode()


def test_a_sync_leads_to_the_switch_and_leaves_no_run(administrator: Client, chosen: Site) -> None:
    administrator.post("/admin/pause/begin/", REASON)
    page = administrator.post("/admin/sync-everything/", {"kind": "apply"}, follow=True)
    assert page.redirect_chain[-1][0] == "/admin/pause/"
    assert "Resume" in page.content.decode()
    assert not SyncRun.objects.exists()
    administrator.post("/admin/sync-everything/", {"kind": "preview"})
    assert SyncRun.objects.get().status == SyncRun.Status.PLANNED


def test_resume_takes_the_banner_away(administrator: Client, chosen: Site) -> None:
    administrator.post("/admin/pause/begin/", REASON)
    administrator.get("/admin/")  # shows the message
    page = administrator.post("/admin/pause/end/", follow=True).content.decode()
    assert "Nothing is paused" in page
    assert BANNER not in page
    assert not Pause.objects.exists()


def test_operators_pause_and_viewers_only_read_of_it(
    operator: Client, viewer: Client, site: Site
) -> None:
    assert viewer.post("/admin/pause/begin/", REASON).status_code == 403
    assert viewer.get("/admin/pause/").status_code == 403
    operator.post("/admin/pause/begin/", REASON)
    assert Pause.objects.get().actor == "operator"
    page = viewer.get("/admin/").content.decode()
    assert BANNER in page
    assert "/admin/pause/" not in page


def test_the_banner_costs_one_query(administrator: Client, site: Site) -> None:
    with CaptureQueriesContext(connection) as queries:
        administrator.get("/admin/pause/")
    assert sum("integration_pause" in query["sql"] for query in queries.captured_queries) == 1
