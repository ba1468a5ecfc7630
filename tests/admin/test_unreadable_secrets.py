"""Stored secrets that no key opens: every page says so in words, and none fails."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from integration.models import (
    AuditEntry,
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
)
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SAID = "cannot be decrypted"
SETTINGS = "/admin/integration/integrationsettings/1/change/"
LISTS = (
    *("integratedcourse", "syncrun", "conflict", "accountlink", "channellink", "auditentry"),
    *("managedmembership", "pendingending", "groupregexfilter", "includedrole", "removallimit"),
)


@pytest.fixture
def locked(chosen: Site, settings: Any) -> Site:
    """A site in step, whose key was then replaced by another one."""
    chosen.apply()
    row = IntegrationSettings.load()
    row.rocketchat_url = chosen.chat.url
    row.rocketchat_auth_token = "a-token-that-nobody-may-see"
    row.moodle_url = "https://moodle.example"
    row.save()
    settings.RCSYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
    return chosen


def test_the_start_page_says_it_and_offers_the_repair(administrator: Client, locked: Site) -> None:
    page = administrator.get("/admin/")
    assert page.status_code == 200
    html = page.content.decode()
    assert SAID in html
    assert "RCSYNC_SECRET_KEYS" in html
    assert "Remove unreadable secrets" in html
    assert "a-token" not in html


def test_the_settings_say_it_in_place_of_their_form(administrator: Client, locked: Site) -> None:
    page = administrator.get(SETTINGS)
    assert page.status_code == 503
    assert SAID in page.content.decode()
    assert administrator.post(SETTINGS, {"name_template": "x"}).status_code == 503
    redirected = administrator.get("/admin/integration/integrationsettings/")
    assert redirected["Location"].partition("?")[0] == SETTINGS


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_work_as_ever(administrator: Client, locked: Site, name: str) -> None:
    page = administrator.get(f"/admin/integration/{name}/", follow=True)
    assert page.status_code == 200


def test_the_pages_that_need_no_secret_work_and_the_others_say_why_not(
    administrator: Client, locked: Site
) -> None:
    run = SyncRun.objects.latest("pk")
    Conflict.objects.create(
        kind="email_taken", moodle_user_id=1, moodle_side="m", advice="a", last_seen=run.started_at
    )
    conflict = Conflict.objects.latest("pk")
    for url in (
        f"/admin/integration/syncrun/{run.pk}/change/",
        f"/admin/integration/conflict/{conflict.pk}/change/",
        "/admin/failures/",
        "/admin/choose-roles/",
        "/admin/add-courses/",
        "/admin/why/?search=a",
    ):
        assert administrator.get(url).status_code == 200, url
    for url in (f"/admin/conflict/{conflict.pk}/choose/?search=a", "/admin/why/person/30/"):
        page = administrator.get(url)
        assert page.status_code in (200, 503), url
        assert SAID in page.content.decode(), url


def test_the_checks_name_it_as_a_finding(administrator: Client, locked: Site) -> None:
    page = administrator.get("/admin/checks/")
    assert page.status_code == 200
    assert SAID in page.content.decode()
    assert "does not work yet" in page.content.decode()


def test_nothing_is_begun_meanwhile(administrator: Client, locked: Site) -> None:
    run = SyncRun.objects.latest("pk")
    keys = list(IntegratedCourse.objects.values_list("pk", flat=True))
    for url, data in (
        ("/admin/sync-everything/", {"kind": "preview"}),
        (f"/admin/run/{run.pk}/again/", {}),
        (f"/admin/run/{run.pk}/look-at-undo/", {}),
        (
            "/admin/integration/integratedcourse/",
            {"action": "sync_selected", "_selected_action": keys},
        ),
    ):
        page = administrator.post(url, data)
        assert page.status_code == 503, url
        assert SAID in page.content.decode(), url
    assert SyncRun.objects.latest("pk") == run


def test_what_is_lost_is_removed_by_who_may_and_the_rest_stays(
    administrator: Client, operator: Client, locked: Site
) -> None:
    assert operator.post("/admin/forget-secrets/").status_code == 403
    assert administrator.get("/admin/forget-secrets/").status_code == 405
    page = administrator.post("/admin/forget-secrets/", follow=True)
    assert page.status_code == 200
    assert "1 secret removed" in page.content.decode()
    row = IntegrationSettings.load()
    assert (row.rocketchat_auth_token, row.moodle_url) == ("", "https://moodle.example")
    entry = AuditEntry.objects.get(action="forget_secrets")
    assert (entry.actor, entry.subject) == ("admin", "rocketchat_auth_token")
    assert SAID not in administrator.get("/admin/").content.decode()
    assert operator.get("/admin/").status_code == 200


def test_secrets_that_can_be_read_are_not_removed(administrator: Client, chosen: Site) -> None:
    row = IntegrationSettings.load()
    row.rocketchat_password = "readable"
    row.save()
    administrator.post("/admin/forget-secrets/")
    assert IntegrationSettings.load().rocketchat_password == "readable"
    assert not AuditEntry.objects.filter(action="forget_secrets").exists()


def test_a_secret_without_a_key_is_refused_by_the_form(
    administrator: Client, site: Site, settings: Any
) -> None:
    settings.RCSYNC_SECRET_KEYS = []
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "")
    form = administrator.get(SETTINGS).context["adminform"].form
    data = {
        name: "" if form.initial.get(name) is None else form.initial[name]
        for name in form.fields
        if form.initial.get(name) is not False
    }
    page = administrator.post(
        SETTINGS, data | {"rocketchat_password": "new", "rocketchat_url": "https://chat"}
    )
    assert page.status_code == 200
    assert "RCSYNC_SECRET_KEYS is not set" in page.content.decode()
