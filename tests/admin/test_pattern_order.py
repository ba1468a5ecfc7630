"""The order of the patterns: by number without scripts, by dragging with them."""

from typing import Any

import pytest
from django.test import Client

from integration.models import AuditEntry, GroupRegexFilter

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/admin/integration/groupregexfilter/"
HANDLE = "drag_indicator"


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def patterns(transactional_db: None) -> list[GroupRegexFilter]:
    return [GroupRegexFilter.objects.create(pattern=p, position=n) for n, p in enumerate("abc")]


def save(client: Client, rows: list[GroupRegexFilter], *positions: int) -> Any:
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, (row, position) in enumerate(zip(rows, positions, strict=True)):
        data |= {
            f"form-{number}-id": row.pk,
            f"form-{number}-position": position,
            f"form-{number}-enabled": "on",
        }
    return client.post(URL, data)


def in_order() -> str:
    return "".join(GroupRegexFilter.objects.values_list("pattern", flat=True))


def test_numbers_order_the_patterns_without_scripts(
    administrator: Client, patterns: list[GroupRegexFilter]
) -> None:
    html = administrator.get(URL).content.decode()
    assert 'name="form-0-position"' in html
    assert HANDLE in html
    assert save(administrator, patterns, 2, 0, 1).status_code == 302
    assert in_order() == "bca"


def test_a_change_of_order_is_in_the_audit_trail(
    administrator: Client, patterns: list[GroupRegexFilter]
) -> None:
    save(administrator, patterns, 1, 0, 2)
    found = AuditEntry.objects.filter(action="change_groupregexfilter")
    told = {(e.actor, e.before["position"], e.after["position"]) for e in found}
    assert told == {("admin", 0, 1), ("admin", 1, 0)}  # the third one stayed


@pytest.mark.parametrize("name", ["viewer", "operator"])
def test_who_may_not_change_patterns_has_no_handle_and_no_way(
    request: pytest.FixtureRequest, name: str, patterns: list[GroupRegexFilter]
) -> None:
    client = request.getfixturevalue(name)
    html = client.get(URL).content.decode()
    assert HANDLE not in html
    assert "form-0-position" not in html
    save(client, patterns, 2, 0, 1)
    assert in_order() == "abc"


@pytest.mark.parametrize("query", ["?o=1", "?q=a", "?kind__exact=include"])
def test_where_not_all_are_shown_in_their_order_nothing_is_dragged(
    administrator: Client, patterns: list[GroupRegexFilter], query: str
) -> None:
    html = administrator.get(URL + query).content.decode()
    assert HANDLE not in html
    assert 'name="form-0-position"' in html
    assert HANDLE in administrator.get(URL).content.decode()  # for the next request again
