"""Patterns in the admin: what one does comes first, and nothing is taken that does nothing."""

from typing import Any

import pytest
from django.test import Client

from integration.models import AuditEntry, GroupRegexFilter
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

URL = "/admin/integration/groupregexfilter/"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def add(client: Client, text: str, kind: str = "include") -> str:
    data = {"pattern": text, "kind": kind, "enabled": "on"}
    return client.post(f"{URL}add/", data, follow=True).content.decode()


def saved() -> list[str]:
    return list(GroupRegexFilter.objects.order_by("pk").values_list("pattern", flat=True))


def preview(client: Client, text: str, kind: str = "include", row: object = "") -> dict[str, Any]:
    data = {"pattern": text, "kind": kind, "enabled": "on", "row": row}
    answer: dict[str, Any] = client.post("/admin/preview/pattern/", data).json()
    return answer


def test_several_lines_pasted_at_once_become_several_patterns(administrator: Client) -> None:
    add(administrator, "~^Lab~i\r\n\r\n#seminar#\r\n^Group [A-Z]$\r\n", "exclude")
    assert saved() == ["/^Lab/i", "/seminar/", "^Group [A-Z]$"]
    assert {row.kind for row in GroupRegexFilter.objects.all()} == {"exclude"}
    assert AuditEntry.objects.filter(action="create_groupregexfilter").count() == 3


def test_one_wrong_line_is_named_and_none_is_saved(administrator: Client) -> None:
    page = add(administrator, "lab\n~seminar~e\n(")
    assert "Line 2: " in page
    assert "which is not known" in page
    assert "Line 3: " in page
    assert saved() == []


def test_a_pattern_that_is_there_already_is_refused(administrator: Client) -> None:
    GroupRegexFilter.objects.create(pattern="/lab/i")
    page = add(administrator, "~lab~i", "exclude")
    assert "exists already, as: Include" in page
    page = add(administrator, "x\nx")
    assert "is entered twice" in page
    assert saved() == ["/lab/i"]
    row = GroupRegexFilter.objects.get()
    data = {"pattern": "/lab/i", "kind": "include"}
    assert administrator.post(f"{URL}{row.pk}/change/", data).status_code == 302


def test_blanks_at_the_ends_are_kept_and_shown(administrator: Client, site: Site) -> None:
    add(administrator, " lab ")
    assert saved() == [" lab "]
    assert "␣lab␣" in administrator.get(URL).content.decode()
    assert preview(administrator, " lab ")["blanks"]


def test_what_the_pattern_at_hand_does_is_counted_first(
    administrator: Client, chosen: Site
) -> None:
    everything = preview(administrator, ".")
    assert everything["own"] == everything["total"] > 0
    assert everything["changed"] == 0, "the saved pattern chooses all of them already"
    gone = preview(administrator, ".", "exclude")
    assert gone["changed"] == gone["own"]
    GroupRegexFilter.objects.all().delete()
    some = preview(administrator, "~^seminar~i")
    assert some["changed"] == some["own"] == some["matched"]
    both = preview(administrator, "^Seminar\nno such group")
    assert both["own"] == some["own"]
    assert preview(administrator, "no such group")["own"] == 0


def test_the_order_that_decides_nothing_is_not_asked_for(administrator: Client) -> None:
    GroupRegexFilter.objects.create(pattern="a")
    for path in (URL, f"{URL}add/"):
        assert "position" not in administrator.get(path).content.decode().split("</head>")[1]
