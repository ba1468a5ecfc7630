"""A pass in parts reads each list once, and acts on nothing that is not so any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from demo.standin import StandIn
from integration.domain.remote_lists import RemoteLists, Shared
from integration.domain.state import Scope
from integration.models import (
    AccountLink,
    IntegratedCourse,
    PassReading,
    PassReadingPiece,
    SyncOperation,
    SyncRun,
)
from integration.services.background import jobs, parts, sweep
from integration.services.ledger import heartbeat, pass_lists
from integration.services.ledger.pass_lists import PassLists
from integration.services.rocketchat import snapshot
from integration.services.rocketchat.snapshot import RemoteReader
from tests.support.background import make_dead, play_worker
from tests.support.site import Site
from tests.support.small_moodle import SmallMoodle

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

PARTS = 5
SHARED_PERSON = 2000  # in a group of every course
LISTS = ("GET users.listByStatus", "GET users.list", "GET rooms.adminRooms")
Status = SyncRun.Status


@pytest.fixture
def site(small_site: Site, small_moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Four courses, one person in all of them, and two workers, so four parts and one of people."""
    small_moodle.course(13)
    small_moodle.enrol(13, small_moodle.people(1300, 4))
    small_moodle.group(130, 13, "Group 13", range(1300, 1304))
    IntegratedCourse.objects.create(course_id=13)
    small_moodle.people(SHARED_PERSON, 1)
    for course in (10, 11, 12, 13):
        small_moodle.enrol(course, [SHARED_PERSON])
        small_moodle.join(course * 10, [SHARED_PERSON])
    monkeypatch.setattr(parts, "SMALLEST", 1)
    monkeypatch.setattr(heartbeat, "live_clusters", lambda: ["one", "two"])
    return small_site


def begin_pass() -> SyncRun:
    parent = jobs.full_pass()
    assert parent is not None
    assert parent.parts.count() == PARTS
    return parent


def whole_pass() -> SyncRun:
    parent = begin_pass()
    play_worker()
    parent.refresh_from_db()
    assert parent.status == Status.DONE, list(parent.parts.values_list("status", "message"))
    return parent


def lists_read(chat: StandIn) -> tuple[int, int]:
    """Of accounts and of rooms, since the last call."""
    found = chat.stats()["by_endpoint"]
    chat.reset_stats()
    users, users_before_6, rooms = (found.get(name, 0) for name in LISTS)
    return users + users_before_6, rooms


def next_is_in_step(site: Site) -> None:
    """A run that reads everything itself finds nothing to do."""
    finished = site.apply()
    assert finished.run.planned == {}


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_sync_in_five_parts_reads_each_list_once(site: Site) -> None:
    lists_read(site.chat)
    parent = whole_pass()
    asked = site.chat.stats()["by_endpoint"]
    assert "GET users.info" not in asked, "whom another part made is known without asking"
    assert lists_read(site.chat) == (1, 1)
    assert parent.applied["create_account"] == 17
    assert all(SHARED_PERSON in people for people in site.channel_members().values())
    next_is_in_step(site)


def test_a_pass_without_changes_in_five_parts_reads_each_list_once(site: Site) -> None:
    whole_pass()
    lists_read(site.chat)
    parent = whole_pass()
    assert parent.applied == {}
    assert lists_read(site.chat) == (1, 1)


def test_a_part_that_comes_while_another_reads_waits_for_it(site: Site) -> None:
    first, second = begin_pass().parts.order_by("pk")[:2]
    SyncRun.objects.filter(pk=first.pk).update(status=Status.RUNNING)
    reader = PassLists(first, "here")
    assert reader.recall(None) is None, "the first reads"
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            reader.keep(EMPTY)

    found = PassLists(second, "here", sleep).recall(None)
    assert found is not None
    assert (found.lists, len(waited)) == (EMPTY, 3)


EMPTY = RemoteLists({}, {}, {}, {})

# ── Whatever rcsync changed since ────────────────────────────────────────────────────────────────


