"""How many requests and SQL statements a sync takes, counted and not timed: on a small Moodle of
the benchmark's kind, so that its proportions are the same.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks import changes
from demo.sample_moodle.scale import create_scaled_moodle
from demo.sample_moodle.tables import writable
from demo.standin import StandIn
from integration.domain.state import RoomRole, Scope
from integration.models import (
    ChannelLink,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    SyncRun,
)
from integration.services.monitoring.course_states import CourseState
from integration.services.runs import bulk_accounts, runner
from integration.services.runs.order import Order
from integration.services.sync import needs
from moodle.models import Course, Group
from tests.support.site import Site
from tests.support.states import states

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

PEOPLE = 120
SMALL_READS = 4  # accounts, rooms, version, settings


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="8.8") as chat:
        yield chat


@pytest.fixture
def moodle(
    tmp_path: Path, moodle_alias: Callable[..., AbstractContextManager[Any]]
) -> Iterator[Path]:
    path = tmp_path / "scaled.sqlite3"
    with writable(path) as connection:
        create_scaled_moodle(connection, PEOPLE, int(time.time()))
    with moodle_alias(f"sqlite:///{path}"):
        yield path


@pytest.fixture
def site(moodle: Path, chat: StandIn, settings: Any) -> Site:
    site = Site(chat, settings)
    courses = Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True)
    IntegratedCourse.objects.bulk_create(IntegratedCourse(course_id=c) for c in courses)
    IncludedRole.objects.create(shortname="student")
    IncludedRole.objects.create(shortname="editingteacher", room_role=RoomRole.MODERATOR)
    GroupRegexFilter.objects.create(pattern=".*")
    IntegrationSettings.objects.update_or_create(pk=1, defaults={"limit_percent": 100})
    return site


def requests_of(chat: StandIn) -> dict[str, int]:
    """Since the last call, without logging in and out."""
    found = chat.stats()["by_endpoint"]
    chat.reset_stats()
    return {
        name: count for name, count in found.items() if name not in ("POST login", "POST logout")
    }


def statements(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def apply_changes(moodle: Path) -> dict[str, Any]:
    with writable(moodle) as connection:
        return changes.one_percent(connection, PEOPLE, random.Random(1))


def effective() -> changes.Effective:
    return changes.effective(connections["moodle"])


def test_a_first_sync_takes_one_request_for_each_person_channel_and_role(
    site: Site, chat: StandIn
) -> None:
    wanted = effective()
    site.apply()
    operations = len(wanted.people) + PEOPLE // 10 + len(wanted.teaching)
    assert sum(requests_of(chat).values()) <= operations + SMALL_READS


def test_a_first_sync_takes_less_than_one_statement_for_each_operation(site: Site) -> None:
    count = statements(site.apply)
    run = SyncRun.objects.latest("pk")
    assert count < sum(run.planned.values())


def test_without_changes_two_lists_are_read_and_nothing_is_written(
    site: Site, chat: StandIn
) -> None:
    site.apply()
    requests_of(chat)
    site.apply()
    found = requests_of(chat)
    assert sum(found.values()) <= SMALL_READS
    assert all(name.startswith("GET") for name in found)


def test_without_changes_the_statements_do_not_grow_with_the_site(
    site: Site, chat: StandIn
) -> None:
    site.apply()
    everything = statements(site.apply)
    one = IntegratedCourse.objects.earliest("pk").course_id
    assert everything <= statements(lambda: site.apply(Scope(courses=frozenset({one})))) + 5


def test_changes_take_a_request_for_each_operation_that_cannot_be_merged(
    site: Site, chat: StandIn, moodle: Path
) -> None:
    site.apply()
    asked = apply_changes(moodle)
    requests_of(chat)
    site.apply()
    assert sum(requests_of(chat).values()) <= 1.2 * asked["total"] + SMALL_READS


def test_changes_are_exactly_the_operations_that_plain_sql_asks_for(
    site: Site, moodle: Path
) -> None:
    site.apply()
    asked = apply_changes(moodle)
    site.apply()
    planned = SyncRun.objects.latest("pk").planned
    assert planned == {kind: count for kind, count in asked["operations"].items() if count}


def one_persons_change(site: Site, chat: StandIn, moodle: Path) -> dict[str, int]:
    """The requests of the run about a person who changes group, which are also made."""
    site.apply()
    with writable(moodle) as connection:
        course_id, user_id = changes.one_person(connection)
    requests_of(chat)
    site.apply(Scope(courses=frozenset({course_id}), users=frozenset({user_id})))
    found = requests_of(chat)
    assert (found["POST groups.invite"], found["POST groups.kick"]) == (1, 1)
    return found


def test_an_event_about_one_person_takes_two_reads_and_its_changes(
    site: Site, chat: StandIn, moodle: Path
) -> None:
    found = one_persons_change(site, chat, moodle)
    assert sum(found.values()) <= SMALL_READS + 2


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists of this small server are as dear as those of a large one."""
    monkeypatch.setattr(needs, "SMALL_LISTS", 0)
    monkeypatch.setattr(needs, "LISTED_ACCOUNT", 100_000)


