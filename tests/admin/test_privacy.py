"""Everything about one person, and a person forgotten: looked at first, complete, and recorded."""

import json
import logging
import re
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django_q.models import Task

from demo.sample_moodle import writable
from integration.domain.messages import msg
from integration.models import (
    AccountLink,
    AuditEntry,
    Conflict,
    EventCursor,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    Pause,
    SyncOperation,
    SyncRun,
)
from integration.services.background import jobs
from integration.services.ledger import persons
from tests.support.paths import ROOT
from tests.support.site import Site, moodle_rows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


class Somebody(NamedTuple):
    user_id: int
    username: str
    full_name: str
    email: str

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.username, self.full_name, self.email)


@pytest.fixture
def synced(chosen: Site) -> Site:
    chosen.apply()
    return chosen


@pytest.fixture
def somebody(synced: Site) -> Somebody:
    """A person with an account and channels, whom everything knows by name."""
    made = SyncOperation.objects.filter(kind="create_account", status="done")
    user_id = ManagedMembership.objects.filter(
        account__moodle_user_id__in=made.values("moodle_user_id")
    ).values_list("account__moodle_user_id", flat=True)[0]
    ((username, first, last, email),) = moodle_rows(
        f"SELECT username, firstname, lastname, email FROM mdl_user WHERE id = {user_id}"
    )
    found = Somebody(user_id, username, f"{first} {last}", email)
    run = SyncRun.objects.latest("pk")
    run.skips = [{"subject": found.full_name, "reason": f"{username} left"}]
    protected = msg("{who} is protected", who=username)
    run.differences = [["kept", 1, protected]]
    run.save()
    IntegrationSettings.objects.update(protected_usernames=f"director\n{username}")
    IntegratedCourse.objects.update(differences=[["kept", 1, protected]])
    Pause.objects.create(actor="admin", reason=f"because of {found.full_name}")
    EventCursor.objects.update_or_create(pk=1, defaults={"problem": f"Duplicate entry '{email}'"})
    Task.objects.create(
        id="1" * 32,
        name="t",
        func="f",
        started=run.started_at,
        stopped=run.started_at,
        success=False,
        result=f"Duplicate entry '{email}' : Traceback",
    )
    Conflict.objects.create(
        kind="ambiguous",
        moodle_user_id=user_id,
        moodle_side=f"{found.full_name} ({email})",
        advice="x",
        last_seen=run.started_at,
    )
    return found


def delete_in_moodle(moodle: Path, somebody: Somebody) -> None:
    with writable(moodle) as database, database.cursor() as cursor:
        cursor.execute(
            "UPDATE mdl_user SET deleted = 1, username = %s, email = 'x' WHERE id = %s",
            [f"{somebody.email}.1700000000", somebody.user_id],
        )


