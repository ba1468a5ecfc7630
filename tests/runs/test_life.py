"""A whole life on every dialect: first sync with room roles, again, full check, T1, undo, T0.

After each step nobody is wrong and nobody is missing, by what Moodle's own functions say.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from demo.standin import Options, StandIn
from demo.standin.dialects import DIALECTS
from integration.domain.state import RoomRole
from integration.management.operator import Operator
from integration.models import Conflict, IncludedRole, IntegrationSettings, SyncRun
from integration.services.runs import runner, undo_orders
from integration.services.sync import apply
from tests.support.real_moodle import (
    ALL_ROLES,
    COURSES,
    RealMoodle,
    assert_in_step,
    expected,
    memberships,
)
from tests.support.site import Site, chat_content

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])
TEACHER = 3
SECONDS_BETWEEN_ADDRESSES = 2.0  # of one account; a server that limits that wants a minute
IN_EVERY_SUITE = ("3.11", "7.2", "9.0")
LIKES = [
    pytest.param(like, marks=() if like in IN_EVERY_SUITE else pytest.mark.slow)
    for like in DIALECTS
]


@pytest.fixture
def real(
    mariadb: Any, shared: Path, moodle_alias: Callable[..., AbstractContextManager[Any]]
) -> Iterator[RealMoodle]:
    moodle = RealMoodle(mariadb, shared)
    with moodle_alias(moodle.url):
        yield moodle


def moderators(truth: dict[str, Any], channels: dict[int, set[int]]) -> set[tuple[int, int]]:
    """(group, person) for everybody in a channel who teaches there."""
    return {
        (group["id"], member["userid"])
        for course in truth["courses"]
        for group in course["groups"]
        for member in group["members"]
        if "editingteacher" in {shortname for shortname, *_ in member["roles"]}
        and member["userid"] in channels.get(group["id"], ())
    }


def assert_right(site: Site, truth: dict[str, Any]) -> int:
    """Nobody wrong, nobody missing, everybody with their room role. The number of memberships."""
    channels = site.channel_members()
    assert channels == expected(truth)
    given = site.room_roles("moderator")
    assert len(given) > 1
    assert given == moderators(truth, channels)
    return memberships(channels)


@pytest.mark.parametrize("like", LIKES)
def test_a_whole_life(
    real: RealMoodle,
    like: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    note: Callable[[str], None],
) -> None:
    monkeypatch.setattr(apply, "PERSON_PAUSE_SECONDS", SECONDS_BETWEEN_ADDRESSES)
    with StandIn(like=like, options=Options(address_seconds=SECONDS_BETWEEN_ADDRESSES)) as chat:
        site = Site(chat, settings)
        site.choose(COURSES, ALL_ROLES)
        IncludedRole.objects.filter(role_id=TEACHER).update(room_role=RoomRole.MODERATOR)
        IntegrationSettings.load()
        IntegrationSettings.objects.update(limit_percent=100)
        site.apply()
        first = assert_right(site, real.truth())
        assert_in_step(site)
        assert site.apply(full_check=True).run.planned == {}

        before = chat_content(chat)
        real.move_on()
        changed = site.apply().run
        second = assert_right(site, real.truth("t1"))
        assert_in_step(site)

        order = undo_orders.undo(changed, Operator("anna"), "a wrong import")
        undone = runner.execute(order).run
        assert undone.status == SyncRun.Status.DONE, undone.message
        assert rooms_of_before(before, chat_content(chat)) == before["rooms"]

        real.move_back()
        site.apply()
        third = assert_right(site, real.truth())
        assert third == first
        assert_in_step(site)
        assert site.apply(full_check=True).run.planned == {}
    note(
        f"a life on {like}: {first}, {second} and {third} memberships at T0, T1 and T0 again, "
        f"0 wrong, 0 missing; {Conflict.objects.filter(status='open').count()} conflicts"
    )


def rooms_of_before(before: Any, now: Any) -> list[Any]:
    """Without the channels that were made since: an undo archives those."""
    known = {room[0] for room in before["rooms"]}
    return [room for room in now["rooms"] if room[0] in known]
