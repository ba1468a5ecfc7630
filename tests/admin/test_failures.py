"""The list of everything that failed and is not repaired: the digest's, in a few queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import IntegratedCourse, SyncOperation, SyncRun
from integration.services.admin import failures
from integration.services.monitoring import digest
from integration.services.monitoring.failures import LOOK_BACK, _done_since, open_failures
from tests.support.admin_client import person

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/failures/"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def a_run(status: str = "failed", kind: str = "apply", courses: Any = (10,)) -> SyncRun:
    scope = {"courses": None if courses is None else list(courses), "users": None}
    return SyncRun.objects.create(kind=kind, trigger="admin", status=status, scope=scope)


def an_operation(run: SyncRun, group: int, status: str = "failed", **values: Any) -> SyncOperation:
    given = {"kind": "archive", "moodle_course_id": 10, "description": f"archive {group}"}
    return SyncOperation.objects.create(
        run=run,
        position=run.operations.count(),
        status=status,
        reason="why",
        **({"moodle_group_id": group} | given | values),
    )


def listed() -> set[str]:
    rows = failures.rows(open_failures().keys)
    return set(rows.values_list("description", flat=True))


def test_what_failed_is_listed_until_it_was_done() -> None:
    run = a_run()
    for group in (1, 2):
        an_operation(run, group)
    an_operation(run, 3, "done")
    assert listed() == {"archive 1", "archive 2"}
    an_operation(a_run(), 1, "done")
    assert listed() == {"archive 2"}


def test_of_several_failures_of_the_same_the_latest_counts() -> None:
    an_operation(a_run(), 1)
    last = an_operation(a_run(), 1)
    assert open_failures().keys == (last.pk,)


def test_only_the_same_for_the_same_person_group_and_server_repairs() -> None:
    same: dict[str, Any] = {"kind": "remove_member", "moodle_user_id": 7}
    run = a_run()
    for group, values in ((1, same), (2, same), (3, {}), (4, {"moodle_group_id": None})):
        an_operation(run, group, **({"description": str(group)} | values))
    later = a_run()
    an_operation(later, 1, "done", **same)
    an_operation(later, 2, "done", **(same | {"moodle_user_id": 8}))
    an_operation(later, 3, "done", **same)
    assert listed() == {"2", "3", "4"}
    an_operation(later, 4, "done", moodle_group_id=None)
    an_operation(later, 3, "done")
    assert listed() == {"2"}


def test_what_was_done_to_others_is_not_read() -> None:
    """It may be a hundred times as much as what failed."""
    an_operation(a_run(), 1, kind="remove_member", moodle_user_id=7)
    later = a_run()
    for number in range(30):
        an_operation(later, 1, "done", kind="remove_member", moodle_user_id=100 + number)
    first = later.pk - 1
    assert _done_since(first, [("remove_member", 1, 7)]) == {}
    assert _done_since(first, [("remove_member", 1, 100)]) == {("remove_member", 1, 100): later.pk}


def test_a_later_run_that_went_well_there_repairs_what_it_did_not_meet() -> None:
    an_operation(a_run(), 1)
    an_operation(a_run(), 2, moodle_course_id=11)
    a_run("done", courses=(10,))
    assert listed() == {"archive 2"}
    a_run("done", courses=None)
    assert listed() == set()


def test_a_sync_of_one_person_repairs_nothing_of_the_others() -> None:
    an_operation(a_run(), 1)
    SyncRun.objects.create(
        kind="apply", trigger="admin", status="done", scope={"courses": None, "users": [5]}
    )
    assert listed() == {"archive 1"}


def test_previews_and_what_is_long_ago_are_not_listed() -> None:
    an_operation(a_run(kind="preview"), 1)
    old = a_run()
    an_operation(old, 2)
    long_ago = timezone.now() - LOOK_BACK - timedelta(hours=1)
    SyncRun.objects.filter(pk=old.pk).update(started_at=long_ago)
    assert listed() == set()


def test_the_page_and_the_digest_name_the_same() -> None:
    first = a_run()
    for group in range(6):
        an_operation(first, group, moodle_course_id=10 + group % 3)
    second = a_run(courses=(11,))
    an_operation(second, 1, "done", moodle_course_id=11)
    an_operation(second, 4, "skipped", moodle_course_id=11)
    a_run("done", courses=(12,))
    keys = open_failures().keys
    assert len(keys) == 3
    mail = digest.compose(digest.Findings(list(SyncOperation.objects.filter(pk__in=keys))))
    assert listed() == {line for line in mail.splitlines() if line and not line.startswith(" ")}


def test_the_page_filters_by_kind_course_and_words(viewer: Client) -> None:
    run = a_run()
    an_operation(run, 1, error="Rocket.Chat says no")
    an_operation(run, 2, kind="set_topic", description="set topic", moodle_course_id=11)
    IntegratedCourse.objects.create(course_id=11, shortname="MA110")
    for query, shown, hidden in (
        ("?kind=set_topic", "set topic", "archive 1"),
        ("?course=11", "set topic", "archive 1"),
        ("?search=says+no", "archive 1", "set topic<"),
    ):
        html = viewer.get(URL + query).content.decode()
        rows = html[html.index("<tbody>") :]
        assert shown in rows, query
        assert hidden not in rows, query
    html = viewer.get(URL).content.decode()
    assert f"/admin/integration/syncrun/{run.pk}/change/?status=failed#operations" in html
    assert "Rocket.Chat says no" in html


def test_the_page_takes_as_many_queries_for_many_rows_as_for_few(viewer: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(URL).status_code == 200
        return len(captured)

    def fail(first: int, number: int) -> None:
        for group in range(first, first + number):
            an_operation(a_run(), group, moodle_course_id=group)

    fail(1, 3)
    queries()
    few = queries()
    fail(100, 250)
    a_run("done", courses=(1, 2))
    assert queries() == few
    page = viewer.get(f"{URL}?page=3").context["page"]
    assert (page.number, page.paginator.count, len(page.object_list)) == (3, 251, 51)


def test_the_start_page_leads_there(viewer: Client) -> None:
    IntegratedCourse.objects.create(course_id=10)
    assert b"and is not repaired" not in viewer.get("/admin/").content
    an_operation(a_run(), 1)
    html = viewer.get("/admin/").content.decode()
    assert "1 operation failed and has not been repaired." in html
    assert f'href="{URL}"' in html


def test_who_may_see_no_runs_sees_no_failures(transactional_db: None) -> None:
    client = Client()
    client.force_login(person("nobody"))
    assert client.get(URL).status_code == 403
