"""An event costs what it changes: requests, bytes and statements are those of a site ten times as
large. Counted, never timed; the cases are those of the benchmark.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db import connections

from benchmarks import changes, event_cases
from benchmarks.measure import Meter
from demo.sample_moodle.scale import create_scaled_moodle
from demo.sample_moodle.tables import writable
from demo.standin import StandIn
from integration.domain.state import RoomRole, Scope
from integration.models import (
    AccountLink,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
)
from integration.services.ledger import counters
from integration.services.runs.lease_renewal import LeaseRenewer
from integration.services.sync import needs
from integration.services.sync.workers import ResultBatcher
from moodle.models import Course
from tests.support.site import Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

SMALL, LARGE = 120, 1200  # people
LARGE_ROOM = 30  # members
DIGITS = 32  # bytes of an event that may be more because numbers and names are longer
NOT_COUNTED = ("GET settings.public", "POST login", "POST logout")
MoodleAlias = Callable[..., AbstractContextManager[Any]]


class Cost(NamedTuple):
    requests: Mapping[str, int]
    received: int  # bytes
    own: int  # statements
    moodle: int

    @property
    def counts(self) -> tuple[Mapping[str, int], int, int]:
        return self.requests, self.own, self.moodle


@pytest.fixture(autouse=True)
def _every_list_is_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the lists of a server with many people."""
    monkeypatch.setattr(needs, "SMALL_LISTS", 0)
    monkeypatch.setattr(needs, "LISTED_ACCOUNT", 100_000)


@pytest.fixture(autouse=True)
def _no_statement_depends_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes are stored once a wave; no look whether to stop, no counter of seconds."""
    monkeypatch.setattr(ResultBatcher, "take", all_at_once)
    monkeypatch.setattr(LeaseRenewer, "_look", lambda _renewer: None)
    monkeypatch.setattr(counters, "count_run", lambda *_: None)


def all_at_once(batcher: ResultBatcher[Any], most: int, _seconds: float) -> list[Any]:
    while len(batcher._futures) < most:
        time.sleep(0.001)
    return [batcher._futures.popleft().result() for _ in range(most)]


def choose_everything() -> None:
    courses = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
    IntegratedCourse.objects.bulk_create(IntegratedCourse(course_id=c) for c in courses)
    IncludedRole.objects.create(shortname="student")
    IncludedRole.objects.create(shortname="editingteacher", room_role=RoomRole.MODERATOR)
    GroupRegexFilter.objects.create(pattern=".*")
    IntegrationSettings.objects.update_or_create(
        pk=1, defaults={"limit_percent": 100, "bulk_import": True}
    )


def cost_of(site: Site, scope: Scope) -> Cost:
    meter = Meter()
    with meter.watching():
        site.apply(scope)
    asked = {name: n for name, n in meter.requests.items() if name not in NOT_COUNTED}
    return Cost(asked, meter.received, meter.statements["default"], meter.statements["moodle"])


def costs(path: Path, people: int, moodle_alias: MoodleAlias, settings: Any) -> dict[str, Cost]:
    """Case -> what its event cost, each on the same site, and made right."""
    call_command("flush", interactive=False, verbosity=0)
    with writable(path) as connection:
        create_scaled_moodle(connection, people, int(time.time()))
        changes.large_group(connection, people, LARGE_ROOM)
    with moodle_alias(f"sqlite:///{path}"), StandIn(like="8.8") as chat:
        site = Site(chat, settings)
        choose_everything()
        site.apply()
        large = max(changes.course_of_groups(connections["moodle"]))
        with writable(path) as connection:
            world = event_cases.Site(connection, large)
            scopes = [event_cases.changes_group(world)]
            site.apply(scopes[0])  # what is read once and kept is not counted
            found = {}
            for name, case in event_cases.CASES.items():
                scopes.append(case(world))
                connection.commit()
                found[name] = cost_of(site, scopes[-1])
            usernames = dict(AccountLink.objects.values_list("moodle_user_id", "username"))
            assert event_cases.wrong(world, scopes, chat.state(), usernames) == []
    return found


@pytest.fixture
def both(
    tmp_path: Path, moodle_alias: MoodleAlias, settings: Any
) -> tuple[dict[str, Cost], dict[str, Cost]]:
    small = costs(tmp_path / "small.sqlite3", SMALL, moodle_alias, settings)
    return small, costs(tmp_path / "large.sqlite3", LARGE, moodle_alias, settings)


def test_an_event_costs_the_same_on_a_site_ten_times_as_large(
    both: tuple[dict[str, Cost], dict[str, Cost]],
) -> None:
    small, large = both
    assert {name: cost.counts for name, cost in small.items()} == {
        name: cost.counts for name, cost in large.items()
    }
    more = {name: cost.received - small[name].received for name, cost in large.items()}
    assert max(more.values()) <= DIGITS
    asked = {name: sum(cost.requests.values()) for name, cost in large.items()}
    rooms = {name: asked.pop(name) for name in ("suspended, 2 rooms", "suspended, 3 rooms")}
    assert max(asked.values()) <= 6
    assert list(rooms.values()) == [2 + 2 * 2, 2 + 2 * 3]  # person, rooms, kicks, deactivation
