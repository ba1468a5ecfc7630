"""Whether stored pairs of ids still mean the same people, groups and courses. Pure.

Moodle gives numbers out again: after a restore, in a yearly clone, when a course is restored. A
stored pair is therefore believed only while what it was made of still fits. One thing that agrees
is enough, because ordinary changes (a married name, a new address, a renamed group, both at once)
leave `timecreated` alone:

- person: `timecreated`, username, address or idnumber
- course: `timecreated`, short name or idnumber
- group: `timecreated`, or, in the same course, its name or idnumber

What is empty or 0 proves nothing, and neither does an address, idnumber or group name that others
share. A pair without a stored identity (made by an earlier version) is believed once and stored.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from integration.domain.conflicts import Conflict, ConflictKind
from integration.domain.identities import CourseIdentity, GroupIdentity, PersonIdentity
from integration.domain.messages import msg
from integration.domain.state import (
    Course,
    Group,
    Managed,
    MoodleState,
    Person,
    Scope,
)


@dataclass(frozen=True, slots=True)
class Identities:
    """What does not fit any more, and what to store. All keys are Moodle ids.

    Nothing is planned for who and what is held, until a person has decided.
    """

    conflicts: tuple[Conflict, ...] = ()
    held_people: frozenset[int] = frozenset()
    held_groups: frozenset[int] = frozenset()
    held_courses: frozenset[int] = frozenset()
    # To be stored on the links there are and on those that this run makes:
    people: Mapping[int, PersonIdentity] = field(default_factory=dict)
    groups: Mapping[int, GroupIdentity] = field(default_factory=dict)
    courses: Mapping[int, CourseIdentity] = field(default_factory=dict)

    def holds_group(self, group: Group) -> bool:
        return group.group_id in self.held_groups or group.course_id in self.held_courses


def check_identities(managed: Managed, moodle: MoodleState, scope: Scope) -> Identities:
    """Compare what was read with what the links were made of; courses those of the scope."""
    people = _People(managed, moodle)
    moodle = replace(
        moodle, courses={n: one for n, one in moodle.courses.items() if scope.has_course(n)}
    )
    changed_people = sorted(people.changed())
    changed_courses = sorted(_changed_courses(managed, moodle))
    groups = _Groups(managed, moodle, frozenset(changed_courses))
    changed_groups = sorted(groups.changed())
    return Identities(
        conflicts=(
            *(_person_conflict(managed, moodle.people[user_id]) for user_id in changed_people),
            *(_course_conflict(managed, moodle.courses[course]) for course in changed_courses),
            *(_group_conflict(managed, moodle.groups[group_id]) for group_id in changed_groups),
        ),
        held_people=frozenset(changed_people),
        held_groups=frozenset(changed_groups),
        held_courses=frozenset(changed_courses),
        people=people.to_store(frozenset(changed_people)),
        groups=groups.to_store(frozenset(changed_groups)),
        courses=_courses_to_store(managed, moodle, frozenset(changed_courses)),
    )


def values_in_doubt(managed: Managed, moodle: MoodleState) -> frozenset[str]:
    """Addresses and idnumbers that alone say of a linked person that it is still the same: what
    others share proves nothing, so they have to be looked for among all links.
    """
    found: set[str] = set()
    for user_id, link in managed.accounts.items():
        person, stored = moodle.people.get(user_id), link.identity
        if person is None or stored is None:
            continue
        now = person_identity(person)
        if not _is_plainly_same(stored, now):
            found.update(_kept_values(stored, now))
    return frozenset(found)


# --- what a row is made of ------------------------------------------------------------------------


def person_identity(person: Person) -> PersonIdentity:
    return PersonIdentity(
        person.timecreated, person.username, person.email.lower(), person.idnumber
    )


def course_identity(course: Course) -> CourseIdentity:
    return CourseIdentity(course.timecreated, course.shortname, course.idnumber)


def group_identity(group: Group) -> GroupIdentity:
    return GroupIdentity(group.timecreated, group.name, group.idnumber)


def _is_plainly_same(stored: PersonIdentity, now: PersonIdentity) -> bool:
    """By what nobody shares."""
    return _agrees(stored.timecreated, now.timecreated) or _agrees(stored.username, now.username)


def _kept_values(stored: PersonIdentity, now: PersonIdentity) -> list[str]:
    """Address and idnumber, as far as they are what they were. Others may have them too."""
    pairs = ((stored.email, now.email), (stored.idnumber, now.idnumber))
    return [after for before, after in pairs if _agrees(before, after)]


def is_same_course(stored: CourseIdentity, now: CourseIdentity) -> bool:
    return (
        _agrees(stored.timecreated, now.timecreated)
        or _agrees(stored.shortname, now.shortname)
        or _agrees(stored.idnumber, now.idnumber)
    )


def _agrees(before: str | int, after: str | int) -> bool:
    return bool(before) and before == after


# --- people ---------------------------------------------------------------------------------------


class _People:
    def __init__(self, managed: Managed, moodle: MoodleState) -> None:
        self.managed = managed
        self.moodle = moodle

    @cached_property
    def shared(self) -> Mapping[str, int]:
        """Needed where neither creation time nor username agree."""
        return Counter(self._values())

    def _values(self) -> Iterator[str]:
        """Addresses and idnumbers of everybody who was read, and of links that were not."""
        for person in self.moodle.people.values():
            if not person.deleted:
                yield from filter(None, person_identity(person)[2:])
        for user_id, link in self.managed.accounts.items():
            if user_id not in self.moodle.people:
                yield from filter(None, (link.known_email, link.known_idnumber))

    def changed(self) -> Iterator[int]:
        for user_id, link in self.managed.accounts.items():
            person, stored = self.moodle.people.get(user_id), link.identity
            if person is None or person.deleted or stored is None:
                continue  # Moodle changes the username and address of who is deleted
            if not self._is_same(stored, person_identity(person)):
                yield user_id

    def _is_same(self, stored: PersonIdentity, now: PersonIdentity) -> bool:
        return _is_plainly_same(stored, now) or any(
            self.shared.get(value, 0) <= 1 for value in _kept_values(stored, now)
        )

    def to_store(self, changed: frozenset[int]) -> dict[int, PersonIdentity]:
        """Also of people without a link: this run may make one."""
        found: dict[int, PersonIdentity] = {}
        for user_id, person in self.moodle.people.items():
            if person.deleted or user_id in changed:
                continue
            link, now = self.managed.accounts.get(user_id), person_identity(person)
            if link is None or now != link.identity:
                found[user_id] = now
        return found


def _person_conflict(managed: Managed, person: Person) -> Conflict:
    link = managed.accounts[person.user_id]
    stored = link.identity or PersonIdentity()
    return Conflict(
        ConflictKind.PERSON_CHANGED,
        person.user_id,
        None,
        msg(
            "number {id} is now {name}, username {username}, {email}",
            id=person.user_id,
            name=person.name,
            username=person.username,
            email=person.email or msg("no e-mail"),
        ),
        msg(
            "account {who} was linked to username {username}, {email}",
            who=link.username,
            username=stored.username,
            email=stored.email or msg("no e-mail"),
        ),
        link.account_id,
        msg(
            "Creation time, username, address and idnumber all differ, as after a restore of "
            "Moodle. Say whether this is the same person; until then nothing is changed for it."
        ),
    )


# --- courses --------------------------------------------------------------------------------------


def _changed_courses(managed: Managed, moodle: MoodleState) -> Iterator[int]:
    for course_id, stored in managed.courses.items():
        course = moodle.courses.get(course_id)
        if course is not None and not is_same_course(stored, course_identity(course)):
            yield course_id


def _courses_to_store(
    managed: Managed, moodle: MoodleState, changed: frozenset[int]
) -> dict[int, CourseIdentity]:
    return {
        course_id: now
        for course_id, course in moodle.courses.items()
        if course_id not in changed
        and (now := course_identity(course)) != managed.courses.get(course_id)
    }


def _course_conflict(managed: Managed, course: Course) -> Conflict:
    stored = managed.courses[course.course_id]
    channels = sum(link.course_id == course.course_id for link in managed.channels.values())
    return Conflict(
        ConflictKind.COURSE_CHANGED,
        None,
        None,
        msg(
            "number {id} is now course {course} ({name})",
            id=course.course_id,
            course=course.shortname,
            name=course.fullname,
        ),
        msg("{n} channels were made for course {course}", n=channels, course=stored.shortname),
        "",
        msg(
            "Creation time, short name and idnumber all differ, as after a restore of Moodle. Say "
            "whether this is the same course; until then nothing is changed for it."
        ),
        course_id=course.course_id,
    )


# --- groups ---------------------------------------------------------------------------------------


class _Groups:
    """Groups of courses that are held are not looked at: the course is decided first."""

    def __init__(self, managed: Managed, moodle: MoodleState, held: frozenset[int]) -> None:
        self.managed = managed
        self.moodle = moodle
        self.held = held
        self.shared = Counter(self._values(moodle.groups.values()))

    @staticmethod
    def _values(groups: Iterable[Group]) -> Iterator[tuple[int, str]]:
        """Names and idnumbers within each course."""
        for group in groups:
            yield from ((group.course_id, value) for value in {group.name, group.idnumber})

    def _known(self) -> Iterator[tuple[Group, int, GroupIdentity | None]]:
        """Each group that has a link, with the course and identity that the link was made of."""
        for group_id, link in self.managed.channels.items():
            group = self.moodle.groups.get(group_id)
            if group is not None and group.course_id not in self.held:
                yield group, link.course_id, link.identity

    def changed(self) -> Iterator[int]:
        for group, course_id, stored in self._known():
            if stored is not None and not self._is_same(group, course_id, stored):
                yield group.group_id

    def _is_same(self, group: Group, course_id: int, stored: GroupIdentity) -> bool:
        if _agrees(stored.timecreated, group.timecreated):
            return True
        if group.course_id != course_id:
            return False
        return any(
            _agrees(before, after) and self.shared[course_id, after] <= 1
            for before, after in ((stored.name, group.name), (stored.idnumber, group.idnumber))
        )

    def to_store(self, changed: frozenset[int]) -> dict[int, GroupIdentity]:
        """Also of groups without a link: this run may make one."""
        found: dict[int, GroupIdentity] = {}
        for group_id, group in self.moodle.groups.items():
            if group_id in changed or group.course_id in self.held:
                continue
            link, now = self.managed.channels.get(group_id), group_identity(group)
            if link is None or now != link.identity:
                found[group_id] = now
        return found


def _group_conflict(managed: Managed, group: Group) -> Conflict:
    link = managed.channels[group.group_id]
    stored = link.identity or GroupIdentity()
    return Conflict(
        ConflictKind.GROUP_CHANGED,
        None,
        group.group_id,
        msg(
            "number {id} is now group '{group}' of course {course}",
            id=group.group_id,
            group=group.name,
            course=group.course_id,
        ),
        msg(
            "channel {channel} was made for group '{group}' of course {course}",
            channel=link.name,
            group=stored.name,
            course=link.course_id,
        ),
        link.room_id,
        msg(
            "Creation time, name and idnumber all differ, as after a restore of Moodle. Say "
            "whether this is the same group; until then nothing is changed for it."
        ),
    )
