"""A term of two courses whose changes hold every kind of operation, and a way back to its start."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import connections

from demo.standin.state.storage import dump, load
from integration.domain.state import RoomRole
from integration.models import (
    AccountLink,
    ChannelLink,
    GroupRegexFilter,
    IncludedRole,
    IntegrationSettings,
    ManagedMembership,
)
from tests.support.site import Site, chat_content
from tests.support.small_moodle import STUDENT, TEACHER, SmallMoodle


class Term:
    """Two courses. `before` is in step already; `after` is what the run under test has to bring
    about.
    """

    def __init__(self) -> None:
        self.moodle = SmallMoodle()

    def start(self) -> None:
        moodle = self.moodle
        for course in (10, 11):
            moodle.course(course)
            moodle.enrol(course, moodle.people(course * 100, 12))
            moodle.enrol(course, moodle.people(course * 100 + 50, 3), TEACHER)
            for number in range(1, 7):
                students = range(course * 100 + 2 * number - 2, course * 100 + 2 * number)
                teacher = course * 100 + 50 + number % 3
                moodle.group(course * 10 + number, course, f"Group {number}", [*students, teacher])

    def pause(self) -> None:
        """What the run under test will bring back: suspended people, a deleted and a closed
        group.
        """
        for user_id in (1010, 1011, 1110):
            self.moodle.change_person(user_id, suspended=1)
        self.moodle.delete_group(106)
        self.moodle.change_group(116, name="Closed 6")

    def go_on(self) -> None:
        moodle = self.moodle
        for user_id in (1010, 1011, 1110):
            moodle.change_person(user_id, suspended=0)
        moodle.group(106, 10, "Group 6", [1010, 1011])
        moodle.change_group(116, name="Group 6")
        for group_id in (101, 111):
            moodle.change_group(group_id, name=f"Renamed {group_id}")
        moodle.change_group(102, name="Group 1")  # which another channel gives up
        moodle.change_group(115, name="Closed 5")
        moodle.delete_group(105)
        for user_id in (1000, 1001, 1100):
            moodle.change_person(user_id, lastname="Newname")
        for user_id in (1004, 1104):
            moodle.change_person(user_id, suspended=1)
        moodle.leave(102, [1002, 1003])
        moodle.join(103, [1002])
        moodle.leave(104, [1006, 1007])
        moodle.leave(112, [1102])
        moodle.join(113, [1102, 1103])
        moodle.change_role(10, 1006, TEACHER)
        moodle.change_role(11, 1151, STUDENT)
        moodle.enrol(11, moodle.people(1120, 16))
        moodle.enrol(11, moodle.people(1160, 2), TEACHER)
        moodle.join(111, [1120, 1121])
        for number in (7, 8):
            moodle.group(110 + number, 11, f"Group {number}", [1120 + number, 1160, 1122, 1123])
        moodle.group(119, 11, "Group 9", [1120, 1121, *range(1124, 1136), 1161])


def ledger_content() -> Mapping[str, Any]:
    return {
        "accounts": sorted(
            AccountLink.objects.values_list("moodle_user_id", "username", "created", "deactivated")
        ),
        "channels": sorted(
            ChannelLink.objects.values_list("moodle_group_id", "name", "topic", "created", "ended")
        ),
        "members": sorted(
            ManagedMembership.objects.values_list(
                "channel__moodle_group_id", "account__moodle_user_id", "room_role", "ours"
            )
        ),
    }


def different(found: Any, wanted: Any) -> dict[str, Any]:
    """What is in one of the two only, by list."""
    return {
        name: {
            "found": [one for one in is_ if one not in should],
            "wanted": [one for one in should if one not in is_],
        }
        for now, then in zip(found, wanted, strict=True)
        for name, is_, should in ((name, now[name], then[name]) for name in then)
        if is_ != should
    }


class Rewinding:
    """A site that goes back, with its own tables and its Rocket.Chat, to what was kept."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.chat = site.chat
        self.database = Path(str(connections["default"].settings_dict["NAME"]))
        self.copy = folder / "start.sqlite3"
        self.world: dict[str, Any] = {}

    def keep(self) -> None:
        connections.close_all()
        shutil.copy(self.database, self.copy)
        self.world = dump(self.chat.application.world)

    def back(self) -> None:
        connections.close_all()
        for leftover in ("-wal", "-shm"):
            self.database.with_name(self.database.name + leftover).unlink(missing_ok=True)
        shutil.copy(self.copy, self.database)
        world = load(self.world, self.chat.application.world.dialect)
        self.chat.application.world = self.chat.world = world

    def snapshot(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return chat_content(self.chat), ledger_content()


def at_the_start_of_a_term(bench: Rewinding) -> Term:
    """Nothing was synced yet. The settings are chosen so that no limit holds anything."""
    site, term = bench.site, Term()
    term.start()
    site.choose([10, 11], [])
    IncludedRole.objects.create(role_id=STUDENT)
    IncludedRole.objects.create(role_id=TEACHER, room_role=RoomRole.MODERATOR)
    GroupRegexFilter.objects.create(pattern="^Closed", kind=GroupRegexFilter.Kind.EXCLUDE)
    IntegrationSettings.load()
    IntegrationSettings.objects.update(limit_percent=100, on_pattern_unmatched="read_only")
    bench.keep()
    return term


def in_the_middle_of_a_term(bench: Rewinding) -> None:
    """In step with the start of the term, with people and a room that are none of our business.

    The next run has the changes of the term to bring about.
    """
    term = at_the_start_of_a_term(bench)
    bench.site.apply()
    term.pause()
    bench.site.apply()
    _strangers(bench)
    bench.site.apply()
    _made_by_an_older_version(bench, 103)
    term.go_on()
    bench.keep()


def _made_by_an_older_version(bench: Rewinding, group_id: int) -> None:
    """The room's mark lacks the installation."""
    world = bench.chat.application.world
    with world.lock:
        room = world.rooms[bench.site.room_of(group_id)["id"]]
        fields = dict(room.custom_fields or {})
        del fields["rcsync"]
        room.custom_fields = fields
        world.touch_room(room)


def _strangers(bench: Rewinding) -> None:
    world = bench.chat.application.world
    with world.lock:
        stranger = world.add_user("by.hand", name="By Hand", email="hand@example.invalid")
        for room in list(world.rooms.values())[:4]:
            world.subscribe(room, stranger)
