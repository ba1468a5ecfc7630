"""The page of limits: those that hold without any of one's own, and where they come from."""

from typing import Any

import pytest
from django.test import Client

from integration.models import IntegrationSettings, RemovalLimit
from integration.services.admin.limits import usual_limits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False


def told() -> list[tuple[int, bool, bool]]:
    return [(one.percent, one.built_in, one.replaced) for one in usual_limits()]


def test_the_built_in_limits_are_listed_with_where_they_come_from(administrator: Client) -> None:
    in_a_course = (
        75,
        True,
        False,
    )  # of renames there is none, nor in a day
    usual = [(30, False, False), in_a_course, (50, True, False)] * 4
    del usual[-2:]
    assert told() == usual
    page = administrator.get("/admin/integration/removallimit/").content.decode()
    assert page.count("built in") == 6
    assert "Memberships removed" in page
    assert "Channels renamed" in page
    assert "Fewer than 5 are never held" in page


def test_a_higher_percent_of_the_settings_holds_everywhere() -> None:
    IntegrationSettings(limit_percent=60).save()
    usual = [(60, False, False), (75, True, False), (60, False, False)] * 4
    del usual[-2:]
    assert told() == usual


def test_an_own_limit_takes_the_place_of_the_usual_one(administrator: Client) -> None:
    RemovalLimit.objects.create(what="memberships", span="course", percent=10)
    assert told()[1] == (75, True, True)
    page = administrator.get("/admin/integration/removallimit/").content.decode()
    assert "replaced by your own limit" in page
