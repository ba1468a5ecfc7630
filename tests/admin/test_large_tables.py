"""Lists, pages of runs and the pruning over large tables: nothing is counted or deleted whole."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.model_admins.bases import CsvList
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
    SyncRun,
)
from integration.services.admin import audit_lists, link_lists, paging, runs
from integration.services.background import jobs
from integration.services.ledger import audit_trail, pruning, reading

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
LISTS = ("auditentry", "managedmembership")


@pytest.fixture
def admin(admin_user: Any, settings: Any) -> Client:
    settings.SECURE_SSL_REDIRECT = False
    client = Client()
    client.force_login(admin_user)
    return client


def fill(number: int) -> None:
    channel = ChannelLink.objects.create(moodle_group_id=1, moodle_course_id=1, room_id="r")
    for index in range(number):
        name = f"person{index}"
        account = AccountLink.objects.create(
            moodle_user_id=index, rocketchat_user_id=name, username=name
        )
        ManagedMembership.objects.create(channel=channel, account=account)
        audit_trail.record("tried", f"entry {index}")


def statements(client: Client, page: str) -> tuple[str, list[str]]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        answer = client.get(page)
    assert answer.status_code == 200
    return answer.content.decode(), [one["sql"] for one in seen.captured_queries]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("query", ["", "?q=person"])
def test_a_huge_table_is_never_counted_whole(admin: Client, name: str, query: str) -> None:
    fill(2)
    _page, asked = statements(admin, f"/admin/integration/{name}/{query}")
    counting = [sql for sql in asked if "COUNT(*)" in sql and f"integration_{name}" in sql]
    assert counting
    assert all("LIMIT" in sql for sql in counting), counting


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_cut_says_so_and_names_no_false_number(
    admin: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(4)
    there = (AuditEntry if name == "auditentry" else ManagedMembership).objects.count()
    monkeypatch.setattr(paging, "MOST_COUNTED", there)
    page, _asked = statements(admin, f"/admin/integration/{name}/")
    assert "More than" not in page
    monkeypatch.setattr(paging, "MOST_COUNTED", there - 1)
    page, _asked = statements(admin, f"/admin/integration/{name}/")
    said, cut = f"More than {there - 1} results", f"{there - 1} results"
    assert (page.count(said), page.count(cut)) == (1, 1)


def test_the_number_of_statements_does_not_grow_with_the_table(admin: Client) -> None:
    admin.get("/admin/integration/auditentry/")
    fill(3)
    before = [len(statements(admin, f"/admin/integration/{name}/")[1]) for name in LISTS]
    AuditEntry.objects.bulk_create(
        AuditEntry(actor_kind="system", action="tried", subject=f"entry {n}") for n in range(60)
    )
    channel = ChannelLink.objects.get()
    for number in range(100, 160):
        account = AccountLink.objects.create(
            moodle_user_id=number, rocketchat_user_id=f"u{number}", username=f"u{number}"
        )
        ManagedMembership.objects.create(channel=channel, account=account)
    after = [len(statements(admin, f"/admin/integration/{name}/")[1]) for name in LISTS]
    assert after == before


def a_run(number: int, **columns: Any) -> SyncRun:
    run = SyncRun.objects.create(
        kind=SyncRun.Kind.APPLY,
        trigger=SyncRun.Trigger.SCHEDULE,
        status=SyncRun.Status.DONE,
        finished_at=timezone.now() - timedelta(days=400),
        **columns,
    )
    SyncOperation.objects.bulk_create(
        SyncOperation(run=run, position=n, kind="add_members", status="done", reason="r")
        for n in range(number)
    )
    return run


def test_the_pages_of_a_run_end_at_the_bound_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 200)
    run = a_run(201)
    page = runs.page_of(runs.operations(run), "99")
    assert (page.number, page.paginator.num_pages) == (2, 2)
    assert page.paginator.is_cut  # type: ignore[attr-defined]


def test_statuses_of_a_run_are_all_counted() -> None:
    run = a_run(3)
    SyncOperation.objects.filter(run=run, position=0).update(status="failed")
    assert runs.statuses_in(run) == {"failed": 1, "done": 2}


@pytest.mark.parametrize("kind", ["apply", "preview"])
@pytest.mark.parametrize("done", [0, 3])
def test_statuses_are_counted_right_whichever_is_the_most_frequent(kind: str, done: int) -> None:
    run = a_run(4, done_count=done)
    SyncRun.objects.filter(pk=run.pk).update(kind=kind)
    run.refresh_from_db()
    SyncOperation.objects.filter(run=run, position=0).update(status="failed")
    SyncOperation.objects.filter(run=run, position=1).update(status="not_tried")
    assert runs.statuses_in(run) == {"failed": 1, "not_tried": 1, "done": 2}
    assert runs.statuses_in(a_run(0)) == {}


def test_the_most_frequent_status_of_a_run_is_not_counted() -> None:
    with CaptureQueriesContext(connection) as seen:
        assert runs.statuses_in(a_run(4, done_count=4)) == {"done": 4}
    counting = [q["sql"] for q in seen.captured_queries if "COUNT(" in q["sql"]]
    assert len(counting) == 1
    assert "'done'" not in counting[0]


def deleted_at_once(seen: CaptureQueriesContext, model: Any) -> int:
    """The most rows of the table that one DELETE names, where rows are left to delete."""
    begins = f'DELETE FROM "{model._meta.db_table}"'
    deletes = [q["sql"] for q in seen.captured_queries if q["sql"].startswith(begins)]
    named = [sql for sql in deletes if '"."id" IN (' in sql]
    assert len(named) > 1
    return max(sql.count(", ") + 1 for sql in named)


def test_runs_are_pruned_in_bounded_steps_with_all_that_belongs_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "STEP", 10)
    parent = a_run(25)
    a_run(25, parent=parent)
    kept = a_run(0)
    SyncRun.objects.filter(pk=kept.pk).update(finished_at=timezone.now())
    with CaptureQueriesContext(connection) as seen:
        assert jobs.prune() == 1
    assert deleted_at_once(seen, SyncOperation) == 10
    assert list(SyncRun.objects.values_list("pk", flat=True)) == [kept.pk]
    assert not SyncOperation.objects.exists()


def test_the_audit_trail_is_pruned_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP", 10)
    IntegrationSettings.load()
    for number in range(25):
        audit_trail.record("tried", f"entry {number}")
    QuerySet.update(AuditEntry.objects.all(), at=timezone.now() - timedelta(days=400))
    young = audit_trail.record("tried", "young")
    with CaptureQueriesContext(connection) as seen:
        assert audit_trail.prune() >= 25
    assert deleted_at_once(seen, AuditEntry) == 10
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"tried", "prune_audit"}
    assert AuditEntry.objects.filter(pk=young.pk).exists()


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("query", ["", "?q=person"])
def test_a_huge_table_is_put_in_order_without_other_tables(
    admin: Client, name: str, query: str
) -> None:
    """MariaDB may begin with the other table, and sort all rows of the join."""
    fill(2)
    _page, asked = statements(admin, f"/admin/integration/{name}/{query}")
    ordered = [sql for sql in asked if f'FROM "integration_{name}"' in sql and "ORDER BY" in sql]
    assert ordered
    assert not [sql for sql in ordered if " JOIN " in sql]


def test_a_step_of_pruning_is_two_statements_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "STEP", 10)
    IntegrationSettings.load()

    def pruned(operations: int) -> int:
        """Statements that prune one run of so many operations."""
        last = a_run(0)  # the last good one stays
        SyncRun.objects.filter(pk=last.pk).update(finished_at=timezone.now())
        a_run(operations)
        with CaptureQueriesContext(connection) as seen:
            assert jobs.prune() == 1
        return len(seen)

    pruned(10)
    assert pruned(60) - pruned(20) == 2 * (6 - 2)


@pytest.mark.parametrize(
    ("address", "column"),
    [
        ("managedmembership/?o=1", "username"),
        ("managedmembership/?o=3", "room_role"),
        ("accountlink/?o=3", "deactivated"),
        ("auditentry/?o=2", "subject"),
    ],
)
def test_no_address_sorts_a_huge_table_by_a_column_without_an_index(
    admin: Client, address: str, column: str
) -> None:
    fill(2)
    _page, asked = statements(admin, f"/admin/integration/{address}")
    orders = [sql.partition("ORDER BY")[2] for sql in asked if "ORDER BY" in sql]
    assert orders
    assert not [order for order in orders if f'"{column}"' in order.partition("LIMIT")[0]]


# --- search ---------------------------------------------------------------------------------------


def account(name: str, **columns: Any) -> AccountLink:
    number = AccountLink.objects.count() + 1
    return AccountLink.objects.create(
        moodle_user_id=number, rocketchat_user_id=f"u{number}", username=name, **columns
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [("an", {"anna"}), ("a*", {"a*b"}), ("a[", {"a[c"}), ("a?", {"a?d"}), ("a_", {"a_e"})],
)
def test_a_beginning_is_taken_as_it_is_written(text: str, found: set[str]) -> None:
    for name in ("anna", "berta", "a*b", "a[c", "a?d", "a_e", "a%f"):
        account(name)
    rows = AccountLink.objects.filter(username__begins=text)
    assert set(rows.values_list("username", flat=True)) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("anna", {"anna in red", "anna in blue"}),
        ("an re", {"anna in red"}),
        ("anna@example.org", {"anna in red", "anna in blue"}),
        ("BLUE", {"anna in blue", "carl in blue"}),
        ("nna", set()),
        ("anna carl", set()),
    ],
)
def test_memberships_are_found_by_words_of_account_and_channel(
    admin: Client, words: str, found: set[str]
) -> None:
    anna, carl = account("anna", moodle_email="anna@example.org"), account("carl")
    red, blue = (
        ChannelLink.objects.create(
            moodle_group_id=number, moodle_course_id=1, room_id=name, name=name
        )
        for number, name in enumerate(("red", "blue"))
    )
    for channel, member in ((red, anna), (blue, anna), (blue, carl)):
        ManagedMembership.objects.create(channel=channel, account=member)
    page = admin.get("/admin/integration/managedmembership/", {"q": words})
    assert {str(row) for row in page.context["cl"].result_list} == found


def test_a_membership_says_in_words_who_made_it(admin: Client) -> None:
    fill(2)
    ManagedMembership.objects.filter(account__username="person1").update(ours=False)
    page = admin.get("/admin/integration/managedmembership/").content.decode()
    said = re.findall(r'class="field-origin[^>]*>\s*([^<]+?)\s*<', page)
    assert sorted(said) == ["by hand", "by rcsync"]


@pytest.mark.parametrize("name", ["accountlink", "managedmembership"])
def test_a_search_that_finds_too_much_says_so(
    admin: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(3)
    url = f"/admin/integration/{name}/?q=person"
    assert "only some of them are listed" not in admin.get(url).content.decode()
    monkeypatch.setattr(link_lists, "MOST_PEOPLE", 2)
    page = admin.get(url)
    assert "More than 2 have these words" in page.content.decode()
    assert len(page.context["cl"].result_list) == 2


def test_only_the_newest_entries_of_the_audit_trail_are_searched_and_the_page_says_so(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        audit_trail.record("tried", f"seminar {number}")
    url = "/admin/integration/auditentry/?action=tried&q=seminar"
    page = admin.get(url)
    assert len(page.context["cl"].result_list) == 6
    assert "newest" not in page.content.decode()
    monkeypatch.setattr(audit_lists, "MOST_SEARCHED", 4)
    page = admin.get(url)
    subjects = [row.subject for row in page.context["cl"].result_list]
    assert subjects == ["seminar 5", "seminar 4", "seminar 3", "seminar 2"]
    assert "Only the newest 4 entries were searched" in page.content.decode()


def test_the_search_of_a_run_ends_at_the_bound_and_says_so_and_its_file_has_all(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(5)
    url = f"/admin/integration/syncrun/{run.pk}/change/?search=r"
    assert "operations were searched" not in admin.get(url).content.decode()
    monkeypatch.setattr(runs, "MOST_SEARCHED", 3)
    page = admin.get(url)
    assert "Only the first 3 of these operations were searched" in page.content.decode()
    assert len(page.context["rows"]) == 3
    answer: Any = admin.get(f"/admin/run/{run.pk}/operations.csv?search=r")
    assert len(b"".join(answer.streaming_content).splitlines()) == 1 + 5


@pytest.mark.parametrize("scope", [None, [1, 2, 3]])
def test_the_courses_of_a_run_can_be_chosen_unless_there_are_too_many(
    scope: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        IntegratedCourse.objects.create(course_id=number, shortname=f"C{number}")
    run = a_run(2, scope={"courses": scope})
    SyncOperation.objects.filter(run=run).update(moodle_course_id=2)
    assert runs.courses_in(run) == [(2, "C2")]
    monkeypatch.setattr(runs, "MOST_COURSES", 2)
    assert runs.courses_in(run) == [(2, "C2")], "few operations name their courses themselves"
    monkeypatch.setattr(runs, "MOST_COUNTED", 1)
    assert runs.courses_in(run) == []


# --- files ----------------------------------------------------------------------------------------


def many_links(number: int) -> None:
    channel = ChannelLink.objects.create(moodle_group_id=1, moodle_course_id=1, room_id="r")
    for index in range(number):
        ManagedMembership.objects.create(channel=channel, account=account(f"person{index}"))
        audit_trail.record("tried", f"entry {index}")


FILES = (
    ("accountlink", "/admin/integration/accountlink/csv/?q=person"),
    ("auditentry", "/admin/audit.csv"),
    ("auditentry", "/admin/audit.jsonl"),
    ("syncoperation", "/admin/run/{run}/operations.csv"),
)


@pytest.mark.parametrize(("table", "address"), FILES)
def test_a_file_is_read_some_rows_at_a_time_and_sent_meanwhile(
    admin: Client, table: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.rows_by, "__defaults__", ("pk", 4))
    monkeypatch.setattr(CsvList, "csv_chunk", 4)
    many_links(10)
    run = a_run(10)
    there: Any = {"auditentry": AuditEntry, "accountlink": AccountLink}.get(table, SyncOperation)
    answer: Any = admin.get(address.format(run=run.pk))
    lines = iter(answer.streaming_content)
    with CaptureQueriesContext(connection) as first:
        begun = [next(lines), next(lines)]
    with CaptureQueriesContext(connection) as later:
        rest = list(lines)
    text = b"".join([*begun, *rest]).decode()
    assert text.count("\n") >= there.objects.count()

    def read(seen: CaptureQueriesContext) -> int:
        """Statements that read rows of the table with what the file shows of them."""
        shown = f'"integration_{table}"."{"username" if table == "accountlink" else "reason"}",'
        return sum(shown in query["sql"] for query in seen.captured_queries)

    assert read(first) == 1
    assert read(later) >= 2


def test_rows_come_whole_and_in_order_whatever_their_number() -> None:
    for number in range(9):
        account(f"person{number}")
    names = [f"person{number}" for number in range(9)]
    rows = AccountLink.objects.all()
    for size in (1, 3, 4, 9, 10):
        assert [row.username for row in reading.rows_by(rows, size=size)] == names
        backwards = reading.rows_in_order(rows.order_by("-username"), size)
        assert [row.username for some in backwards for row in some] == names[::-1]
    assert list(reading.rows_by(rows.none())) == list(reading.rows_in_order(rows.none())) == []
