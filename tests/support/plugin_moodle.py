"""The Moodle plugin local_rocketchat: its tables, and what it would have made in Rocket.Chat."""

import re
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connections

from demo.standin import ADMIN_USERNAME, StandIn
from demo.standin.state.records import Room, User
from tests.support.site import Site

LAYOUTS = {
    # adpe and semteacher; the second is what getsmarter's branches had, and sites that never
    # upgraded the plugin still have: no switch for events, no error text.
    "adpe": """
        CREATE TABLE mdl_local_rocketchat_courses (id bigint PRIMARY KEY, course bigint NOT NULL,
            eventbasedsync smallint NOT NULL DEFAULT 0, pendingsync smallint NOT NULL DEFAULT 0,
            lastsync bigint, error text);
        CREATE TABLE mdl_local_rocketchat_roles (id bigint PRIMARY KEY, role bigint NOT NULL,
            requiresync smallint NOT NULL DEFAULT 0);
    """,
    "old": """
        CREATE TABLE mdl_local_rocketchat_courses (id bigint PRIMARY KEY, course bigint NOT NULL,
            pendingsync smallint NOT NULL DEFAULT 0, lastsync bigint);
        CREATE TABLE mdl_local_rocketchat_roles (id bigint PRIMARY KEY, role bigint NOT NULL,
            requiresync smallint NOT NULL DEFAULT 0);
    """,
}
MOODLES_OWN = """
    CREATE TABLE mdl_user_preferences (id bigint PRIMARY KEY, userid bigint NOT NULL,
        name varchar(255) NOT NULL, value varchar(1333) NOT NULL);
    CREATE TABLE mdl_task_scheduled (id bigint PRIMARY KEY, component varchar(255) NOT NULL,
        classname varchar(255) NOT NULL, disabled smallint NOT NULL DEFAULT 0);
    INSERT INTO mdl_task_scheduled VALUES (1, 'moodle', '\\core\\task\\x', 0),
        (2, 'local_rocketchat', '\\local_rocketchat\\task\\sync_students', 0);
"""
LEGAL = re.compile(r"[0-9a-zA-Z-_.]+")


def statements(layout: str, courses: Iterable[int], roles: Collection[int], patterns: str) -> str:
    """SQL that gives a Moodle the plugin, all of it switched on."""
    event = layout == "adpe"
    rows = "".join(
        f"INSERT INTO mdl_local_rocketchat_courses (id, course, pendingsync"
        f"{', eventbasedsync' if event else ''}) VALUES ({number}, {course}, {number % 2}"
        f"{', 1' if event else ''});\n"
        for number, course in enumerate(courses, 1)
    )
    rows += "".join(
        f"INSERT INTO mdl_local_rocketchat_roles VALUES ({role}, {role}, {int(role in roles)});\n"
        for role in range(1, 10)
    )
    for name, value in {
        "host": "chat.example.invalid",
        "port": "443",
        "protocol": "0",
        "username": ADMIN_USERNAME,
        "password": "never read",
        "groupregex": patterns,
    }.items():
        text = value.replace("\\", "\\\\")
        rows += (
            "INSERT INTO mdl_config_plugins (plugin, name, value) "
            f"VALUES ('local_rocketchat', '{name}', '{text}');\n"
        )
    return LAYOUTS[layout] + MOODLES_OWN.replace("\\", "\\\\") + rows


SWITCHED_OFF = "UPDATE mdl_task_scheduled SET disabled = 1 WHERE component = 'local_rocketchat';"
EVENTS_OFF = "UPDATE mdl_local_rocketchat_courses SET eventbasedsync = 0;"


