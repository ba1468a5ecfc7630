"""Every list of what rcsync did and manages is a download, with the columns that it shows."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integration.models import Conflict, ManagedMembership, PendingEnding, SyncRun
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
