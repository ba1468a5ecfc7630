"""The page of a run: the result first, failures by their cause, conflicts and figures folded."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integration.domain.messages import msg
from integration.models import SyncOperation, SyncRun
from integration.services.admin.run_failures import failures_by_cause
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

Status = SyncOperation.Status


def operation(run: SyncRun, position: int, status: str, error: str = "", hint: str = "") -> None:
    SyncOperation.objects.create(
        run=run,
        position=position,
        kind="archive",
        status=status,
        description=msg("archive the channel {name}", name=f"c{position}"),
        reason="r",
        error=error,
        hint=hint,
    )


def lacks(who: str) -> str:
    return msg("{who} lacks edit-room.", who=who)


@pytest.fixture
def failed(site: Site) -> SyncRun:
    run = SyncRun.objects.create(
        kind="apply",
        trigger="admin",
        status="failed",
        planned={"archive": 20},
        applied={"archive": 3},
        done_count=3,
        failed_count=14,
        digest="0123456789abcdef",
        requests={"total": 7, "by_endpoint": {"POST rooms.saveRoomSettings": 7}},
        conflicts=[{"moodle": "A", "rocketchat": "B", "advice": "C"}],
    )
    for number in range(12):
        operation(run, number, Status.FAILED, lacks(f"bot{number}"), msg("Grant it."))
    operation(run, 12, Status.FAILED, "something else")
    operation(run, 13, Status.SKIPPED, "its channel was not made")
    operation(run, 14, Status.NOT_TRIED)
    for number in range(15, 18):
        operation(run, number, Status.DONE)
    return run


def page_of(client: Client, run: SyncRun) -> str:
    answer = client.get(f"/admin/integration/syncrun/{run.pk}/change/")
    return " ".join(answer.content.decode().split('id="content-main"')[1].split())


def test_failures_that_differ_only_in_names_are_one_cause(failed: SyncRun) -> None:
    causes = failures_by_cause(failed)
    assert [(cause.number, cause.skipped) for cause in causes] == [
        (12, False),
        (1, False),
        (1, True),
    ]
    assert "lacks edit-room" in causes[0].error
    assert causes[0].hint == "Grant it."


def test_the_result_stands_on_top_and_each_cause_once_with_one_retry(
    administrator: Client, failed: SyncRun
) -> None:
    page = page_of(administrator, failed)
    order = ["Done: 3", "Failed: 13", "Planned and done", "12 ×", "Every operation", "1 conflict"]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    assert page.count("Retry what failed") == 1
    assert "1 ×</span><div>Not tried" in page.replace("> <", "><")


def test_conflicts_and_technical_facts_are_folded_at_the_end(
    administrator: Client, failed: SyncRun
) -> None:
    page = page_of(administrator, failed)
    folded = page[page.index('<details class="rc-card rc-fold">') :]
    for text in ("1 conflict", "Digest of the plan", "rooms.saveRoomSettings"):
        assert text in folded
        assert text not in page.replace(folded, "")


def test_the_queries_do_not_grow_with_what_failed(administrator: Client, failed: SyncRun) -> None:
    counts = []
    for size in (0, 40):
        for number in range(100, 100 + size):
            operation(failed, number, Status.FAILED, f"another text {number}")
        page_of(administrator, failed)
        with CaptureQueriesContext(connection) as queries:
            page_of(administrator, failed)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_of_many_limits_four_are_shown_and_the_rest_is_folded(administrator: Client) -> None:
    lines = [f"limit number {n}" for n in range(1, 7)]
    breaches = [{"code": "memberships", "message": line} for line in lines]
    run = SyncRun.objects.create(
        kind="preview",
        trigger="admin",
        status="planned",
        planned={"remove_members": 9},
        breaches=breaches,
        message="\n".join(lines),
    )
    page = administrator.get(f"/admin/integration/syncrun/{run.pk}/change/").content.decode()
    shown, _, folded = page.partition("Show all (6)")
    assert "limit number 4" in shown
    assert "limit number 5" not in shown
    assert "limit number 6" in folded
