"""The lists of the admin: who sees them, what they show, and how many queries they take."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import (
    AccountLink,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from tests.admin_desk import *  # noqa: F403  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = (
    "groupregexfilter",
    "includedrole",
    "integratedcourse",
    "syncrun",
    "conflict",
    "accountlink",
    "channellink",
    "managedmembership",
)
READ_ONLY = ("syncrun", "conflict", "accountlink", "channellink", "managedmembership")
TOKEN = "a-personal-access-token-that-ends-in-x7Q"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def rows(first: int, number: int) -> None:
    """That many courses, channels, accounts, memberships, runs, operations and conflicts."""
    for n in range(first, first + number):
        run = SyncRun.objects.create(
            kind="apply", trigger="admin", status="done", applied={"add_members": n}
        )
        IntegratedCourse.objects.create(course_id=n, shortname=f"C{n}", last_run=run)
        account = AccountLink.objects.create(
            moodle_user_id=n, rocketchat_user_id=f"a{n}", username=f"u{n}"
        )
        channel = ChannelLink.objects.create(
            moodle_group_id=n, moodle_course_id=n, room_id=f"r{n}", name=f"c{n}"
        )
        ManagedMembership.objects.create(channel=channel, account=account)
        SyncOperation.objects.create(
            run=run, position=0, kind="archive", description="x", reason="y"
        )
        Conflict.objects.create(
            kind="email_taken",
            moodle_user_id=n,
            moodle_side="m",
            advice="a",
            last_seen=timezone.now(),
        )


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url, follow=True).status_code == 200
    return len(captured)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    administrator: Client, model: str
) -> None:
    url = f"/admin/integration/{model}/"
    rows(1, 3)
    administrator.get(url, follow=True)  # what is made or looked up once: settings, content types
    few = queries(administrator, url)
    rows(100, 30)
    assert queries(administrator, url) == few


def test_the_page_of_a_run_takes_as_many_queries_for_many_operations_as_for_few(
    administrator: Client,
) -> None:
    run = SyncRun.objects.create(
        kind="apply", trigger="admin", status="done", planned={"archive": 500}
    )
    url = f"/admin/integration/syncrun/{run.pk}/change/"

    def operations(first: int, number: int) -> None:
        SyncOperation.objects.bulk_create(
            SyncOperation(
                run=run,
                position=n,
                kind="archive",
                description=f"o{n}",
                reason="r",
                moodle_course_id=n % 100,
            )
            for n in range(first, first + number)
        )

    operations(0, 5)
    administrator.get(url)
    few = queries(administrator, url)
    operations(5, 495)
    assert queries(administrator, url) == few


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_only_rcsync_writes_can_neither_be_added_nor_deleted(
    administrator: Client, model: str
) -> None:
    rows(1, 1)
    assert administrator.get(f"/admin/integration/{model}/add/").status_code == 403
    first = apps.get_model("integration", model)._default_manager.get()
    url = f"/admin/integration/{model}/{first.pk}/delete/"
    assert administrator.post(url, {"post": "yes"}).status_code == 403


def test_the_pages_of_the_queue_are_not_in_the_admin() -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]


def test_a_viewer_sees_every_list_and_changes_nothing(viewer: Client) -> None:
    rows(1, 1)
    for model in MODELS:
        assert viewer.get(f"/admin/integration/{model}/", follow=True).status_code == 200, model
    course = IntegratedCourse.objects.get()
    url = f"/admin/integration/integratedcourse/{course.pk}/change/"
    assert viewer.post(url, {"background_sync": ""}).status_code == 403
    assert (
        viewer.post("/admin/integration/integratedcourse/add/", {"course_id": 9}).status_code == 403
    )


def test_who_may_see_nothing_is_told_so(transactional_db: None) -> None:
    client = Client()
    client.force_login(person("nobody"))  # noqa: F405
    page = client.get("/admin/")
    assert page.status_code == 200
    assert b"may not see anything yet" in page.content
    assert client.get("/admin/why/").status_code == 403


# --- settings -------------------------------------------------------------------------------------


def settings_form(client: Client) -> dict[str, Any]:
    page = client.get("/admin/integration/integrationsettings/", follow=True)
    form = page.context["adminform"].form
    return {
        name: "" if form.initial.get(name) is None else form.initial[name]
        for name, field in form.fields.items()
        if not field.disabled and form.initial.get(name) is not False
    }


URL = "/admin/integration/integrationsettings/1/change/"


def test_the_settings_are_one_page_that_is_neither_added_nor_deleted(administrator: Client) -> None:
    assert administrator.get("/admin/integration/integrationsettings/")["Location"] == URL
    assert administrator.get("/admin/integration/integrationsettings/add/").status_code == 403
    assert administrator.post("/admin/integration/integrationsettings/1/delete/").status_code == 403


def test_a_secret_is_stored_and_never_shown(administrator: Client) -> None:
    data = settings_form(administrator) | {
        "rocketchat_auth_token": TOKEN,
        "rocketchat_url": "https://chat.example",
    }
    assert administrator.post(URL, data).status_code == 302
    assert IntegrationSettings.load().rocketchat_auth_token == TOKEN
    html = administrator.get(URL).content.decode()
    assert TOKEN not in html
    assert "ends in …x7Q" in html


def test_an_empty_secret_keeps_what_is_stored_and_the_tick_removes_it(
    administrator: Client,
) -> None:
    IntegrationSettings(rocketchat_auth_token=TOKEN).save()
    administrator.post(
        URL, settings_form(administrator) | {"rocketchat_url": "https://chat.example"}
    )
    stored = IntegrationSettings.load()
    assert (stored.rocketchat_auth_token, stored.rocketchat_url) == (TOKEN, "https://chat.example")
    administrator.post(URL, settings_form(administrator) | {"clear_rocketchat_auth_token": "on"})
    assert IntegrationSettings.load().rocketchat_auth_token == ""


def test_a_mistake_elsewhere_does_not_send_the_secret_back(administrator: Client) -> None:
    data = settings_form(administrator) | {
        "rocketchat_auth_token": TOKEN,
        "rocketchat_url": "no address",
    }
    page = administrator.post(URL, data)
    assert page.status_code == 200
    assert TOKEN not in page.content.decode()


def test_what_the_environment_sets_is_shown_and_cannot_be_changed(
    administrator: Client, settings: Any
) -> None:
    settings.ROCKETCHAT = dict.fromkeys(settings.ROCKETCHAT, "") | {
        "url": "https://from.env",
        "auth_token": "secret-of-the-environment",
    }
    html = administrator.get(URL).content.decode()
    assert "https://from.env" in html
    assert "ROCKETCHAT_AUTH_TOKEN" in html
    assert "secret-of-the-environment" not in html
    data = settings_form(administrator) | {
        "rocketchat_url": "https://other",
        "rocketchat_auth_token": TOKEN,
    }
    administrator.post(URL, data)
    stored = IntegrationSettings.load()
    assert (stored.rocketchat_url, stored.rocketchat_auth_token) == ("", "")


def test_a_viewer_sees_that_a_secret_is_set_and_nothing_of_it(viewer: Client) -> None:
    IntegrationSettings(rocketchat_auth_token=TOKEN).save()
    html = viewer.get(URL).content.decode()
    assert TOKEN not in html
    assert "gAAAA" not in html  # nor its encrypted form


def test_every_setting_has_its_place_on_the_page(administrator: Client) -> None:
    form = administrator.get(URL).context["adminform"].form
    stored = {field.name for field in IntegrationSettings._meta.fields if field.editable} - {"id"}
    assert stored <= set(form.fields)


def test_a_pattern_that_may_take_for_ever_is_refused_with_the_reason(administrator: Client) -> None:
    data = {"pattern": "^(a|aa)+$", "kind": "include", "enabled": "on", "position": "0"}
    page = administrator.post("/admin/integration/groupregexfilter/add/", data)
    assert page.status_code == 200
    assert b"practically for ever" in page.content


def test_progress_answers_in_json(viewer: Client) -> None:
    run = SyncRun.objects.create(
        kind="apply", trigger="admin", planned={"archive": 8}, done_count=2
    )
    answer = json.loads(viewer.get(f"/admin/run/{run.pk}/progress/").content)
    assert (answer["running"], answer["done"], answer["total"], answer["percent"]) == (
        True,
        2,
        8,
        25,
    )


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("America/New_York", "7:30"), ("Asia%2FTokyo", "9:30"), ("no/where", "12:30"), ("", "12:30")],
)
def test_times_are_shown_in_the_zone_of_the_person(viewer: Client, zone: str, shown: str) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="done")
    noon = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)
    SyncRun.objects.filter(pk=run.pk).update(started_at=noon)
    viewer.cookies["timezone"] = zone
    assert f" {shown} " in viewer.get(run_page(run)).content.decode()


def run_page(run: SyncRun) -> str:
    return f"/admin/integration/syncrun/{run.pk}/change/"