def everything() -> str:
    """All that is in our tables, as the database has it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


def run(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_look_changes_nothing_and_says_what_would_go(somebody: Somebody) -> None:
    before = everything()
    told = run("forget_person", somebody.user_id)
    assert everything() == before
    assert "Nothing was changed" in told
    assert somebody.email in told
    assert "operations:" in told
    assert "would lose the names" in told
    account = AccountLink.objects.get(moodle_user_id=somebody.user_id).rocketchat_user_id
    assert f"The account in Rocket.Chat is {account}" in told


def test_a_forgotten_persons_names_are_nowhere(moodle: Path, somebody: Somebody) -> None:
    known = everything()
    assert all(text in known for text in somebody.texts), "the test is about something"
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "asked for by letter")
    left = everything()
    assert [text for text in somebody.texts if text in left] == []
    assert somebody.email not in str(Task.objects.get().result)
    assert IntegrationSettings.load().protected_usernames == "director"
    assert IntegratedCourse.objects.all()[0].differences[0][:2] == ["kept", 1]
    assert not AccountLink.objects.filter(moodle_user_id=somebody.user_id).exists()
    assert not Conflict.objects.filter(
        moodle_user_id=somebody.user_id, status=Conflict.Status.OPEN
    ).exists()


NO_NAMES = {
    "chosen from what a column is limited to, or a word of the program": {
        *("AuditEntry.actor_kind", "AuditEntry.action", "AuditEntry.result", "Conflict.kind"),
        *("Conflict.status", "ChannelLink.ended", "AccountLink.password_mail", "Notice.topic"),
        *("ManagedMembership.room_role", "SyncOperation.kind", "SyncOperation.status"),
        *("PendingEnding.kind", "SyncRun.kind", "SyncRun.trigger", "SyncRun.status"),
        *("SyncRun.cause", "MetricCounter.name", "MetricCounter.labels", "RemovalLimit.what"),
        *("RemovalLimit.span", "SignInIdentity.source"),
    },
    "numbers and ids": {
        *("AccountClaim.owner", "EventCursor.window", "EventCursor.lease_owner"),
        *("PushedEvent.signature", "WorkerBeat.name", "PassReading.fingerprint"),
        *("PassReading.open_runs", "Conflict.remote_id", "Conflict.courses", "LtiUse.nonce"),
        *("AccountLink.rocketchat_user_id", "ChannelLink.room_id", "SyncRun.digest"),
        *("SyncRun.scope", "SyncRun.planned", "SyncRun.applied", "SyncRun.requests"),
        *("SyncRun.taking", "SyncRun.chosen", "SyncRun.expect_digest", "SyncRun.request_id"),
        *("SyncRun.worker", "SyncOperation.key", "PendingEnding.key"),
        *("IntegratedCourse.last_size", "IntegratedCourse.known_idnumber"),
        *("IntegratedCourse.lease_owner", "LogEntry.object_id"),
    },
    "the row goes as a whole": {
        *("AccountLink.username", "AccountLink.moodle_username", "AccountLink.moodle_email"),
        *("AccountLink.moodle_idnumber", "PendingEnding.description", "PendingEnding.reason"),
    },
    "deleted after 10 minutes at most": {"PassReadingPiece.packed"},
    "names of courses and groups": {
        *("ChannelLink.name", "ChannelLink.topic", "ChannelLink.description"),
        *("ChannelLink.announcement", "ChannelLink.group_name", "ChannelLink.group_idnumber"),
        *("IntegratedCourse.shortname", "IntegratedCourse.fullname"),
        *("IntegratedCourse.known_shortname",),
    },
    "an administrator, who is told by the page how long": {
        *("AuditEntry.actor", "Pause.actor", "SyncRun.actor", "SyncRun.decided_by"),
        *("SignInIdentity.subject",),
    },
}
SETTINGS = {  # what administrators type, of nobody but themselves; names of accounts are in TEXTS
    *("IntegrationSettings", "LevelSettings", "GroupRegexFilter", "IncludedRole", "KeptLogin"),
    *("IntegratedCategory", "LinkKey", "LtiPlatform", "LtiDeployment", "LtiKey"),
}
TEXT_FIELDS = ("Char", "Text", "JSON", "Message", "MessageJSON", "Email", "Binary", "PickledObject")


def test_every_column_with_text_is_looked_through_or_has_a_reason() -> None:
    reasons = [name for names in NO_NAMES.values() for name in names]
    assert len(reasons) == len(set(reasons))
    searched = {
        f"{model.__name__}.{column}" for model, names in persons.TEXTS.items() for column in names
    }
    models = [*apps.get_app_config("integration").get_models(), *persons.TEXTS]
    columns = {
        f"{model.__name__}.{column.name}"
        for model in models
        if model.__name__ not in SETTINGS and model is not Task
        for column in model._meta.concrete_fields
        if type(column).__name__.removesuffix("Field") in TEXT_FIELDS
    }
    known = {name for name in searched if name.partition(".")[0] not in (*SETTINGS, "Task")}
    assert columns == known | set(reasons)
    assert not known & set(reasons)


def test_a_protected_account_is_told_before_it_is_protected_no_more(somebody: Somebody) -> None:
    told = run("forget_person", somebody.user_id)
    assert "protected accounts" in told
    assert IntegrationSettings.load().protected_usernames == f"director\n{somebody.username}"


def test_a_channel_keeps_its_name_when_a_person_who_left_it_is_forgotten(
    moodle: Path, somebody: Somebody
) -> None:
    SyncOperation.objects.create(
        run=SyncRun.objects.latest("pk"),
        position=9999,
        kind="remove_member",
        status="done",
        moodle_user_id=somebody.user_id,
        details={"name": "maths-9a", "room_id": "r", "username": somebody.username},
    )
    assert "maths-9a" not in persons.known_names(somebody.user_id)
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "r")
    details = SyncOperation.objects.get(kind="remove_member").details
    assert details["name"] == "maths-9a"
    assert details["username"] == f"person {somebody.user_id}"


def test_everybody_else_keeps_their_names_and_all_counts_stay(
    moodle: Path, somebody: Somebody
) -> None:
    others = AccountLink.objects.exclude(moodle_user_id=somebody.user_id)
    names = set(others.values_list("username", flat=True))
    rows = (SyncOperation.objects.count(), AuditEntry.objects.count())
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "asked for")
    assert set(others.values_list("username", flat=True)) == names
    operations = SyncOperation.objects.filter(kind="create_account")
    text = " ".join(operations.values_list("description", flat=True))
    assert all(name in text for name in names)
    assert (SyncOperation.objects.count(), AuditEntry.objects.count()) == (rows[0], rows[1] + 1)


def test_the_audit_trail_says_that_and_not_whom(moodle: Path, somebody: Somebody) -> None:
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "asked for")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject) == ("forget_person", f"person {somebody.user_id}")
    assert (entry.actor_kind, entry.reason) == ("command", "asked for")
    assert entry.after["changed"]["audit trail"] > 0
    with pytest.raises(TypeError, match="append-only"):
        AuditEntry.objects.update(subject="x")


def test_who_is_still_in_moodle_is_not_forgotten_unless_told(somebody: Somebody) -> None:
    before = everything()
    with pytest.raises(CommandError, match="Moodle still has person"):
        run("forget_person", somebody.user_id, "--apply", "--reason", "asked for")
    assert everything() == before
    run("forget_person", somebody.user_id, "--apply", "--reason", "r", "--although-in-moodle")
    assert somebody.email not in everything()


def test_a_moodle_that_cannot_be_read_is_no_moodle_without_the_person(
    somebody: Somebody, settings: Any
) -> None:
    settings.MOODLE_CONFIGURED = False
    with pytest.raises(CommandError, match="No Moodle is configured"):
        run("forget_person", somebody.user_id)
    assert "would lose" in run("forget_person", somebody.user_id, "--although-in-moodle")


def test_forgetting_needs_a_reason_and_waits_for_runs(moodle: Path, somebody: Somebody) -> None:
    delete_in_moodle(moodle, somebody)
    with pytest.raises(CommandError, match="needs a reason"):
        run("forget_person", somebody.user_id, "--apply")
    SyncRun.objects.create(kind="apply", trigger="event", status="running")
    with pytest.raises(CommandError, match="A run is in progress"):
        run("forget_person", somebody.user_id, "--apply", "--reason", "r")


def test_another_spelling_is_forgotten_where_it_is_named(moodle: Path, somebody: Somebody) -> None:
    AuditEntry.objects.create(
        action="note", subject="asked by Änne Schmidt-Öz", actor_kind="person"
    )
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "r", "--name", "Änne Schmidt-Öz")
    entry = AuditEntry.objects.get(action="note")
    assert entry.subject == f"asked by person {somebody.user_id}"


def test_what_was_done_to_a_forgotten_person_is_not_undone(
    synced: Site, moodle: Path, somebody: Somebody
) -> None:
    done = SyncRun.objects.filter(kind="apply").latest("pk")
    delete_in_moodle(moodle, somebody)
    run("forget_person", somebody.user_id, "--apply", "--reason", "r")
    plan = synced.run(kind="preview", keep_plan=True, undoes=done.pk)
    assert plan.report is not None
    assert plan.report.plan.operations, "the others can be turned back"
    texts = " ".join(one.describe() for one in plan.report.plan.operations)
    assert f"person {somebody.user_id}" not in texts


# ── The export ───────────────────────────────────────────────────────────────────────────────────


def test_the_export_holds_what_is_stored_about_the_person_and_nobody_else(
    somebody: Somebody,
) -> None:
    told = json.loads(run("export_person", somebody.user_id))
    assert set(somebody.texts) <= set(told["names"])
    (link,) = told["accountlink"]
    assert link["username"] == AccountLink.objects.get(moodle_user_id=somebody.user_id).username
    assert told["managedmembership"][0]["channel_name"]
    for name in ("syncoperation", "auditentry", "conflict"):
        assert told[name]
        assert {row["moodle_user_id"] for row in told[name]} == {somebody.user_id}
    assert [row["id"] for row in told["mentioned_in"]["syncrun"]] == [
        SyncRun.objects.latest("pk").pk
    ]
    others = moodle_rows(
        "SELECT id, username, email, firstname, lastname FROM mdl_user "
        f"WHERE id > 2 AND id != {somebody.user_id}"
    )
    texts = " ".join(strings_in(told))
    for user_id, username, email, first, last in others:
        for text in filter(None, (username, email, f"{first} {last}".strip())):
            assert not re.search(rf"(?<![\w.@+-]){re.escape(text)}(?![\w.@+-])", texts), text
        assert user_id not in people_in(told)


def strings_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for one in value for text in strings_in(one)]
    return [value] if isinstance(value, str) else []


def people_in(value: Any) -> set[int]:
    """The Moodle ids of people."""
    if isinstance(value, list):
        return {one for each in value for one in people_in(each)}
    if not isinstance(value, dict):
        return set()
    found = {one for one in value.values() for one in people_in(one)}
    keys = ("user", "user_id", "moodle_user_id")
    found |= {value[key] for key in keys if isinstance(value.get(key), int)}
    return found | {one for key in ("members", "people") for one in value.get(key, ())}


def test_of_joiners_and_sentences_only_the_person_is_told(somebody: Somebody) -> None:
    latest = SyncRun.objects.latest("pk")
    latest.skips = [
        {"subject": somebody.full_name, "reason": "gone"},
        {"subject": "Zacharias Zimt", "reason": "gone"},
    ]
    latest.save()
    joiners = [
        {"user": somebody.user_id, "username": somebody.username},
        {"user": 4242, "username": "zacharias"},
    ]
    SyncOperation.objects.create(
        run=latest,
        position=9999,
        kind="add_members",
        status="done",
        details={"joiners": joiners},
    )
    Conflict.objects.update(
        rocketchat_side=msg(
            "{one} has the address of {two}", one="Zacharias Zimt", two=somebody.username
        )
    )
    text = run("export_person", somebody.user_id)
    assert "acharias" not in text
    assert "4242" not in text
    assert f"… has the address of {somebody.username}" in text


def test_of_somebody_unknown_nothing_is_told(synced: Site) -> None:
    told = json.loads(run("export_person", 999999))
    assert told["names"] == []
    assert not any(told[name] for name in ("accountlink", "syncoperation", "auditentry"))
    assert "No row holds anything" in run("forget_person", 999999)


# ── Logs and retention ───────────────────────────────────────────────────────────────────────────


def test_no_name_is_in_the_log(chosen: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    chosen.chat.fault("refuse", endpoint="users.create", times=3)
    chosen.run()
    chosen.run()
    people = moodle_rows("SELECT username, email, firstname, lastname FROM mdl_user WHERE id > 2")
    assert "operation=create_account failed" in caplog.text
    found = {
        text
        for username, email, first, last in people
        for text in (username, email, f"{first} {last}")
        if len(text) > 3 and text in caplog.text
    }
    assert found == set()


def test_solved_conflicts_go_with_the_history(somebody: Somebody) -> None:
    old = "2020-01-01T00:00:00Z"
    Conflict.objects.update(status=Conflict.Status.SOLVED, solved_at=old)
    jobs.prune()
    assert not Conflict.objects.exists()


def test_errors_of_tasks_go_with_the_history(somebody: Somebody) -> None:
    jobs.prune()
    assert Task.objects.exists()
    Task.objects.update(stopped="2020-01-01T00:00:00Z")
    jobs.prune()
    assert not Task.objects.exists()


def test_what_stays_longer_than_the_history_is_on_the_page(somebody: Somebody) -> None:
    SyncRun.objects.update(finished_at="2020-01-01T00:00:00Z")
    jobs.prune()
    assert SyncOperation.objects.exists(), "those of the last good run"
    page = (ROOT / "docs" / "privacy.md").read_text()
    for stays in ("the last sync that went well", "the last run over each course", "wait for\nan"):
        assert stays in page