class PluginSync:
    """What the plugin's full syncs of all courses leave in Rocket.Chat (see `make`)."""

    def __init__(self, chat: StandIn) -> None:
        self.world = chat.application.world
        bot = self.world.user_named(ADMIN_USERNAME)
        assert bot
        self.bot = bot

    def make(self, courses: Collection[int]) -> None:
        """A room for each group with a legal name, underscores for spaces; an account for each
        local part of an address, verified; whoever is in a group is put into the room of its name,
        suspended or not, and nobody is ever taken out.
        """
        with self.world.lock:
            for course, name, members in _groups(courses):
                if LEGAL.fullmatch(name) and not self.world.room_named(name):
                    self.room(name)
                for _, first, last, email in _enrolled(course):
                    self._account(f"{first} {last}", email)
                for email in members:
                    room = self.world.room_named(name)
                    user = self.world.user_named(email.partition("@")[0]) if email else None
                    if room and user and user.id not in room.members:
                        self.world.subscribe(room, user)

    def room(self, name: str, creator: User | None = None, t: str = "p") -> Room:
        room = self.world.add_room(name, creator or self.bot, t)
        self.world.subscribe(room, self.bot, ["owner"])
        return room

    def make_public(self, name: str) -> None:
        """setType failed."""
        self._change(name, t="c")

    def made_by_another(self, name: str) -> None:
        other = self.world.user_named("other") or self.world.add_user("other", email="o@x.invalid")
        self._change(name, creator_id=other.id, creator_username=other.username)

    def archive(self, name: str) -> None:
        """An administrator of Rocket.Chat does."""
        self._change(name, archived=True)

    def _change(self, name: str, **values: str | bool) -> None:
        with self.world.lock:
            room = self.world.room_named(name)
            assert room, name
            for column, value in values.items():
                setattr(room, column, value)
            room.fragments.clear()
            self.world.changes += 1

    def _account(self, name: str, email: str) -> None:
        username = email.partition("@")[0]
        known = self.world.user_named(username) or self.world.user_with_email(email)
        if email and not known and LEGAL.fullmatch(username):
            self.world.add_user(username, name=name, email=email, verified=True)


def _groups(courses: Collection[int]) -> list[tuple[int, str, list[str]]]:
    """(course, the plugin's name of its room, addresses of who is in the group)."""
    wanted = ", ".join(map(str, courses))
    groups = _rows(
        "SELECT g.courseid, g.id, c.shortname, g.name FROM mdl_groups g "
        f"JOIN mdl_course c ON c.id = g.courseid WHERE c.id IN ({wanted}) ORDER BY g.id"
    )
    members = _rows(
        "SELECT m.groupid, u.email FROM mdl_groups_members m JOIN mdl_user u ON u.id = m.userid "
        "WHERE u.deleted = 0 ORDER BY m.id"
    )
    return [
        (
            course,
            f"{shortname}-{name}".replace(" ", "_"),
            [email for of, email in members if of == group],
        )
        for course, group, shortname, name in groups
    ]


def _enrolled(course: int) -> list[tuple[int, str, str, str]]:
    return _rows(
        "SELECT DISTINCT u.id, u.firstname, u.lastname, u.email FROM mdl_user u "
        "JOIN mdl_user_enrolments ue ON ue.userid = u.id JOIN mdl_enrol e ON e.id = ue.enrolid "
        f"WHERE e.courseid = {course} AND u.deleted = 0 ORDER BY u.id"
    )


def _rows(sql: str) -> list[Any]:
    with connections["moodle"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


class PluginSite:
    """The sample Moodle (a file) with the plugin in two courses."""

    def __init__(self, path: Path, site: Site) -> None:
        self.path = path
        wanted = "SELECT id FROM mdl_course WHERE shortname IN ('CS101', 'MA110') ORDER BY id"
        courses = [row[0] for row in _rows(wanted)]
        student = _rows("SELECT id FROM mdl_role WHERE shortname = 'student'")[0][0]
        self.sql(statements("adpe", courses, [student], "/./\r\ncoach"))
        PluginSync(site.chat).make(courses)

    def sql(self, text: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executescript(text)

    def switch_off(self) -> None:
        self.sql(SWITCHED_OFF + EVENTS_OFF)
