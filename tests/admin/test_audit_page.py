"""The audit trail: a sentence for each entry, before and after as a table, filters."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from integration.domain import operations
from integration.domain.messages import counted, msg
from integration.domain.operations import ROLES, ChannelRef, SetTexts
from integration.domain.state import RoomRole
from integration.models import AuditEntry, Conflict, GroupRegexFilter, IntegratedCourse
from integration.services.admin import audit_lists
from integration.services.admin.audit_sentences import DECISIONS, OPERATIONS, sentence
from integration.services.ledger import audit_trail
from tests.support.school import School

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
PEOPLE = counted("{n} person", "{n} people", 5)
ANNA_MODERATOR = msg(
    "make {who} {role} of {channel}", who="anna", role=ROLES[RoomRole.MODERATOR], channel="FR-B1"
)
ROOM = ChannelRef(10, 2, "A", "r10", True)
URL = "/admin/integration/auditentry/"


@pytest.fixture(autouse=True)
def _web(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.SECURE_SSL_REDIRECT = False


def entry(action: str, subject: str, **values: Any) -> AuditEntry:
    given = {"actor_kind": "person", "actor": "admin", **values}
    return AuditEntry.objects.create(action=action, subject=subject, **given)


def listed(client: Client, query: str) -> list[str]:
    return [sentence(row) for row in client.get(f"{URL}{query}").context["cl"].result_list]


def test_the_list_counts_results_not_audit_trails(admin_client: Client) -> None:
    for number in (1, 2):
        entry("add_members", f"add {number} people to FR-B1")
    page = " ".join(admin_client.get(URL).content.decode().split())
    assert f"{AuditEntry.objects.count()} results" in page
    assert "audit trail </div>" not in page


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "subject", "said"),
    [
        ("set_room_role", ANNA_MODERATOR, "admin made anna moderator of FR-B1"),
        (
            "add_members",
            msg("add {people} to {channel}", people=PEOPLE, channel="FR-B1"),
            "admin added 5 people to FR-B1",
        ),
        (
            "add_members",
            msg("add {who} to {channel}", who="anna", channel="FR-B1"),
            "admin added anna to FR-B1",
        ),
        (
            "rename_channel",
            msg("rename channel {channel} to {name}", channel="A", name="B"),
            "admin renamed the channel A to B",
        ),
        *(
            ("set_topic", one.describe(), said)
            for one, said in (
                (SetTexts(ROOM, "B", reason="why"), "admin set the topic of A to B"),
                (
                    SetTexts(ROOM, description="B", reason="why"),
                    "admin set the description of A to B",
                ),
                (
                    SetTexts(ROOM, announcement="B", reason="why"),
                    "admin set the announcement of A to B",
                ),
                (
                    SetTexts(ROOM, "B", description="C", reason="why"),
                    "admin set texts of A: topic: B; description: C",
                ),
            )
        ),
        ("undo", msg("run {n}", n=5), "admin undid run 5"),
        ("change_groupregexfilter", "group pattern Include x", "admin changed the group pattern"),
        ("set_room_role", "words of another version", "admin: words of another version"),
        ("something_new", "whatever", "admin: whatever"),
    ],
)
def test_an_entry_is_a_sentence(action: str, subject: str, said: str) -> None:
    assert sentence(entry(action, subject)).startswith(said)


def test_what_did_not_work_is_not_told_as_done() -> None:
    words = msg("archive channel {channel}", channel="A")
    failed = entry("archive", words, result="failed")
    assert sentence(failed) == "admin tried this, and it failed: archive channel A"
    refused = entry("archive", words, result="refused")
    assert sentence(refused) == "admin tried this, and it was refused: archive channel A"


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("schedule", "The schedule"), ("event", "A Moodle event"), ("system", "rcsync")],
)
def test_who_acts_without_a_name_is_named(kind: str, begins: str) -> None:
    words = msg("archive channel {channel}", channel="A")
    row = entry("archive", words, actor_kind=kind, actor="")
    assert sentence(row) == f"{begins} archived the channel A"


def test_every_operation_has_a_sentence_and_every_entry_of_a_sync_finds_its_own(
    school: School,
) -> None:
    school.moodle.change_group(101, name="Renamed")
    school.moodle.change_person(1000, email="new@example.org", lastname="New")
    school.moodle.leave(102, [1005])
    school.run(force=True)
    done = AuditEntry.objects.filter(run_id__isnull=False)
    assert len({row.action for row in done}) >= 5
    assert not [row.subject for row in done if ": " in sentence(row)]


def test_every_operation_has_a_sentence() -> None:
    described = set()
    for path in Path(operations.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name == "describe":
                described |= {
                    node.value.args[0].value
                    for node in ast.walk(function)
                    if isinstance(node, ast.Return)
                    and isinstance(node.value, ast.Call)
                    and isinstance(node.value.args[0], ast.Constant)
                }
    assert described == set(OPERATIONS)


def test_an_entry_is_read_in_german_and_stored_in_english(school: School, viewer: Client) -> None:
    """Its sentence, its reason, and the words of ours in before and after."""
    viewer.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    with translation.override("de"):
        pattern = GroupRegexFilter.objects.create(pattern="a", kind="exclude")
    row = AuditEntry.objects.get(action="create_groupregexfilter", after__pattern="a")
    assert row.subject == f"group pattern Exclude {pattern.pattern}"
    html = viewer.get(f"{URL}{row.pk}/change/").content.decode()
    assert "hat angelegt: Gruppenmuster Ausschließen a" in html
    assert "exclude" not in html[html.index('id="changes"') :].partition("</table>")[0]
    row = AuditEntry.objects.get(action="create_channel", moodle_group_id=101)
    assert row.reason == "group 'Group 101' of course C10 should have a channel"
    html = viewer.get(f"{URL}{row.pk}/change/").content.decode()
    shown = html[html.index('id="content-main"') :]
    assert "should have a channel" not in shown
    assert "create channel" not in shown
    assert "should have a channel" not in viewer.get(URL).content.decode()


def test_a_sentence_is_said_in_the_language_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words around the names go through the catalogue, the inner ones too."""
    monkeypatch.setattr("integration.translation.gettext", lambda text: f"<{text}>")
    text = sentence(entry("set_room_role", ANNA_MODERATOR))
    assert text == "<admin made anna <moderator> of FR-B1>"


