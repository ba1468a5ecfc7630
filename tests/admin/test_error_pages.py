"""403, 404 and 500 keep the menu and lead back; nobody meets a page that says nothing."""

import re
from typing import Any

import pytest
from django.test import Client

from integration.models import SyncRun
from integration.services.admin import runs
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

MENU = 'id="nav-sidebar"'
RUNS = "/admin/integration/syncrun/"


@pytest.fixture(autouse=True)
def hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False


def failing(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    def fails(*_: Any) -> None:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.setattr(runs, "progress", fails)
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="done")
    client.raise_request_exception = False
    return client.get(f"/admin/run/{run.pk}/progress/")


@pytest.mark.parametrize("path", ["/admin/no-such-page/", "/admin/conflict/9/choose/"])
def test_a_page_that_does_not_exist_keeps_the_menu(administrator: Client, path: str) -> None:
    answer = administrator.get(path, headers={"Referer": f"http://testserver{RUNS}"})
    page = answer.content.decode()
    assert answer.status_code == 404
    assert MENU in page
    assert "This page does not exist" in page
    assert f'href="{RUNS}"' in page
    assert "Back to the previous page" in page


def test_without_a_page_before_there_is_still_the_start_page(administrator: Client) -> None:
    for referer in ("", "https://elsewhere.example/", "http://testserver/admin/no-such-page/"):
        answer = administrator.get("/admin/no-such-page/", headers={"Referer": referer})
        page = answer.content.decode()
        assert "Back to the previous page" not in page
        assert "To the start page" in page
        assert "elsewhere.example" not in page


def test_what_is_not_allowed_says_so_inside_the_admin(viewer: Client, site: Site) -> None:
    for answer in (viewer.get("/admin/add-courses/"), viewer.post("/admin/sync-everything/")):
        page = answer.content.decode()
        assert answer.status_code == 403
        assert MENU in page
        assert "Permission denied" in page
        assert "Nothing was changed" in page


def test_an_error_nobody_foresaw_has_a_code_that_the_log_holds(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = failing(administrator, monkeypatch)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert MENU in page
    assert answer.headers["X-Request-ID"] in page
    assert "nobody foresaw it" not in page, "the details are for the log"


def test_the_error_page_does_not_need_what_is_broken(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("the menu cannot be made either")

    monkeypatch.setattr("integration.pages.navigation.waiting_runs", fails)
    answer = failing(administrator, monkeypatch)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong" in page
    assert answer.headers["X-Request-ID"] in page


def test_a_form_of_another_session_says_that_nothing_was_done(administrator: Client) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"Referer": f"http://testserver{RUNS}"})
    strict.cookies = administrator.cookies
    answer = strict.post("/admin/sync-everything/", {"kind": "apply"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Nothing was done" in page
    assert "press the button once more" in page
    assert not SyncRun.objects.exists()


def test_a_stranger_gets_the_same_words_without_the_menu(db: None) -> None:
    answer = Client().get("/no-such-page")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "This page does not exist" in page
    assert MENU not in page


LISTS = {
    "integratedcourse": "No course is integrated yet",
    "syncrun": "No runs yet",
    "conflict": "No conflicts",
    "channellink": "No channels yet",
    "accountlink": "No accounts yet",
    "managedmembership": "No memberships yet",
    "pendingending": "No pending endings",
    "groupregexfilter": "No patterns yet",
    "includedrole": "No role is chosen yet",
    "removallimit": "No limits of your own",
}


@pytest.mark.parametrize(("name", "text"), LISTS.items())
def test_an_empty_list_says_what_will_stand_there(
    administrator: Client, site: Site, name: str, text: str
) -> None:
    page = administrator.get(f"/admin/integration/{name}/", follow=True).content.decode()
    assert text in page
    assert "yielded" not in page
    page = administrator.get(f"/admin/integration/{name}/?q=zzz").content.decode()
    if 'name="q"' in page:
        assert "Nothing matches" in page


def test_an_empty_list_offers_only_what_one_may(
    administrator: Client, viewer: Client, site: Site
) -> None:
    main = re.compile(r'class="rc rc-empty".*?</div>\s*</div>', re.DOTALL)
    for client, offered in ((administrator, True), (viewer, False)):
        page = client.get("/admin/integration/integratedcourse/").content.decode()
        found = main.search(page)
        assert found is not None
        assert ("/admin/add-courses/" in found[0]) is offered
