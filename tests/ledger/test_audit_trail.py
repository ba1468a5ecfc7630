"""The audit trail: complete, append-only, without secrets, and fit to be exported."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from demo.standin import ADMIN_PASSWORD
from integration.domain.actor import Actor, acting
from integration.models import (
    AuditEntry,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    RemovalLimit,
    SyncOperation,
    SyncRun,
)
from integration.services.admin.audit_exports import export_audit
from integration.services.ledger import audit_trail
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])


def last(action: str) -> AuditEntry:
    entry = AuditEntry.objects.filter(action=action).first()
    assert entry is not None, list(AuditEntry.objects.values_list("action", flat=True))
    return entry


# ── Runs ─────────────────────────────────────────────────────────────────────────────────────────


def test_every_operation_that_was_tried_is_an_entry(school: School) -> None:
    school.chat.fault("refuse", endpoint="groups.kick")
    school.moodle.leave(101, [1000, 1001])
    school.moodle.change_person(1002, lastname="New")
    run = school.run()
    tried = run.operations.filter(
        status__in=[SyncOperation.Status.DONE, SyncOperation.Status.FAILED]
    )
    entries = AuditEntry.objects.filter(run_id=run.pk)
    assert entries.count() == tried.count() == 3
    assert set(entries.values_list("action", "result")) == {
        ("remove_member", "done"),
        ("remove_member", "failed"),
        ("update_account", "done"),
    }
    failed = entries.get(result="failed")
    assert "Refused on request" in failed.error
    assert failed.reason == "no longer in group 'Group 101'"


def test_an_entry_says_who_and_what_it_was_before_and_after(school: School) -> None:
    school.moodle.change_group(101, name="Seminar")
    run = school.run(actor="anna")
    entry = last("rename_channel")
    assert (entry.before, entry.after) == ({"name": "C10-Group-101"}, {"name": "C10-Seminar"})
    assert (entry.actor_kind, entry.actor, entry.run_id) == ("command", "anna", run.pk)
    assert (entry.moodle_group_id, entry.moodle_course_id) == (101, 10)


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [("admin", "person"), ("command", "command"), ("schedule", "schedule"), ("event", "event")],
)
def test_every_trigger_is_an_actor(trigger: str, kind: str) -> None:
    assert audit_trail.actor_of(SyncRun(trigger=trigger, actor="x")) == Actor(kind, "x")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_setting_is_recorded_with_before_and_after() -> None:
    row = IntegrationSettings.load()
    row.limit_percent = 80
    with acting(Actor("person", "ben")):
        row.save()
    entry = last("change_integrationsettings")
    assert (entry.before, entry.after) == ({"limit_percent": 30}, {"limit_percent": 80})
    assert (entry.actor_kind, entry.actor) == ("person", "ben")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: GroupRegexFilter.objects.create(pattern="^A"), "groupregexfilter"),
        (lambda: IncludedRole.objects.create(role_id=5), "includedrole"),
        (lambda: IntegratedCourse.objects.create(course_id=5), "integratedcourse"),
        (lambda: RemovalLimit.objects.create(what="accounts", span="run"), "removallimit"),
    ],
)
def test_patterns_roles_courses_and_limits_are_recorded(make: Any, name: str) -> None:
    row = make()
    assert last(f"create_{name}").after
    row.delete()
    assert last(f"delete_{name}").before


def test_changes_of_many_rows_at_once_are_recorded() -> None:
    IntegratedCourse.objects.bulk_create([IntegratedCourse(course_id=n) for n in (1, 2)])
    assert AuditEntry.objects.filter(action="create_integratedcourse").count() == 2
    IntegratedCourse.objects.update(event_sync=True)
    changes = AuditEntry.objects.filter(action="change_integratedcourse")
    assert list(changes.values_list("after", flat=True)) == [{"event_sync": True}] * 2
    rows = list(IntegratedCourse.objects.all())
    for row in rows:
        row.background_sync = False
    IntegratedCourse.objects.bulk_update(rows, ["background_sync"])
    assert changes.count() == 4


def test_what_a_run_writes_about_a_course_is_no_change_of_settings(school: School) -> None:
    before = AuditEntry.objects.count()
    school.run()
    assert AuditEntry.objects.count() == before


def test_rights_of_people_are_recorded() -> None:
    user = User.objects.create_user("carla", password="very-secret-word")
    user.is_superuser = True
    user.save()
    assert last("change_user").after == {"is_superuser": True}
    user.groups.add(Group.objects.create(name="g"))
    assert "groups add" in last("change_user").after
    assert "very-secret-word" not in _everything()


def test_a_change_at_the_admin_is_put_down_to_who_made_it(client: Client) -> None:
    User.objects.create_superuser("dora", password="x")
    client.login(username="dora", password="x")
    client.post(
        "/admin/integration/groupregexfilter/add/",
        {"pattern": "^Lab", "kind": "include", "enabled": "on", "position": 0},
    )
    entry = last("create_groupregexfilter")
    assert (entry.actor_kind, entry.actor) == ("person", "dora")


def _everything() -> str:
    return json.dumps(list(AuditEntry.objects.values()), default=str)


def test_no_secret_is_in_the_trail(school: School) -> None:
    row = IntegrationSettings.load()
    for token in ("first-token-0123456789", "second-token-0123456789", ""):
        row.rocketchat_auth_token = token
        row.save()
    msg = [entry.after for entry in AuditEntry.objects.filter(action="change_integrationsettings")]
    assert [
        after["rocketchat_auth_token"] for after in msg if "rocketchat_auth_token" in after
    ] == [
        "",
        "(changed)",
        "(set)",
    ]
    assert "token-0123" not in _everything()
    assert ADMIN_PASSWORD not in _everything()


# ── Append-only ──────────────────────────────────────────────────────────────────────────────────


def test_an_entry_cannot_be_changed_or_deleted() -> None:
    entry = audit_trail.record("test", "x")
    for forbidden in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.update(subject="y"),
        lambda: AuditEntry.objects.bulk_update([entry], ["subject"]),
    ):
        with pytest.raises(TypeError, match="append-only"):
            forbidden()
    assert AuditEntry.objects.get().subject == "x"


def test_the_trail_outlives_the_runs(school: School) -> None:
    count = AuditEntry.objects.exclude(run_id=None).count()
    SyncRun.objects.all().delete()
    assert AuditEntry.objects.exclude(run_id=None).count() == count > 0


def test_old_entries_go_only_by_the_retention_in_the_settings() -> None:
    audit_trail.record("old", "x")
    QuerySet.update(AuditEntry.objects.all(), at=timezone.now() - timedelta(days=400))
    row = IntegrationSettings.load()
    assert row.audit_days == 365, "a year, unless changed"
    row.audit_days = None
    row.save()
    assert audit_trail.prune() == 0
    row.audit_days = 365
    row.save()
    assert audit_trail.prune() == 1
    assert not AuditEntry.objects.filter(action="old").exists()
    assert last("prune_audit").subject == "1 entry older than 365 days"


# ── Export ───────────────────────────────────────────────────────────────────────────────────────

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", "%0A=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(text: str) -> None:
    audit_trail.record("test", text, reason=text)
    (line,) = list(csv.DictReader(io.StringIO("".join(export_audit(audit_trail.entries(), "csv")))))
    for column in ("subject", "reason"):
        assert line[column].startswith("'")
        assert line[column][1:] == text


def test_json_lines_give_back_every_entry(school: School) -> None:
    audit_trail.record("test", 'quotes " and\nlines', after={"a": ["ü", 1]})
    lines = [json.loads(line) for line in export_audit(audit_trail.entries(), "jsonl")]
    assert len(lines) == AuditEntry.objects.count() > 20
    assert lines[-1]["subject"] == 'quotes " and\nlines'
    assert lines[-1]["after"] == {"a": ["ü", 1]}
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)


def test_the_trail_can_be_narrowed_to_a_person(school: School) -> None:
    school.moodle.leave(101, [1000])
    school.run()
    actions = [entry.action for entry in audit_trail.entries(user=1000)]
    assert actions == ["create_account", "remove_member"]