LISTS = {"GET users.list", "GET users.listByStatus", "GET rooms.adminRooms"}


@pytest.mark.usefixtures("large")
def test_one_persons_change_of_group_takes_six_requests_and_no_list(
    site: Site, chat: StandIn, moodle: Path
) -> None:
    found = one_persons_change(site, chat, moodle)
    assert not LISTS & found.keys()
    assert sum(count for name, count in found.items() if name != "GET settings.public") <= 6


@pytest.mark.usefixtures("large")
def test_a_renamed_group_is_one_channel_to_read_and_nobodys_account(
    site: Site, chat: StandIn, moodle: Path
) -> None:
    site.apply()
    with writable(moodle) as connection:
        course_id = changes.one_group(connection)
    known = dict(ChannelLink.objects.values_list("moodle_group_id", "group_name"))
    groups = Group.objects.using("moodle").filter(courseid=course_id).values_list("id", "name")
    renamed = {number for number, name in groups if known[number] != name}
    requests_of(chat)
    site.apply(Scope(frozenset({course_id}), frozenset(), frozenset(renamed)))
    found = requests_of(chat)
    assert found["POST rooms.saveRoomSettings"] >= 1
    assert "GET users.info" not in found
    assert sum(count for name, count in found.items() if name != "GET settings.public") <= 6


def test_a_bulk_import_takes_a_dozen_requests_for_all_accounts(
    site: Site, chat: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_accounts, "MIN_IMPORT_ACCOUNTS", 50)
    IntegrationSettings.objects.update(bulk_import=True)
    people = effective().people
    site.apply()
    found = requests_of(chat)
    assert "POST users.create" not in found
    assert sum(count for name, count in found.items() if "import" in name) <= 12
    assert len(chat.state()["users"]) >= len(people)
    assert SyncRun.objects.latest("pk").planned["create_account"] == len(people)


def test_whom_the_import_leaves_out_is_made_one_by_one(
    site: Site, chat: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_accounts, "MIN_IMPORT_ACCOUNTS", 50)
    IntegrationSettings.objects.update(bulk_import=True)
    chat.fault("refuse", endpoint="import.addUsers")
    site.apply()
    assert requests_of(chat)["POST users.create"] == len(effective().people)


def test_a_small_run_does_not_import(site: Site, chat: StandIn) -> None:
    IntegrationSettings.objects.update(bulk_import=True)
    site.apply()
    assert not [name for name in requests_of(chat) if "import" in name]


def test_a_big_run_of_the_schedule_writes_nothing_outside_of_the_quiet_hours(
    site: Site, chat: StandIn
) -> None:
    hour = timezone.localtime()
    begin, end = (hour + timedelta(hours=2)).time(), (hour + timedelta(hours=3)).time()
    IntegrationSettings.objects.update(big_run=5, quiet_from=begin, quiet_until=end)
    order = Order(kind=SyncRun.Kind.APPLY, trigger=SyncRun.Trigger.SCHEDULE)
    finished = runner.execute(order)
    assert "waits for the quiet hours" in finished.run.message
    assert chat.stats()["writes"] == 0
    assert set(states().values()) == {CourseState.NEVER}


def test_a_big_preview_says_what_it_would_cost_and_offers_the_import(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_accounts, "MIN_IMPORT_ACCOUNTS", 50)
    notes = site.run(SyncRun.Kind.PREVIEW).notes
    assert any("requests" in note and "bulk import" in note for note in notes)
