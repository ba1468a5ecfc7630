"""Rows in bulk into our own tables, on every engine that rcsync's own database may be.

That the tables can be made there at all is part of the test.
"""

from typing import Any

import pytest

from tests.support.own_database import ENGINES, MigratedDatabases, told_by

SCRIPT = """
import json, sys
import django
django.setup()
from datetime import datetime, UTC
from integration.models import AccountLink, IntegrationSettings, SyncOperation, SyncRun
from integration.services.ledger import bulk

IntegrationSettings.load()
run = SyncRun.objects.create(kind="apply", trigger="command")
columns = ("run_id", "position", "kind", "description", "reason", "details", "finished_at")
when = datetime(2026, 11, 22, 12, tzinfo=UTC)
rows = [
    (run.pk, n, "archive", f"d{n}", "it's %s", {"a": [n, None, "é"]}, when) for n in range(1200)
]
bulk.insert(SyncOperation, columns, rows)
link = ("moodle_user_id", "rocketchat_user_id", "username", "created", "deactivated")
bulk.insert_or_update(AccountLink, "moodle_user_id", link, [(1, "a", "anna", True, False)])
again = [(1, "b", "berta", True, True), (2, "c", "carl", False, False)]
bulk.insert_or_update(AccountLink, "moodle_user_id", link, again)
bulk.insert_missing(AccountLink, link, [(2, "d", "dora", True, True), (3, "e", "emil", True, True)])
last = SyncOperation.objects.get(position=1199)
in_pieces = []
for bulk.READ_ROWS in (1, 7, 1200, 5000):
    found = list(bulk.every_row(SyncOperation, "position"))
    in_pieces.append([found == sorted(found), [n for _, n in found] == list(range(1200))])
names = ("moodle_user_id", "username", "deactivated")
links = AccountLink.objects.order_by("moodle_user_id").values_list(*names)
print(json.dumps({
    "rows": SyncOperation.objects.count(),
    "last": [last.reason, last.details, last.finished_at == when, last.status],
    "links": [[user, name, bool(off)] for user, name, off in bulk.rows_of(links)],
    "in_pieces": in_pieces,
    "linked": AccountLink.objects.filter(linked_at__isnull=False).count(),
}))
"""


@pytest.fixture(scope="module", params=ENGINES)
def result(
    request: pytest.FixtureRequest,
    migrated_databases: MigratedDatabases,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("own")
    return told_by(SCRIPT, migrated_databases.copy(request.param, folder))


def test_rows_go_in_whole_and_with_the_defaults_of_the_other_columns(
    result: dict[str, Any],
) -> None:
    assert result["rows"] == 1200
    assert result["last"] == ["it's %s", {"a": [1199, None, "é"]}, True, "planned"]
    assert result["linked"] == 3


def test_rows_that_are_there_are_updated_or_left_as_asked(result: dict[str, Any]) -> None:
    assert result["links"] == [[1, "berta", True], [2, "carl", False], [3, "emil", True]]


def test_every_row_is_read_once_whatever_the_size_of_a_piece(result: dict[str, Any]) -> None:
    assert result["in_pieces"] == [[True, True]] * 4
