"""Every list is a download, with the columns that it shows."""

import csv
import io
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.domain.messages import msg
from integration.model_admins.bases import CsvList
from integration.models import (
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegrationSettings,
    LtiPlatform,
    ManagedMembership,
    PendingEnding,
    RemovalLimit,
    SyncOperation,
    SyncRun,
)
from integration.services.monitoring import failures
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
LISTS = ("syncrun", "conflict", "pendingending", "managedmembership")


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def rows_of(client: Client, address: str) -> list[list[str]]:
    answer = client.get(address)
    text = b"".join(answer.streaming_content).decode().lstrip("\ufeff")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def test_each_list_offers_its_download_and_the_file_has_its_rows(
    administrator: Client, chosen: Site
) -> None:
    chosen.apply()
    PendingEnding.objects.create(
        key="7", moodle_user_id=7, kind="deactivate", description="a", reason="b", since=1, due=2
    )
    Conflict.objects.create(
        kind="email_taken", moodle_user_id=7, moodle_side="x", last_seen=timezone.now()
    )
    for name in LISTS:
        page = administrator.get(f"/admin/integration/{name}/", follow=True).content.decode()
        assert 'href="csv/' in page, name
    for model in (SyncRun, Conflict, PendingEnding, ManagedMembership):
        heading, *rows = rows_of(administrator, f"/admin/integration/{model._meta.model_name}/csv/")
        assert len(rows) == model.objects.count() > 0, model
        assert all(len(row) == len(heading) for row in rows)
        assert not any("<" in cell for row in rows for cell in row)


WITHOUT_A_LIST = {IntegrationSettings, LtiPlatform}  # one row; on a page of their own
DOWNLOAD = re.compile(r'href="([^"]*csv[^"]*)"')


def test_every_list_of_the_admin_offers_a_download_that_answers(administrator: Client) -> None:
    without = set()
    for model in admin.site._registry:
        at = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        page = administrator.get(at, follow=True)
        if page.redirect_chain and not page.redirect_chain[-1][0].startswith((at + "?", "?")):
            without.add(model)
            continue
        offered = DOWNLOAD.search(page.content.decode())
        assert offered, f"{at} offers no download"
        file: Any = administrator.get(urljoin(at, unescape(offered[1])))
        assert file.headers["Content-Type"].startswith("text/csv"), at
        heading = next(csv.reader(io.StringIO(b"".join(file.streaming_content).decode())))
        assert len(heading) > 1, at
    assert without == WITHOUT_A_LIST


def test_a_download_says_words_and_not_codes(administrator: Client, chosen: Site) -> None:
    run = chosen.apply().run
    heading, row = rows_of(administrator, "/admin/integration/syncrun/csv/")
    assert heading[:3] == ["Run", "Kind", "Status"]
    assert row[0] == str(run.pk)
    assert row[2] == run.get_status_display()


def test_a_download_follows_the_filter(administrator: Client, chosen: Site) -> None:
    chosen.apply()
    address = "/admin/integration/syncrun/csv/?status__exact=error"
    assert len(rows_of(administrator, address)) == 1


def test_who_may_not_see_a_list_gets_no_file(chosen: Site, client: Client) -> None:
    for name in LISTS:
        assert client.get(f"/admin/integration/{name}/csv/").status_code == 302


# --- what is set up -------------------------------------------------------------------------------


def table(client: Client, address: str) -> tuple[list[str], list[list[str]]]:
    heading, *rows = rows_of(client, address)
    return heading, rows


def test_patterns_are_in_the_file_as_they_were_typed(administrator: Client) -> None:
    GroupRegexFilter.objects.create(pattern=" <b>A & B</b> ", kind="exclude", enabled=False)
    heading, rows = table(administrator, "/admin/integration/groupregexfilter/csv/")
    assert heading == ["Pattern", "Kind", "Enabled"]
    assert rows == [[" <b>A & B</b> ", "Exclude", "no"]]


def test_no_cell_of_a_list_is_a_formula(administrator: Client) -> None:
    GroupRegexFilter.objects.create(pattern="=cmd|' /C calc'!A0", kind="include")
    User.objects.create_user("@SUM(1)", first_name="\t=1", last_name="+1")
    _heading, patterns = table(administrator, "/admin/integration/groupregexfilter/csv/")
    assert patterns[0][0] == "'=cmd|' /C calc'!A0"
    _heading, users = table(administrator, "/admin/auth/user/csv/?q=SUM")
    assert [users[0][0], *users[0][2:4]] == ["'@SUM(1)", "'\t=1", "'+1"]