def test_what_a_part_takes_over_equals_the_lists_of_that_moment(
    site: Site, small_moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of everything that its plan is made of: linked accounts, and the rooms of its courses."""
    whole_pass()
    small_moodle.change_person(SHARED_PERSON, firstname="Renamed")
    small_moodle.change_person(1101, suspended=1)
    small_moodle.leave(110, [1102])
    small_moodle.change_group(120, name="Another name")
    small_moodle.people(1400, 2)
    small_moodle.enrol(10, [1400, 1401])
    small_moodle.join(100, [1400, 1401])
    original, compared = RemoteReader._brings_up_to_date, 0

    def compare(reader: RemoteReader, found: Shared, linked: list[str], rooms: set[str]) -> bool:
        nonlocal compared
        assert original(reader, found, linked, rooms)
        now = reader._bulk()
        for account_id in linked:
            # An address counts as verified or not only where nobody is linked.
            assert found.lists.accounts[account_id]._replace(verified=True) == now.accounts[
                account_id
            ]._replace(verified=True)
        for room_id in rooms:
            assert found.lists.channels[room_id] == now.channels[room_id]
        compared += 1
        return True

    monkeypatch.setattr(RemoteReader, "_brings_up_to_date", compare)
    parent = whole_pass()
    assert compared == PARTS - 1
    assert parent.applied["update_account"] == parent.applied["deactivate"] == 1
    assert parent.applied["create_account"] == 2
    next_is_in_step(site)


def test_an_account_that_a_part_renamed_is_asked_for_by_its_id(
    site: Site, small_moodle: SmallMoodle
) -> None:
    whole_pass()
    small_moodle.change_person(SHARED_PERSON, firstname="Renamed")
    lists_read(site.chat)
    parent = whole_pass()
    assert parent.applied == {"update_account": 1}, "by the first part that it concerns"
    assert lists_read(site.chat) == (1, 1)


def test_a_room_that_an_event_changed_meanwhile_is_asked_for_by_its_id(
    site: Site, small_moodle: SmallMoodle
) -> None:
    whole_pass()
    begin_pass()
    play_worker(limit=1)
    small_moodle.people(1400, 1)
    small_moodle.enrol(13, [1400])
    small_moodle.join(130, [1400])
    site.apply(Scope(courses=frozenset({13}), users=frozenset({1400})))
    site.apply(Scope(courses=frozenset({13})))
    site.chat.reset_stats()
    play_worker()
    found = site.chat.stats()["by_endpoint"]
    assert not {*LISTS} & found.keys()
    assert found["GET rooms.adminRooms.getRoom"] == 1
    assert 1400 in site.channel_members()[130]
    next_is_in_step(site)


# ── Doubt ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_older_than_its_limit_is_read_anew(site: Site) -> None:
    whole_pass()
    lists_read(site.chat)
    begin_pass()
    play_worker(limit=2)
    old = timezone.now() - pass_lists.MOST_AGE - timedelta(seconds=1)
    PassReading.objects.update(began_at=old)
    play_worker()
    assert lists_read(site.chat) == (2, 2)


@pytest.mark.parametrize(
    ("url", "who"), [("https://one.example", "bot"), ("https://two.example", "other")]
)
def test_the_lists_of_another_server_or_bot_are_not_used(site: Site, url: str, who: str) -> None:
    first, second = begin_pass().parts.order_by("pk")[:2]
    reader = PassLists(first, pass_lists.fingerprint("https://two.example", "bot"))
    assert reader.recall(None) is None
    reader.keep(EMPTY)
    assert PassLists(second, pass_lists.fingerprint(url, who)).recall(None) is None


def test_an_account_that_may_have_been_made_makes_the_next_part_read_anew(site: Site) -> None:
    whole_pass()
    lists_read(site.chat)
    parent = begin_pass()
    play_worker(limit=1)
    SyncOperation.objects.create(
        run=parent.parts.earliest("pk"),
        position=1000,
        kind="create_account",
        status=SyncOperation.Status.FAILED,
        in_doubt=True,
        finished_at=timezone.now(),
        moodle_user_id=77,
        details={"username": "x", "email": "x@example.invalid", "name": "X"},
    )
    play_worker(limit=1)
    assert lists_read(site.chat) == (2, 2)


def test_more_changes_than_a_list_is_worth_are_read_as_lists(
    site: Site, small_moodle: SmallMoodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_pass()
    monkeypatch.setattr(snapshot, "EACH_ACCOUNT", 1)
    monkeypatch.setattr(snapshot, "ASK_AT_MOST", 1)
    for user in range(1000, 1004):
        small_moodle.change_person(user, firstname="Renamed")
    lists_read(site.chat)
    parent = whole_pass()
    assert parent.applied == {"update_account": 4}
    assert lists_read(site.chat) == (2, 2), "the second part read for the others as well"


# ── A reader that fails ──────────────────────────────────────────────────────────────────────────


def test_when_the_reader_dies_another_part_reads(site: Site) -> None:
    parent = begin_pass()
    dead = parent.parts.earliest("pk")
    assert PassLists(dead, "here").recall(None) is None
    make_dead(dead)
    lists_read(site.chat)
    sweep.sweep()
    play_worker()
    parent.refresh_from_db()
    assert parent.status == Status.DONE
    assert lists_read(site.chat) == (1, 1)
    assert len(site.channel_members()) == 4


def test_a_reading_that_is_taken_over_is_not_stored_by_the_first(site: Site) -> None:
    first, second, third = begin_pass().parts.order_by("pk")[:3]
    slow, quick = PassLists(first, "here"), PassLists(second, "here")
    assert slow.recall(None) is None
    assert quick.recall(None) is None, "the first is heard of no more"
    slow.keep(RemoteLists({}, {}, {"old": "reading"}, {}))
    quick.keep(EMPTY)
    found = PassLists(third, "here").recall(None)
    assert found is not None
    assert found.lists == EMPTY


def test_a_list_that_cannot_be_read_holds_up_nobody(site: Site) -> None:
    whole_pass()
    site.chat.fault("refuse", endpoint="rooms.adminRooms", times=1)
    lists_read(site.chat)
    parent = begin_pass()
    play_worker()
    parent.refresh_from_db()
    ends = list(parent.parts.order_by("pk").values_list("status", flat=True))
    assert ends == [Status.ERROR, *[Status.DONE] * 4]
    assert lists_read(site.chat)[1] == 2


# ── Nothing is left ──────────────────────────────────────────────────────────────────────────────


def test_the_lists_go_with_the_end_of_the_pass(site: Site) -> None:
    begin_pass()
    play_worker(limit=2)
    assert PassReadingPiece.objects.exists()
    play_worker()
    assert not PassReading.objects.exists()
    assert not PassReadingPiece.objects.exists()


def test_the_sweep_drops_what_nobody_may_use_any_more(site: Site) -> None:
    begin_pass()
    play_worker(limit=1)
    sweep.sweep()
    assert PassReading.objects.exists()
    PassReading.objects.update(began_at=timezone.now() - pass_lists.MOST_AGE * 2)
    sweep.sweep()
    assert not PassReadingPiece.objects.exists()


def test_a_run_that_is_no_part_shares_nothing(site: Site) -> None:
    site.apply()
    site.apply()
    assert not PassReading.objects.exists()
    assert AccountLink.objects.count() == 17
