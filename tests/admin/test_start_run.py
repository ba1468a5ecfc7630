"""Syncing from the admin: the actions, the preview that is applied exactly, cancelling and
retrying.
"""

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.test import Client

from integration.models import (
    ChannelLink,
    GroupRegexFilter,
    IntegratedCourse,
    SyncOperation,
    SyncRun,
)
from tests.support.admin_client import MAY_VIEW, person
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

COURSES = "/admin/integration/integratedcourse/"


def act(client: Client, action: str, *courses: IntegratedCourse, **more: str):
    keys = [course.pk for course in courses or IntegratedCourse.objects.all()]
    data = {"action": action, "_selected_action": keys, **more}
    return client.post(COURSES, data, follow=True)


def words(page) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def newest() -> SyncRun:
    return SyncRun.objects.latest("pk")


def test_sync_selected_courses_syncs_them_and_says_what_was_done(
    operator: Client, chosen: Site
) -> None:
    page = act(operator, "sync_selected")
    run = newest()
    assert (run.status, run.kind, run.trigger, run.actor) == ("done", "apply", "admin", "operator")
    assert len(chosen.rooms()) == ChannelLink.objects.count() > 0
    msg = words(page)
    assert f"/admin/integration/syncrun/{run.pk}/change/" in msg
    assert "create channel" in msg
    assert "No failures" in msg


def test_only_the_selected_courses_are_synced(operator: Client, chosen: Site) -> None:
    first = IntegratedCourse.objects.get(shortname="MA110")
    act(operator, "sync_selected", first)
    assert set(ChannelLink.objects.values_list("moodle_course_id", flat=True)) == {first.course_id}


def test_failures_are_counted_in_the_message(operator: Client, chosen: Site) -> None:
    chosen.chat.configure(permissions={"create-user": []})
    page = act(operator, "sync_selected")
    run = newest()
    assert run.status == SyncRun.Status.FAILED
    assert f"Failures: {run.failed_count}" in words(page)


def test_a_viewer_may_neither_sync_nor_preview(viewer: Client, chosen: Site) -> None:
    for action in (
        "sync_selected",
        "preview_selected",
        "audit_selected",
        "mark_pending",
        "stop_managing",
    ):
        act(viewer, action)
    viewer.post("/admin/sync-everything/", {"kind": "apply"})
    assert not SyncRun.objects.exists()
    assert IntegratedCourse.objects.filter(pending_sync=True).count() == 0


def test_the_permission_sync_alone_is_what_the_actions_ask_for(chosen: Site) -> None:
    user = person("half", MAY_VIEW)
    client = Client()
    client.force_login(user)
    act(client, "preview_selected")
    assert not SyncRun.objects.exists()
    user.user_permissions.add(Permission.objects.get(codename="sync"))
    act(client, "preview_selected")
    assert newest().kind == "preview"


def test_a_preview_shows_every_operation_and_writes_nothing(operator: Client, chosen: Site) -> None:
    page = act(operator, "preview_selected")
    run = newest()
    assert run.status == "planned"
    assert SyncOperation.objects.filter(run=run).count() == sum(run.planned.values()) > 0
    assert not chosen.rooms()
    html = page.content.decode()
    assert "Apply exactly this" in html
    assert "create channel" in html


def test_apply_exactly_this_does_what_was_shown(operator: Client, chosen: Site) -> None:
    act(operator, "preview_selected")
    plan = newest()
    operator.post(f"/admin/run/{plan.pk}/apply/", follow=True)
    run = newest()
    assert (run.kind, run.status, run.digest) == ("apply", "done", plan.digest)
    assert run.applied == plan.planned


def test_apply_is_refused_with_an_explanation_when_the_plan_has_changed(
    operator: Client, chosen: Site
) -> None:
    act(operator, "preview_selected")
    plan = newest()
    GroupRegexFilter.objects.create(pattern=".", kind="exclude")
    page = operator.post(f"/admin/run/{plan.pk}/apply/", follow=True)
    assert newest().status == "error"
    assert "The plan has changed since it was shown" in page.content.decode()
    assert not chosen.rooms()


def test_a_viewer_may_not_apply_cancel_or_retry(viewer: Client, chosen: Site) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    for what in ("apply", "cancel", "retry", "again"):
        assert viewer.post(f"/admin/run/{plan.pk}/{what}/").status_code == 403, what
    assert newest() == plan


def test_what_changes_something_wants_post(operator: Client, chosen: Site) -> None:
    chosen.run(kind="preview", keep_plan=True)
    plan = newest()
    for what in ("apply", "cancel", "retry", "again"):
        assert operator.get(f"/admin/run/{plan.pk}/{what}/").status_code == 405, what


