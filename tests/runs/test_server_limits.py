"""What the server itself limits: seats, and how often an account may be changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone

from demo.standin import Options, StandIn
from demo.standin.dialects import DIALECTS
from demo.standin.rules import bans, teams
from integration.models import Conflict, IntegrationSettings, SyncOperation, SyncRun
from integration.services.ledger import left_out
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


# ── Bans and attributes: decisions of people and policies there ───────────────────────────────────

BANS = [like for like in DIALECTS if DIALECTS[like].at_least(8, 3)]
BANNED = "person1000"


def ban(site: Site) -> None:
    """Somebody in the channel bans its first member."""
    world = site.chat.application.world
    with world.lock:
        room, user = world.rooms[site.room_of(GROUP)["id"]], world.user_named(BANNED)
        assert user
        world.unsubscribe(room, user)
        room.banned.append(user.id)


def is_banned(site: Site) -> bool:
    world = site.chat.application.world
    user = world.user_named(BANNED)
    return user is not None and user.id in world.rooms[site.room_of(GROUP)["id"]].banned


def invitations(site: Site) -> int:
    return int(site.chat.stats()["by_endpoint"].get("POST groups.invite", 0))


def a_day_passes() -> None:
    rows = SyncOperation.objects.filter(status="left_alone")
    rows.update(finished_at=timezone.now() - 2 * left_out.ASK_AGAIN_AFTER)


@pytest.mark.parametrize("like", BANS)
def test_a_banned_person_is_never_invited_and_is_said_by_name(like: str, settings: Any) -> None:
    with site_of(like, settings, 6) as (site, moodle):
        site.apply()
        ban(site)
        site.chat.reset_stats()
        for full_check in (False, True, False):
            run = site.apply(full_check=full_check).run
            assert (run.planned, run.failed_count) == ({}, 0)
            assert any(BANNED in str(skip) and "banned" in str(skip) for skip in run.skips)
        assert invitations(site) == 0
        moodle.join(GROUP, moodle.people(1100, 1))
        moodle.enrol(COURSE, [1100])
        site.apply()  # the others go on
        assert "person1100" in site.room_of(GROUP)["members"]
        assert is_banned(site)


@pytest.mark.parametrize("like", BANS)
def test_when_a_ban_is_lifted_the_person_is_let_in_by_the_next_run(
    like: str, settings: Any
) -> None:
    with site_of(like, settings, 6) as (site, _moodle):
        site.apply()
        ban(site)
        site.apply()
        world = site.chat.application.world
        with world.lock:
            world.rooms[site.room_of(GROUP)["id"]].banned.clear()
        assert site.apply().run.applied == {"add_members": 1}
        assert BANNED in site.room_of(GROUP)["members"]
        assert site.apply().run.planned == {}


@pytest.mark.parametrize("like", BANS)
def test_where_bans_cannot_be_read_a_banned_person_is_asked_for_once_a_day(
    like: str, settings: Any
) -> None:
    with site_of(like, settings, 6) as (site, _moodle):
        site.chat.fault("refuse", endpoint="rooms.bannedUsers", times=99)
        site.apply()
        ban(site)
        site.chat.reset_stats()
        for tries in (1, 1, 2):
            run = site.apply(full_check=True).run
            assert (run.failed_count, invitations(site)) == (0, tries)
            if tries == 1 and run.planned == {}:
                assert any(BANNED in str(skip) for skip in run.skips)
                a_day_passes()
        assert is_banned(site)


@pytest.mark.parametrize("like", BANS)
def test_a_banned_leaver_counts_as_out_and_stays_banned(like: str, settings: Any) -> None:
    with site_of(like, settings, 6) as (site, moodle):
        site.apply()
        ban(site)
        moodle.leave(GROUP, [1000])
        for full_check in (False, True, True):
            site.apply(full_check=full_check)
        assert is_banned(site)
        assert site.apply().run.planned == {}
        assert "POST groups.kick" not in site.chat.stats()["by_endpoint"]


def test_people_whom_attributes_keep_out_are_left_out_and_not_asked_for_again(
    settings: Any,
) -> None:
    """The answer to the creation names them: they are not invited, and not taken for ours."""
    options = {"abac": "checked", "not_compliant": {"person1001"}}
    with site_of("9.0", settings, 6, **options) as (site, _moodle):
        run = site.run().run
        assert run.failed_count == 0
        row = SyncOperation.objects.get(run=run, status="left_alone")
        assert ("person1001" in row.description, "attributes" in row.error) == (True, True)
        run = site.apply(full_check=True).run
        assert run.planned == {}
        assert any("person1001" in str(skip) for skip in run.skips)
        assert invitations(site) == 0
        assert len(site.room_of(GROUP)["members"]) == 6  # five, and the bot


def test_who_has_got_the_attributes_is_let_in_after_a_day(settings: Any) -> None:
    options = {"abac": "checked", "not_compliant": {"person1001"}}
    with site_of("9.0", settings, 6, **options) as (site, _moodle):
        site.run()
        world = site.chat.application.world
        with world.lock:
            world.options.not_compliant.clear()
        assert site.apply().run.planned == {}
        a_day_passes()
        assert site.apply().run.applied == {"add_members": 1}
        assert "person1001" in site.room_of(GROUP)["members"]
        assert site.apply().run.planned == {}


def test_who_is_kept_out_of_a_room_that_attributes_manage_is_not_asked_for_again(
    settings: Any,
) -> None:
    with site_of("9.0", settings, 4) as (site, moodle):
        site.apply()
        world = site.chat.application.world
        with world.lock:
            world.rooms[site.room_of(GROUP)["id"]].managed_by_abac = True
        newcomers = moodle.people(1100, 2)
        moodle.enrol(COURSE, newcomers)
        moodle.join(GROUP, newcomers)
        assert site.run().run.failed_count == 0
        site.chat.reset_stats()
        run = site.apply(full_check=True).run
        assert (run.planned, invitations(site)) == ({}, 0)
        assert [f"person{number}" in str(run.skips) for number in newcomers] == [True, True]
        with world.lock:
            world.rooms[site.room_of(GROUP)["id"]].managed_by_abac = False
        a_day_passes()
        assert site.apply().run.applied == {"add_members": 1}
        assert {"person1100", "person1101"} <= set(site.room_of(GROUP)["members"])


def test_a_channel_that_needs_attributes_is_a_conflict_and_is_tried_once_a_day(
    settings: Any,
) -> None:
    with site_of("9.0", settings, 3, abac="closed") as (site, _moodle):
        run = site.run().run
        assert run.failed_count == 0
        row = SyncOperation.objects.get(run=run, kind="create_channel")
        assert (row.status, "attributes" in row.error) == ("left_alone", True)
        for tried in (False, True, False):
            site.chat.reset_stats()
            assert site.apply().run.failed_count == 0
            assert ("POST groups.create" in site.chat.stats()["by_endpoint"]) is tried
            conflict = Conflict.objects.get(kind="needs_attributes", status="open")
            assert conflict.moodle_group_id == GROUP
            assert "link it to the group" in conflict.advice
            if not tried:
                a_day_passes()
        world = site.chat.application.world
        with world.lock:
            world.options.abac = "off"
        site.apply()
        assert len(site.room_of(GROUP)["members"]) == 4
        site.apply()
        assert not Conflict.objects.filter(kind="needs_attributes", status="open").exists()


# ── Rooms that people changed ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("like", BANS)
def test_a_count_that_is_one_too_low_is_no_reason_to_look_for_ever(
    like: str, settings: Any
) -> None:
    """Kicking a banned person lifts the ban and counts the person off a second time."""
    with site_of(like, settings, 6) as (site, moodle):
        site.apply()
        ban(site)
        world = site.chat.application.world
        with world.lock:
            user = world.user_named(BANNED)
            assert user
            bans.forget_by_kick(world, world.rooms[site.room_of(GROUP)["id"]], user)
        moodle.leave(GROUP, [1000])
        for _ in range(3):
            site.apply()
        site.chat.reset_stats()
        assert site.apply().run.planned == {}
        looks = [call for call in site.chat.stats()["by_endpoint"] if "members" in call]
        assert looks == []


@pytest.mark.parametrize("like", DIALECTS)
def test_a_room_that_became_a_team_is_no_second_channel_and_its_leavers_go(
    like: str, settings: Any
) -> None:
    with site_of(like, settings, 6) as (site, moodle):
        site.apply()
        world = site.chat.application.world
        if world.dialect.at_least(6, 0):
            with world.lock:
                room = world.rooms[site.room_of(GROUP)["id"]]
                teams.convert(world, world.users[room.creator_id], room)
        moodle.leave(GROUP, [1000])
        run = site.apply().run
        assert run.applied == {"remove_member": 1}
        assert BANNED not in site.room_of(GROUP)["members"]
        assert site.apply().run.planned == {}
