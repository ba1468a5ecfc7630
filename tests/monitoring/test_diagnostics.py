"""`doctor`: each check with what was found and, where something is wrong, the fix."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from demo.sample_moodle import create_sample_moodle
from demo.standin import StandIn
from integration.models import IncludedRole
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.fixture
def site(
    tmp_path: Path,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
    settings: Any,
) -> Iterator[Site]:
    path = tmp_path / "moodle.sqlite3"
    create_sample_moodle(path, int(time.time()))
    with moodle_alias(f"sqlite:///{path}"), StandIn(like="8.8") as chat:
        site = Site(chat, settings)
        site.choose([2, 3], [5])
        yield site


def doctor() -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and the checks by name."""
    out = io.StringIO()
    status = 0
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as end:
        status = int(end.code or 0)
    answer = json.loads(out.getvalue())
    assert answer["ok"] is (status == 0)
    return status, {check["name"]: check for check in answer["checks"]}


def test_a_site_as_it_should_be_has_no_failed_check(site: Site) -> None:
    status, checks = doctor()
    assert status == 0
    assert {check["status"] for check in checks.values()} <= {"ok", "warning"}
    assert all(check["fix"] for check in checks.values() if check["status"] == "warning")
    assert len(checks) > 15


def test_a_wrong_password_fails_with_its_fix(site: Site, settings: Any) -> None:
    settings.ROCKETCHAT = {**settings.ROCKETCHAT, "password": "not-this-one"}
    status, checks = doctor()
    assert status == 1
    failed = [check for check in checks.values() if check["status"] == "failed"]
    assert failed
    assert failed[0]["fix"]
    assert "not-this-one" not in json.dumps(checks)


def test_a_missing_permission_is_named(site: Site) -> None:
    site.chat.configure(permissions={"create-user": []})
    status, checks = doctor()
    assert status == 1
    found = [check for check in checks.values() if "create-user" in json.dumps(check)]
    assert found[0]["status"] == "failed"
    assert "create-user" in found[0]["fix"]


def test_nothing_chosen_is_a_warning_that_says_what_to_choose(site: Site) -> None:
    IncludedRole.objects.all().delete()
    status, checks = doctor()
    assert status == 0
    assert checks["Selection"]["status"] == "warning"
    assert "Included roles" in checks["Selection"]["fix"]


def test_a_role_that_moodle_does_not_have_fails(site: Site) -> None:
    IncludedRole.objects.create(role_id=4711)
    status, checks = doctor()
    assert status == 1
    assert "4711" in checks["Selection"]["found"]


def test_for_people_each_check_is_a_line_and_its_fix_another(site: Site) -> None:
    IncludedRole.objects.all().delete()
    out = io.StringIO()
    call_command("doctor", stdout=out)
    assert "warning Selection: No role is included" in out.getvalue()
    assert "        -> " in out.getvalue()