# --- the list and the page ------------------------------------------------------------------------


def test_the_list_is_sentences_without_names_of_the_code(school: School, viewer: Client) -> None:
    html = viewer.get(URL).content.decode()
    rows = html[html.index('id="result_list"') :].partition("</table>")[0]
    assert "created the channel C10-Group-101 with 5 people" in rows
    for word in ("create_channel", "set_room_role", "{&quot;"):
        assert word not in rows, word


def test_an_entry_shows_before_and_after_as_a_table(school: School, viewer: Client) -> None:
    row = AuditEntry.objects.get(action="create_channel", moodle_group_id=101)
    page = viewer.get(f"{URL}{row.pk}/change/")
    table = {one.label: (one.before, one.after) for one in page.context["changes"]}
    assert table["private"] == (None, "yes")
    assert table["members"][1] == ", ".join(f"Person {n}" for n in range(1000, 1005))
    html = page.content.decode()
    shown = html[html.index('id="content-main"') :].partition("</details>")[0]
    for raw in ("[", "{", "create_channel"):
        assert raw not in shown, raw
    assert f"/admin/integration/syncrun/{row.run_id}/change/" in html


def test_settings_are_called_what_their_page_calls_them(viewer: Client) -> None:
    pattern = GroupRegexFilter.objects.create(pattern="a")
    pattern.pattern, pattern.enabled = "b", False
    pattern.save()
    changed = AuditEntry.objects.get(action="change_groupregexfilter")
    found = audit_lists.changes(changed, with_names=False)
    assert [tuple(one) for one in found] == [("pattern", "a", "b"), ("enabled", "yes", "no")]


def test_a_long_list_of_members_is_cut_and_says_so() -> None:
    row = entry("add_members", "add 200 people to x", after={"members": list(range(200))})
    assert audit_lists.changes(row, with_names=True)[0].after.endswith("and 150 more")  # type: ignore[union-attr]


def test_an_entry_that_there_is_not_is_not_found(viewer: Client) -> None:
    for key in ("999999", "abc", "9" * 30):
        assert viewer.get(f"{URL}{key}/change/").status_code == 404


# --- filters --------------------------------------------------------------------------------------


def test_the_trail_is_filtered_by_person_course_and_kind(school: School, viewer: Client) -> None:
    school.moodle.change_person(1000, firstname="Zoé", lastname="Quirin")
    about = AuditEntry.objects.filter(moodle_user_id=1000)
    IntegratedCourse.objects.filter(course_id=10).update(fullname="Chemistry")
    entry("undo", "run 5", actor="berta")
    conflict = Conflict(kind="email_taken", moodle_side="m", moodle_user_id=1)
    audit_trail.record("ignore_conflict", f"{conflict.kind}: m")
    assert len(listed(viewer, "?person=quirin")) == about.count() > 0
    assert listed(viewer, "?person=berta") == ["berta undid run 5"]
    in_course = AuditEntry.objects.filter(moodle_course_id=10).count()
    assert len(listed(viewer, "?course=chemistry")) == len(listed(viewer, "?course=10")) > 1
    assert len(listed(viewer, "?course=10")) == in_course
    assert len(listed(viewer, "?action=create_channel")) == 4
    assert len(listed(viewer, "?action=conflicts")) == 1
    assert listed(viewer, "?action=runs") == ["berta undid run 5"]
    of_settings = viewer.get(f"{URL}?action=settings").context["cl"].result_list
    assert {row.action for row in of_settings} <= set(audit_lists.settings_actions())
    assert "create_includedrole" in {row.action for row in of_settings}
    assert listed(viewer, "?person=nobody+like+that") == []


def test_every_decision_is_in_one_kind() -> None:
    groups = (*audit_lists.CONFLICTS, *audit_lists.RUNS, *audit_lists.UPKEEP)
    assert sorted(groups) == sorted(DECISIONS)


def test_the_list_takes_as_many_queries_for_many_entries_as_for_few(
    school: School, viewer: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as ours:
            assert viewer.get(f"{URL}?person=anna&course=10").status_code == 200
        return len(ours)

    queries()
    few = queries()
    for number in range(60):
        entry("archive", f"archive channel anna-{number}", moodle_course_id=10)
    assert queries() == few
