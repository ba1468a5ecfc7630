"""The whole line on real Moodle tables: state T0, then the 19 changes of T1 (../shared/moodle)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from demo.standin import StandIn
from integration.models import Conflict, SyncRun
from tests.support.real_moodle import (
    ALL_ROLES,
    COURSES,
    STUDENT,
    RealMoodle,
    assert_in_step,
)
from tests.support.servers import MariaDB
from tests.support.site import BOT, Site

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])


@pytest.fixture
def moodle(
    mariadb: MariaDB,
    shared: Path,
    moodle_alias: Callable[..., AbstractContextManager[Any]],
) -> Iterator[RealMoodle]:
    moodle = RealMoodle(mariadb, shared)
    with moodle_alias(moodle.url):
        yield moodle


@pytest.fixture(params=["3.11", "6.5", "8.8"])
def chat(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as chat:
        yield chat


@pytest.fixture
def site(chat: StandIn, moodle: RealMoodle, settings: Any) -> Site:
    return Site(chat, settings)


def test_conflicts_name_exactly_the_people_who_cannot_be_told_apart(site: Site) -> None:
    site.choose(COURSES, ALL_ROLES)
    site.apply()
    named = set(Conflict.objects.values_list("kind", "moodle_user_id"))
    assert named == {("email_missing", 27), ("email_shared", 23), ("email_shared", 24)}


@pytest.fixture
def changed(site: Site, moodle: RealMoodle) -> Site:
    """The site after both syncs, with the roles that make the role changes visible (observer is not
    in).
    """
    site.choose(COURSES, [1, 3, 4, STUDENT])
    site.apply()
    site.before = {  # type: ignore[attr-defined]
        "members": site.channel_members(),
        "rooms": {room["customFields"]["moodle_group"]: room["id"] for room in site.rooms()},
        "jane": site.account("J.Smith.Mixed@Uni.Invalid")["id"],
        "gina": _email_of(9),
    }
    moodle.move_on()
    site.apply()
    return site


def _email_of(user_id: int) -> str:
    from tests.support.site import moodle_rows

    return str(moodle_rows(f"SELECT email FROM mdl_user WHERE id = {user_id}")[0][0])


def test_each_of_the_19_changes_has_the_effect_it_should(changed: Site, moodle: RealMoodle) -> None:
    members = changed.channel_members()
    before: dict[str, Any] = changed.before  # type: ignore[attr-defined]
    active = {user["username"]: user["active"] for user in changed.chat.state()["users"]}

    bio = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15)
    assert 56 in members[1], "1: a new student has an account and is in Group A"
    assert all(4 not in members[group] for group in (*bio, 29)), (
        "2: suspended in BIO101 and its meta"
    )
    assert 4 in members[16], "2: still active in the other course, still in its channel"
    assert active["ben.carter"], "2: one suspended enrolment locks nobody out"
    assert all(10 not in group for group in members.values()), "3: suspended everywhere"
    assert not active["hugo.ito"], "3: no active enrolment left, so the account is deactivated"
    assert 34 in members[1], "4: reactivated"
    assert 34 in members[29], "4: reactivated in the meta course too"
    assert 28 in members[1], "5: the site suspension was lifted"
    assert active["sue.suspended"]
    assert all(7 not in group for group in members.values()), "6: suspended site-wide"
    assert not active["eva.fischer"]
    assert 3 not in members[1], "7: moved from Group A"
    assert 3 in members[2], "7: to Group B"
    seminar = changed.room_of(4)
    assert seminar["id"] == before["rooms"][4], "8: renamed, not made anew"
    assert seminar["name"] == "BIO101-Seminar-02-Room-7"
    assert changed.room_of(7)["archived"], "9: the group was deleted"
    assert members[30] == {5, 6, 41} - {6}, "10: a new group (6 is only an observer since 15)"
    assert not changed.account(before["gina"])["active"], "11: deleted in Moodle"
    jane = changed.account("jane.miller@uni.invalid")
    assert jane["id"] == before["jane"], "12: the same account"
    assert jane["name"].endswith("Miller")
    french = changed.room_of(16)
    assert french["id"] == before["rooms"][16], "13: the same channel"
    assert french["name"].startswith("FR-E3-"), "13: renamed with the course"
    assert members[16] == before["members"][16], "13: with the same people"
    assert members[26] == before["members"][26] - {9}, "14: hiding a course removes nobody"
    assert all(6 not in members[group] for group in bio), "15: only an observer now"
    assert active["dan.evans"], "15: still enrolled"
    assert all(8 not in members[group] for group in bio), "16: unenrolled from BIO101"
    assert active["finn.gray"], "16: still in two other courses"
    assert changed.room_of(28)["archived"], "17: the course was deleted"
    assert 42 in members[1], "18: has a role now"
    assert 44 in members[9], "19: back in the cohort"
    assert_in_step(changed)


def test_nobody_is_in_two_accounts_and_no_channel_is_made_twice(changed: Site) -> None:
    users = changed.chat.state()["users"]
    emails = [email["address"].lower() for user in users for email in user["emails"]]
    assert len(emails) == len(set(emails))
    groups = [room["customFields"]["moodle_group"] for room in changed.rooms()]
    assert len(groups) == len(set(groups))
    assert all(BOT in room["members"] for room in changed.rooms())


# ── Requests, as the stand-in counts them ────────────────────────────────────────────────────────


def pages(chat: StandIn) -> int:
    """Pages of users and rooms; with count=0 the stand-in gives each list in one."""
    counts = chat.stats()["by_endpoint"]
    lists = ("GET users.list", "GET users.listByStatus", "GET rooms.adminRooms")
    return sum(counts.get(endpoint, 0) for endpoint in lists)


def test_a_first_sync_needs_one_request_per_account_and_channel(site: Site) -> None:
    site.choose(COURSES, ALL_ROLES)
    site.chat.reset_stats()
    finished = site.apply()
    people, channels = (finished.run.applied[kind] for kind in ("create_account", "create_channel"))
    assert (people, channels) == (35, 27)
    assert site.chat.stats()["total"] <= people + channels + 10, site.chat.stats()
    assert finished.run.requests["total"] == site.chat.stats()["total"]


def test_a_run_without_changes_needs_four_requests_and_the_pages(site: Site) -> None:
    site.choose(COURSES, ALL_ROLES)
    site.apply()
    site.chat.reset_stats()
    site.apply()
    assert site.chat.stats()["total"] <= 4 + pages(site.chat)
    assert pages(site.chat) == 2


def test_one_change_needs_three_requests_and_the_pages(
    site: Site, moodle: RealMoodle, mariadb: MariaDB
) -> None:
    site.choose(COURSES, ALL_ROLES)
    site.apply()
    mariadb.sql("INSERT INTO mdl_groups_members (groupid, userid) VALUES (2, 9)", moodle.database)
    site.chat.reset_stats()
    finished = site.apply()
    assert finished.run.applied == {"add_members": 1}
    assert site.chat.stats()["total"] <= 3 + pages(site.chat), site.chat.stats()
    assert 9 in site.channel_members()[2]


def test_a_preview_writes_nothing(site: Site) -> None:
    site.choose(COURSES, ALL_ROLES)
    before = site.chat.state()
    finished = site.run(SyncRun.Kind.PREVIEW)
    assert finished.run.planned["create_channel"] == 27
    assert site.chat.state() == before