def test_the_safety_guard_speaks_on_the_preview_and_force_is_a_tick(
    operator: Client, chosen: Site
) -> None:
    chosen.apply()
    GroupRegexFilter.objects.update(pattern="no such group")
    settings = chosen_settings()
    settings.on_pattern_unmatched = "archive"
    settings.save()
    page = act(operator, "preview_selected")
    plan = newest()
    assert "would be archived" in plan.message
    assert "exceed the limits on purpose" in page.content.decode()
    operator.post(f"/admin/run/{plan.pk}/apply/", follow=True)
    assert newest().status == "quarantined"
    assert not any(room["archived"] for room in chosen.rooms())
    operator.post(f"/admin/run/{plan.pk}/apply/", {"force": "on"}, follow=True)
    assert newest().status == "done"
    assert all(room["archived"] for room in chosen.rooms())


def test_what_waits_is_approved_with_a_reason_by_who_may(
    administrator: Client, operator: Client, chosen: Site
) -> None:
    chosen.apply()
    GroupRegexFilter.objects.update(pattern="no such group")
    settings = chosen_settings()
    settings.on_pattern_unmatched = "archive"
    settings.save()
    act(operator, "sync_selected")
    waiting = newest()
    assert waiting.status == "quarantined"
    decide = f"/admin/run/{waiting.pk}/decide/"
    decision = {"decision": "approve", "reason": "the term is over"}
    assert operator.post(decide, decision).status_code == 403
    administrator.post(decide, {"decision": "approve", "reason": " "})
    waiting.refresh_from_db()
    assert waiting.status == "quarantined"
    administrator.post(decide, decision, follow=True)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == ("approved", "admin")
    assert all(room["archived"] for room in chosen.rooms())


def chosen_settings():
    from integration.models import IntegrationSettings

    return IntegrationSettings.load()


def test_retry_does_what_failed_once_the_cause_is_repaired(operator: Client, chosen: Site) -> None:
    chosen.chat.configure(permissions={"create-user": []})
    act(operator, "sync_selected")
    failed = newest()
    html = operator.get(f"/admin/integration/syncrun/{failed.pk}/change/").content.decode()
    assert "Retry what failed" in html
    assert "create-user" in html  # the cause
    chosen.chat.configure(permissions={"create-user": ["admin"]})
    operator.post(f"/admin/run/{failed.pk}/retry/", follow=True)
    assert newest().status == "done"
    assert not chosen.run(kind="preview").run.planned


def test_cancel_is_a_request_that_the_run_obeys(operator: Client, chosen: Site) -> None:
    run = SyncRun.objects.create(kind="apply", trigger="admin")
    operator.post(f"/admin/run/{run.pk}/cancel/")
    run.refresh_from_db()
    assert run.cancel_requested
    done = SyncRun.objects.create(kind="apply", trigger="admin", status="done")
    operator.post(f"/admin/run/{done.pk}/cancel/")
    done.refresh_from_db()
    assert not done.cancel_requested


def test_the_export_holds_every_operation_and_no_formula(operator: Client, chosen: Site) -> None:
    act(operator, "preview_selected")
    plan = newest()
    SyncOperation.objects.filter(run=plan, position=0).update(description='=cmd|"/c calc"!A1')
    response = operator.get(f"/admin/run/{plan.pk}/operations.csv")
    text = response.getvalue().decode()
    assert text.count("\r\n") == sum(plan.planned.values()) + 1
    assert "'=cmd" in text
    assert ",=cmd" not in text


def test_switches_and_marks_change_the_selected_courses(operator: Client, chosen: Site) -> None:
    first = IntegratedCourse.objects.get(shortname="MA110")
    for action, field, value in (
        ("background_off", "background_sync", False),
        ("background_on", "background_sync", True),
        ("events_on", "event_sync", True),
        ("events_off", "event_sync", False),
        ("mark_pending", "pending_sync", True),
    ):
        act(operator, action, first)
        first.refresh_from_db()
        assert getattr(first, field) is value
    assert not IntegratedCourse.objects.get(shortname="CS101").pending_sync


def test_stop_managing_first_says_what_happens_and_leaves_the_channels(
    administrator: Client, chosen: Site
) -> None:
    chosen.apply()
    rooms = len(chosen.rooms())
    page = act(administrator, "stop_managing")
    assert b"stay in Rocket.Chat as they are" in page.content
    assert IntegratedCourse.objects.count() == 2
    act(administrator, "stop_managing", confirmed="yes")
    assert IntegratedCourse.objects.count() == 0
    assert len(chosen.rooms()) == rooms
    assert ChannelLink.objects.exists()


def test_sync_everything_asks_for_courses_first(operator: Client, site: Site) -> None:
    operator.post("/admin/sync-everything/", {"kind": "preview"})
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("name", ["viewer", "operator", "administrator"])
def test_the_migration_makes_the_three_groups(transactional_db: None, name: str) -> None:
    import importlib

    from django.apps import apps
    from django.contrib.auth.models import Group
    from django.db import connection

    migration = importlib.import_module("integration.migrations.0002_groups")
    with connection.schema_editor() as editor:
        migration.make_groups(apps, editor)
    codenames = set(
        Group.objects.get(name=name)
        .permissions.filter(Q(content_type__app_label="integration"))
        .values_list("codename", flat=True)
    )
    assert "view_syncrun" in codenames
    assert ("sync" in codenames) is (name != "viewer")
    assert ("change_integrationsettings" in codenames) is (name == "administrator")
