"""What the server itself limits: seats, and how often an account may be changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.standin import Options, StandIn
from demo.standin.dialects import DIALECTS
from integration.models import IntegrationSettings, SyncOperation, SyncRun
from integration.services.sync import apply
from tests.support.site import Site
from tests.support.small_moodle import STUDENT, SmallMoodle

pytestmark = pytest.mark.django_db(databases=["default", "moodle"])
COURSE, GROUP = 10, 101
WORKERS = 8
WITH_LICENCE = [like for like in DIALECTS if like != "3.11"]


@contextmanager
def site_of(like: str, settings: Any, people: int, **options: Any) -> Iterator[tuple[Site, Any]]:
    with StandIn(like=like, options=Options(**options)) as chat:
        site, moodle = Site(chat, settings), SmallMoodle()
        moodle.course(COURSE)
        everybody = moodle.people(1000, people)
        moodle.enrol(COURSE, everybody)
        moodle.group(GROUP, COURSE, "Group", everybody)
        site.choose([COURSE], [STUDENT])
        IntegrationSettings.load()
        yield site, moodle


@pytest.mark.parametrize("like", WITH_LICENCE)
def test_a_licence_without_seats_is_asked_no_more_than_once_by_each_worker(
    like: str, settings: Any
) -> None:
    with site_of(like, settings, 40, seats=5) as (site, _moodle):
        taken = sum(one["active"] for one in site.chat.state()["users"] if one["type"] == "user")
        run = site.run().run
        asked = site.chat.stats()["by_endpoint"]["POST users.create"]
        assert 5 - taken <= run.applied.get("create_account", 0) <= 5
        assert asked <= run.applied.get("create_account", 0) + WORKERS
        assert run.status == SyncRun.Status.FAILED
        skipped = SyncOperation.objects.filter(run=run, status="skipped", kind="create_account")
        assert skipped.count() >= 40 - 5 - WORKERS
        assert "wait for a seat" in skipped.first().error  # type: ignore[union-attr]


@pytest.mark.parametrize("like", DIALECTS)
def test_a_second_address_within_a_minute_makes_nobody_else_wait(
    like: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "PERSON_PAUSE_SECONDS", 2.0)
    with site_of(like, settings, 4, address_seconds=2.0) as (site, moodle):
        site.apply()
        moodle.change_person(1000, email="first@x.invalid")
        site.apply()
        moodle.change_person(1000, email="second@x.invalid")
        moodle.change_person(1001, email="other@x.invalid")
        run = site.apply().run
        assert run.applied == {"update_account": 2}
        assert site.account("second@x.invalid")
        assert site.account("other@x.invalid")
        assert site.apply().run.planned == {}
