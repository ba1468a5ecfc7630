"""A small school in step: two courses, four groups, twenty people, a stand-in Rocket.Chat."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from demo.standin import StandIn
from integration.domain.state import RoomRole
from integration.models import IncludedRole, IntegrationSettings, SyncRun
from integration.services.runs import runner
from integration.services.runs.order import Order
from tests.support.site import BOT, Site
from tests.support.small_moodle import STUDENT, TEACHER, SmallMoodle

COURSES = (10, 11)
GROUPS = {
    101: range(1000, 1005),
    102: range(1005, 1010),
    111: range(1100, 1105),
    112: range(1105, 1110),
}


@dataclass
class School:
    moodle: SmallMoodle
    site: Site
    chat: StandIn

    def members(self, group_id: int) -> set[str]:
        return set(self.site.room_of(group_id)["members"]) - {BOT}

    def users(self) -> dict[str, bool]:
        """Username -> active."""
        return {user["username"]: user["active"] for user in self.chat.state()["users"]}

    def set(self, **values: Any) -> None:
        """The administrator's settings."""
        row = IntegrationSettings.load()
        for name, value in values.items():
            setattr(row, name, value)
        row.save()

    def run(self, **order: Any) -> SyncRun:
        """A sync; the answer is its row."""
        return self.site.run(**order).run

    def carry_out(self, order: Order) -> SyncRun:
        return runner.execute(order).run

    def by_hand(self, username: str, *group_ids: int) -> str:
        """Somebody who is none of rcsync's business is put into channels."""
        world = self.chat.application.world
        with world.lock:
            user = world.user_named(username) or world.add_user(
                username, name=username, email=f"{username}@elsewhere.invalid"
            )
            for group_id in group_ids:
                world.subscribe(world.rooms[self.site.room_of(group_id)["id"]], user)
        return username

    def by_hand_active(self, username: str, *, active: bool) -> None:
        """An administrator of Rocket.Chat switches an account on or off."""
        world = self.chat.application.world
        with world.lock:
            user = world.user_named(username)
            assert user
            user.active = active

    def leave(self, username: str, group_id: int) -> None:
        """Somebody leaves a channel without rcsync."""
        world = self.chat.application.world
        with world.lock:
            room, user = world.rooms[self.site.room_of(group_id)["id"]], world.user_named(username)
            assert user
            world.unsubscribe(room, user)


@pytest.fixture
def school(settings: Any) -> Iterator[School]:
    """In step; a file that wants other settings sets them in an autouse fixture of its own."""
    with a_school(settings) as school:
        yield school


@pytest.fixture
def unsynced_school(settings: Any) -> Iterator[School]:
    with a_school(settings, synced=False) as school:
        yield school


@contextmanager
def a_school(settings: Any, *, synced: bool = True, like: str = "8.8") -> Iterator[School]:
    with StandIn(like=like) as chat:
        site, moodle = Site(chat, settings), SmallMoodle()
        for course in COURSES:
            moodle.course(course)
            moodle.enrol(course, moodle.people(course * 100, 10))
            moodle.enrol(course, moodle.people(course * 100 + 50, 1), TEACHER)
        for group_id, people in GROUPS.items():
            moodle.group(group_id, group_id // 10, f"Group {group_id}", people)
        site.choose(COURSES, [STUDENT])
        IncludedRole.objects.create(role_id=TEACHER, room_role=RoomRole.MODERATOR)
        IntegrationSettings.load()
        school = School(moodle, site, chat)
        if synced:
            site.apply()
        yield school
