"""The lists of the admin: who sees them, what they show, and how many queries they take."""

import json
from datetime import UTC, datetime, timedelta
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
    AuditEntry,
    ChannelLink,
    Conflict,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    PendingEnding,
    SyncOperation,
    SyncRun,
    WorkerBeat,
)
from integration.pages import cells
from tests.support.admin_client import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

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


def entries(number: int, **values: Any) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(actor_kind="person", actor="anna", action="create_channel", **values)
        for _ in range(number)
    )


def test_the_audit_trail_is_short_on_the_page_however_long_its_entries_are(
    viewer: Client,
) -> None:
    url = "/admin/integration/auditentry/"
    members = list(range(100_000, 101_000))
    entries(1, subject="s", after={"members": members})
    viewer.get(url)
    few = queries(viewer, url)
    entries(300, subject="subject " * 50, reason="because " * 500, after={"members": members})
    with CaptureQueriesContext(connection) as captured:
        page = viewer.get(url)
    assert len(captured) == few
    assert len(page.content) < 300_000
    assert not [q for q in captured.captured_queries if '"after"' in q["sql"]], "JSON was read"
    assert page.context["cl"].result_count > 300
    assert len(page.context["cl"].result_list) == 50


def test_the_page_of_an_entry_tells_the_whole(viewer: Client) -> None:
    entries(1, subject="s" * 399, reason="because " * 500, after={"members": [4711]})
    entry = AuditEntry.objects.latest("pk")
    html = viewer.get(f"/admin/integration/auditentry/{entry.pk}/change/").content.decode()
    for text in ("s" * 399, "because " * 500, "4711"):
        assert text.strip() in html, text[:10]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"?at_from={timezone.localdate()}&at_to={timezone.localdate()}", 2),
        (f"?at_from={timezone.localdate() + timedelta(days=1)}", 0),
        (f"?at_to={timezone.localdate() - timedelta(days=1)}", 0),
        ("?at_from=2026-13-45&at_to=nonsense", 2),
        ("?action=create_channel", 2),
        ("?result__exact=failed", 1),
        ("?q=seminar", 1),
    ],
)
def test_the_audit_trail_is_filtered_by_time_action_result_and_words(
    viewer: Client, query: str, found: int
) -> None:
    entries(1, subject="seminar")
    entries(1, subject="other", result="failed")
    page = viewer.get(f"/admin/integration/auditentry/{query}")
    ours = [row for row in page.context["cl"].result_list if row.actor == "anna"]
    assert len(ours) == found


def test_what_waits_for_its_day_is_a_list_reached_from_the_navigation(viewer: Client) -> None:
    url = "/admin/integration/pendingending/"

    def wait(first: int, number: int) -> None:
        PendingEnding.objects.bulk_create(
            PendingEnding(
                key=f"k{n}", kind="archive", description=f"archive {n}", reason="r", since=0, due=n
            )
            for n in range(first, first + number)
        )

    assert f'href="{url}"' in viewer.get("/admin/").content.decode()
    wait(1, 3)
    viewer.get(url)
    few = queries(viewer, url)
    wait(100, 200)
    assert queries(viewer, url) == few
    page = viewer.get(url)
    assert page.context["cl"].result_count == 203
    assert [row.due for row in page.context["cl"].result_list][:4] == [1, 2, 3, 100]
    assert len(page.context["cl"].result_list) == 50


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "msg"),
    [(0.4, "under a second"), (1, "1 second"), (59, "59 seconds"), (61, "1 minute")],
)
def test_how_long_a_run_took_is_said_in_words(seconds: float, msg: str) -> None:
    now = timezone.now()
    run = SyncRun(kind="apply", started_at=now, finished_at=now + timedelta(seconds=seconds))
    assert cells.duration(run) == msg


def test_every_page_writes_dates_alike(viewer: Client) -> None:
    rows(1, 1)
    moment = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
    SyncRun.objects.update(started_at=moment)
    Conflict.objects.update(last_seen=moment)
    run, conflict = SyncRun.objects.get(), Conflict.objects.get()
    for url in (
        "/admin/",
        "/admin/integration/integratedcourse/",
        "/admin/integration/syncrun/",
        "/admin/integration/conflict/?status__exact=open",
        run_page(run),
        f"/admin/integration/conflict/{conflict.pk}/change/",
    ):
        html = viewer.get(url).content.decode()
        assert "5 Mar 2026, 12:30" in html, url
        assert "03/05/2026" not in html, url


def test_a_worker_that_never_was_is_no_alarm_and_one_that_is_gone_is(viewer: Client) -> None:
    rows(1, 1)
    html = viewer.get("/admin/").content.decode()
    assert "no worker yet" in html
    assert "worker not running" not in html
    long_ago = timezone.now() - timedelta(hours=1)
    WorkerBeat.objects.create(name="w", started_at=long_ago, beat_at=long_ago)
    assert "worker not running" in viewer.get("/admin/").content.decode()
    WorkerBeat.objects.update(beat_at=timezone.now())
    assert "worker alive" in viewer.get("/admin/").content.decode()


def test_the_start_page_sums_up_the_last_days(viewer: Client) -> None:
    for days, added in ((0, 5), (3, 7), (10, 11)):
        run = SyncRun.objects.create(
            kind="apply",
            trigger="admin",
            status="done",
            applied={"create_account": added, "remove_member": 1},
        )
        SyncRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(days=days))
    totals = viewer.get("/admin/").context["state"].totals
    assert [(t.days, t.added, t.removed, t.failed) for t in totals] == [
        (1, 5, 1, 0),
        (7, 12, 2, 0),
        (14, 23, 3, 0),
    ]


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
    client.force_login(person("nobody"))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert b"has no rights yet" in page.content
    assert client.get("/admin/why/").status_code == 403


# --- settings -------------------------------------------------------------------------------------


def settings_form(client: Client) -> dict[str, Any]:
    page = client.get("/admin/integration/integrationsettings/1/change/", follow=True)
    form = page.context["adminform"].form
    return {
        name: "" if form.initial.get(name) is None else form.initial[name]
        for name, field in form.fields.items()
        if not field.disabled and form.initial.get(name) is not False
    }


URL = "/admin/integration/integrationsettings/1/change/"


def test_the_settings_are_one_page_that_is_neither_added_nor_deleted(administrator: Client) -> None:
    listed = administrator.get("/admin/integration/integrationsettings/")
    assert listed["Location"] == f"{URL}?section=rocketchat_url"
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
    administrator.post(URL, settings_form(administrator) | {"moodle_url": "https://moodle.example"})
    stored = IntegrationSettings.load()
    assert (stored.rocketchat_auth_token, stored.moodle_url) == (TOKEN, "https://moodle.example")
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
    assert b"million steps" in page.content


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
    [
        ("America/New_York", "07:30"),
        ("Asia%2FTokyo", "21:30"),
        ("no/where", "12:30"),
        ("", "12:30"),
    ],
)
def test_times_are_shown_in_the_zone_of_the_person(viewer: Client, zone: str, shown: str) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="admin", status="done")
    noon = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)
    SyncRun.objects.filter(pk=run.pk).update(started_at=noon)
    viewer.cookies["timezone"] = zone
    assert f", {shown}<" in viewer.get(run_page(run)).content.decode()


def run_page(run: SyncRun) -> str:
    return f"/admin/integration/syncrun/{run.pk}/change/"