def test_included_roles_and_limits_are_files(administrator: Client) -> None:
    IncludedRole.objects.create(role_id=5, shortname="student", room_role="leader")
    RemovalLimit.objects.create(what="remove_member", span="course", percent=20)
    heading, rows = table(administrator, "/admin/integration/includedrole/csv/")
    assert dict(zip(heading, rows[0], strict=True)) == {
        "Short name": "student",
        "Moodle role id": "5",
        "Enabled": "yes",
        "Role in the channel": "Leader",
    }
    _heading, rows = table(administrator, "/admin/integration/removallimit/csv/")
    limit = RemovalLimit.objects.get()
    assert rows == [[limit.get_what_display(), limit.get_span_display(), "20", ""]]


def test_users_are_a_file_without_any_secret(administrator: Client) -> None:
    milena = User.objects.create_user("milena", password="secret", last_login=timezone.now())
    milena.groups.add(Group.objects.get_or_create(name="operator")[0])
    heading, rows = table(administrator, "/admin/auth/user/csv/?q=milena")
    (row,) = rows
    of = dict(zip(heading, row, strict=True))
    assert (of["Username"], of["Role in rcsync"], of["Active"]) == ("milena", "Operator", "yes")
    hashes = User.objects.values_list("password", flat=True)
    text = str(rows_of(administrator, "/admin/auth/user/csv/"))
    assert not [one for one in hashes if one in text or one.rpartition("$")[2] in text]
    assert "assword" not in str(heading)


def test_user_groups_are_a_file_with_their_users_and_permissions(administrator: Client) -> None:
    group = Group.objects.create(name="auditors")
    group.permissions.add(Permission.objects.get(codename="view_syncrun"))
    for name in ("zoe", "anna"):
        User.objects.create_user(name).groups.add(group)
    heading, rows = table(administrator, "/admin/auth/group/csv/?q=auditors")
    assert heading == ["Name", "Users", "Permissions"]
    assert rows == [["auditors", "anna; zoe", "Run: view"]]


@pytest.mark.parametrize("name", ["user", "group"])
def test_statements_of_a_file_do_not_grow_with_its_rows(administrator: Client, name: str) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            rows_of(administrator, f"/admin/auth/{name}/csv/")
        return len(seen)

    def more(number: int) -> None:
        for at in range(User.objects.count(), User.objects.count() + number):
            group = Group.objects.create(name=f"g{at}")
            group.permissions.add(Permission.objects.order_by("pk")[at])
            User.objects.create_user(f"u{at}").groups.add(group)

    more(2)
    few = statements()
    more(20)
    assert statements() == few


def test_statements_grow_by_whole_pieces_of_a_long_list(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the rows, of their groups: two statements a piece."""
    monkeypatch.setattr(CsvList, "csv_chunk", 5)

    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            rows_of(administrator, "/admin/auth/user/csv/?q=many")
        return len(seen)

    User.objects.bulk_create(User(username=f"many{n}") for n in range(10))
    few = statements()
    User.objects.bulk_create(User(username=f"many{n}") for n in range(10, 20))
    assert statements() == few + 2 * 2


# --- open failures --------------------------------------------------------------------------------


def a_failure(run: SyncRun, position: int, **values: Any) -> SyncOperation:
    given: dict[str, Any] = {"kind": "archive", "moodle_course_id": 10, "status": "failed"}
    return SyncOperation.objects.create(
        run=run, position=position, moodle_group_id=position, reason="why", **(given | values)
    )


def failed_run() -> SyncRun:
    scope = {"courses": [10], "users": None}
    return SyncRun.objects.create(kind="apply", trigger="admin", status="failed", scope=scope)


def test_open_failures_are_a_file_that_follows_the_filter(administrator: Client) -> None:
    run = failed_run()
    a_failure(run, 1, description=msg("archive {it}", it="=one"), error="no permission")
    a_failure(run, 2, description="two", kind="create_channel", hint="repair it")
    page = administrator.get("/admin/failures/?kind=archive").content.decode()
    assert 'href="/admin/failures.csv?kind=archive"' in page
    heading, rows = table(administrator, "/admin/failures.csv?kind=archive")
    assert [row[heading.index("What")] for row in rows] == ["archive =one"]
    assert [row[heading.index("Run")] for row in rows] == [str(run.pk)]
    assert [row[heading.index("Error")] for row in rows] == ["no permission"]
    assert len(table(administrator, "/admin/failures.csv")[1]) == 2


def test_a_file_of_failures_that_is_cut_says_so(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failed_run()
    for position in range(3):
        a_failure(run, position, description=f"{position}")
    monkeypatch.setattr(failures, "MAX_FAILURES", 2)
    _heading, rows = table(administrator, "/admin/failures.csv")
    assert len(rows) == 3
    assert rows[-1] == ["The newest 2 of 3 are shown."]


def test_who_may_not_see_runs_gets_no_file_of_failures(client: Client) -> None:
    assert client.get("/admin/failures.csv").status_code == 302
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get("/admin/failures.csv").status_code == 403
