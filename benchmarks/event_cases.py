"""What may happen to one person or one group: made in Moodle, and looked for in Rocket.Chat.

What is right is said by plain SQL on Moodle's tables; what is there by the stand-in's own state.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from benchmarks import changes
from integration.domain.state import Scope


@dataclass
class Site:
    """The Moodle of one size, with the people who have not been used for a case yet.

    `large` is the id of the group with the many members.
    """

    connection: BaseDatabaseWrapper
    large: int

    def __post_init__(self) -> None:
        self.course_of = changes.course_of_groups(self.connection)
        members = changes.effective(self.connection).members
        rooms = Counter(user for _, user in members)
        self._courses: dict[int, set[int]] = {}
        self._free: dict[tuple[bool, int], list[tuple[int, int]]] = {}
        for group, user in sorted(members):
            self._free.setdefault((group == self.large, rooms[user]), []).append((group, user))
            self._courses.setdefault(user, set()).add(self.course_of[group])
        self._used: set[int] = set()
        self._next = max(user for _, user in members) + 1000

    def member(self, *, large: bool, rooms: int) -> tuple[int, int]:
        """A group and somebody in it who is in so many groups, each person once."""
        found = next(one for one in self._free[large, rooms] if one[1] not in self._used)
        self._used.add(found[1])
        return found

    def group(self, *, large: bool) -> int:
        return self.large if large else self.member(large=False, rooms=3)[0]

    def new_id(self) -> int:
        self._next += 1
        return self._next

    def courses_of(self, user_id: int) -> frozenset[int]:
        """Where the person was in a group."""
        return frozenset(self._courses[user_id])


def changes_group(site: Site, *, large: bool = False) -> Scope:
    group, user = site.member(large=large, rooms=1 if large else 3)
    changes.move(site.connection, [(group, user)], [user])
    return Scope(frozenset({site.course_of[group]}), frozenset({user}))


def suspended(site: Site, *, rooms: int, large: bool = False) -> Scope:
    """As Moodle's log tells it: the person, in all courses where the person is."""
    _, user = site.member(large=large, rooms=rooms)
    courses = site.courses_of(user)
    changes.set_values(site.connection, "mdl_user", "suspended", {user: 1})
    return Scope(courses, frozenset({user}))


def is_new(site: Site, *, large: bool = False) -> Scope:
    user, group = site.new_id(), site.group(large=large)
    changes.new_students(site.connection, {user: [group]})
    return Scope(frozenset({site.course_of[group]}), frozenset({user}))


def renamed(site: Site, *, large: bool = False) -> Scope:
    group = site.group(large=large)
    name = f"Renamed {site.new_id()}"
    changes.set_values(site.connection, "mdl_groups", "name", {group: name})
    return Scope(frozenset({site.course_of[group]}), frozenset(), frozenset({group}))


CASES: Mapping[str, Callable[[Site], Scope]] = {
    "changes group": changes_group,
    "changes group, 1,000": lambda site: changes_group(site, large=True),
    "suspended, 1,000": lambda site: suspended(site, rooms=1, large=True),
    "suspended, 2 rooms": lambda site: suspended(site, rooms=2),
    "suspended, 3 rooms": lambda site: suspended(site, rooms=3),
    "new person": is_new,
    "new person, 1,000": lambda site: is_new(site, large=True),
    "group renamed": renamed,
    "group renamed, 1,000": lambda site: renamed(site, large=True),
}


def wrong(
    site: Site, scopes: list[Scope], state: Mapping[str, Any], usernames: Mapping[int, str]
) -> list[str]:
    """What is not as Moodle's tables say of these people and groups, in words.

    `state` is the stand-in's, `usernames` those of the accounts by Moodle user id.
    """
    people = {user for scope in scopes for user in scope.users or ()}
    groups = {group for scope in scopes for group in scope.groups}
    names = {user: usernames.get(user, f"nobody, for {user}") for user in people}
    wanted = {one for one in changes.effective(site.connection).members if one[1] in people}
    active = {one["username"]: one["active"] for one in state["users"]}
    return [
        *_wrong_memberships({(group, names[user]) for group, user in wanted}, names, state),
        *(
            f"account {names[user]}: active is {active.get(names[user])}"
            for user in sorted(people)  # active is who is in a group
            if active.get(names[user]) is not (user in {one for _, one in wanted})
        ),
        *_wrong_names(site, groups, state),
    ]


def _wrong_memberships(
    wanted: set[tuple[int, str]], names: Mapping[int, str], state: Mapping[str, Any]
) -> list[str]:
    there = {
        (room["customFields"]["moodle_group"], username)
        for room in state["rooms"]
        if room["customFields"].get("moodle_group")
        for username in set(names.values()).intersection(room["members"])
    }
    return [f"group {group}: {name}" for group, name in sorted(wanted ^ there)]


def _wrong_names(site: Site, groups: set[int], state: Mapping[str, Any]) -> list[str]:
    """The name of the group is in that of the channel, whatever the template puts around it."""
    names = {
        room["customFields"].get("moodle_group"): f"{room.get('fname')} {room['name']}"
        for room in state["rooms"]
    }
    with site.connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM mdl_groups")
        wanted = {number: name for number, name in cursor.fetchall() if number in groups}
    return [
        f"group {group}: {name} is called {names.get(group)}"
        for group, name in sorted(wanted.items())
        if name.partition(" ")[2] not in names.get(group, "")
    ]
