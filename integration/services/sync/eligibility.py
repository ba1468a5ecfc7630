"""Who counts in a course, and the same in words. Pure; the rules are Moodle's own
(get_enrolled_users with onlyactive) plus the account checks that Moodle leaves to the caller.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial

from integration.domain.days import day_of
from integration.domain.messages import joined, listed, msg
from integration.domain.policy import Cause
from integration.domain.state import (
    ROLE_STRENGTH,
    Course,
    Enrolment,
    Group,
    MoodleState,
    Person,
    RoomRole,
)

ACTIVE = 0  # mdl_user_enrolments.status and mdl_enrol.status are upside down: 0 is on
_NO_ROWS: tuple[Enrolment, ...] = ()


def is_active(row: Enrolment, now: int) -> bool:
    """Whether this one enrolment counts now (mdl_user_enrolments and mdl_enrol)."""
    return (
        row.status == ACTIVE
        and row.method_status == ACTIVE
        and row.timestart < now
        and (row.timeend == 0 or row.timeend > now)
    )


def _any_active(rows: Iterable[Enrolment], now: int) -> bool:
    for row in rows:  # noqa: SIM110  # any() over a generator takes twice as long
        if is_active(row, now):
            return True
    return False


def unusable_because(person: Person) -> str:
    """Why Moodle itself would not let the person in, "" when it would (mdl_user)."""
    if person.deleted:
        return msg("deleted in Moodle")
    if person.suspended:
        return msg("suspended in Moodle")
    if not person.confirmed:
        return msg("not confirmed in Moodle")
    if person.auth == "nologin":
        return msg("may not log in to Moodle (authentication 'nologin')")
    if person.auth_removed:
        return msg(
            "cannot log in to Moodle, whose version no longer has the authentication '{auth}'",
            auth=person.auth,
        )
    return msg("the guest user") if person.guest else ""


class Eligibility:
    """Everybody's standing, from one reading of Moodle and the included roles.

    `roles` maps included Moodle role ids to channel roles; `own_roles` are those of courses that
    have others (course id -> the same). Kept are the ids of those who do not count, being few, and
    who is active and as what in the course that was asked for last: so ask course by course.
    """

    def __init__(
        self,
        moodle: MoodleState,
        roles: Mapping[int, RoomRole],
        own_roles: Mapping[int, Mapping[int, RoomRole]] | None = None,
    ) -> None:
        self.moodle = moodle
        self._roles = roles
        self._own_roles = own_roles or {}
        self._not_active: dict[int, frozenset[int]] = {}  # by course
        self._active_here: tuple[int | None, frozenset[int]] = (None, frozenset())
        self._roles_here: tuple[Course | None, dict[int, RoomRole]] = (None, {})
        self._why_member: dict[tuple[int, frozenset[str], tuple[int, ...]], str] = {}

    @cached_property
    def _unusable(self) -> frozenset[int]:
        people = self.moodle.people.items()
        return frozenset(user_id for user_id, person in people if unusable_because(person))

    def is_usable(self, user_id: int) -> bool:
        """Whether Moodle has the person, and the account works there."""
        return user_id in self.moodle.people and user_id not in self._unusable

    @cached_property
    def _active_nowhere(self) -> frozenset[int]:
        nowhere = set(self.moodle.people)
        for course_id in self.moodle.integrated & self.moodle.enrolments.keys():
            nowhere.difference_update(self._active_among(course_id))
        return frozenset(nowhere)

    def is_active_somewhere(self, user_id: int) -> bool:
        """Whether a usable person has an active enrolment in any integrated course."""
        return user_id in self.moodle.people and user_id not in self._active_nowhere

    @cached_property
    def _without_role(self) -> frozenset[int]:
        with_role = {
            user_id
            for course in self.moodle.courses.values()
            for user_id in self.active_in(course.course_id)
            if not self.roles_for(course.course_id)
            or self.channel_role(course, user_id) is not None
        }
        return frozenset(user_id for user_id in self.moodle.people if user_id not in with_role)

    def lacks_role(self, user_id: int) -> bool:
        """Whether a person has no active enrolment with an included role in a course that was read.

        In a course for which no role is chosen the enrolment is enough: nobody chose to shut its
        people out.
        """
        return user_id in self._without_role

    def active_in(self, course_id: int) -> frozenset[int]:
        """Usable people with at least one active enrolment in the course, by whatever method."""
        known, active = self._active_here
        if known != course_id:
            active = frozenset(self._active_among(course_id))
            self._active_here = (course_id, active)
        return active

    def _active_among(self, course_id: int) -> Iterator[int]:
        inactive = self._not_active_in(course_id)
        enrolled = self.moodle.enrolments.get(course_id, ())
        return (user_id for user_id in enrolled if user_id not in inactive)

    def is_active_in(self, course_id: int, user_id: int) -> bool:
        """Whether the person is among those."""
        enrolled = self.moodle.enrolments.get(course_id, ())
        return user_id in enrolled and user_id not in self._not_active_in(course_id)

    def _not_active_in(self, course_id: int) -> frozenset[int]:
        """People with an enrolment, but no active one, in the course."""
        found = self._not_active.get(course_id)
        if found is None:
            now, people, unusable = self.moodle.read_at, self.moodle.people, self._unusable
            found = frozenset(
                user_id
                for user_id, rows in self.moodle.enrolments.get(course_id, {}).items()
                if user_id in unusable or user_id not in people or not _any_active(rows, now)
            )
            self._not_active[course_id] = found
        return found

    def roles_for(self, course_id: int) -> Mapping[int, RoomRole]:
        """The included roles of the course."""
        return self._own_roles.get(course_id, self._roles)

    def _everybodys(self, course_id: int) -> RoomRole | None:
        """The channel role of the default role, which everybody holds."""
        return self.roles_for(course_id).get(self.moodle.default_role_id or 0)

    def channel_role(self, course: Course, user_id: int) -> RoomRole | None:
        """The strongest channel role of the person's included roles in the course, None without
        any.
        """
        held = (self._roles_in(course).get(user_id), self._everybodys(course.course_id))
        return max((role for role in held if role is not None), key=_strength, default=None)

    def members(self, group: Group) -> dict[int, RoomRole]:
        """Effective members of the group who hold an included role: user id -> channel role."""
        course = self.moodle.courses[group.course_id]
        among, people = self.active_in(group.course_id), self.moodle.group_members
        active = [user for user in people.get(group.group_id, ()) if user in among]
        if self._everybodys(group.course_id) is None:
            held = self._roles_in(course)
            return {user: held[user] for user in active if user in held}
        roles = ((user, self.channel_role(course, user)) for user in active)
        return {user_id: role for user_id, role in roles if role is not None}

    def entitled_without_group(self, group_id: int, course_id: int) -> Callable[[int], bool]:
        """Whether a person may stay in a channel that is kept although its reason is gone.

        As a member of the group where it still exists; else as somebody active in the course where
        that is read; else with a Moodle account that works. Whoever Moodle has no row of may stay.
        """
        group, people = self.moodle.groups.get(group_id), self.moodle.people
        if group is not None:
            right: Callable[[int], bool] = self.members(group).__contains__
        elif course_id in self.moodle.courses:
            right = partial(self.is_active_in, course_id)
        else:
            right = self.is_usable
        return lambda user_id: right(user_id) or user_id not in people

    def _roles_in(self, course: Course) -> dict[int, RoomRole]:
        known, roles = self._roles_here
        if known is not course:
            roles = self._roles_of(course)
            self._roles_here = (course, roles)
        return roles

    # --- in words ---------------------------------------------------------------------------------

    def why_member(self, group: Group, user_id: int) -> str:
        """ "member of group 'Group A'; active by manual enrolment; role student"."""
        course = self.moodle.courses[group.course_id]
        methods = {
            row.method
            for row in self._rows(group.course_id, user_id)
            if is_active(row, self.moodle.read_at)
        }
        roles = tuple(
            role_id
            for role_id in self.role_ids(course, user_id)
            if role_id in self.roles_for(group.course_id)
        )
        alike = (group.group_id, frozenset(methods), roles)
        found = self._why_member.get(alike)
        if found is None:
            values = {
                "methods": listed(sorted(methods)),
                "roles": ", ".join(self.moodle.role_names.get(role, str(role)) for role in roles),
            }
            found = self._why_member[alike] = (
                msg(
                    "in course {course}; active by {methods} enrolment; role {roles}",
                    course=course.shortname,
                    **values,
                )
                if group.of_course
                else msg(
                    "member of group '{group}'; active by {methods} enrolment; role {roles}",
                    group=group.name,
                    **values,
                )
            )
        return found

    def why_not_member(self, group_id: int, user_id: int) -> str:
        """The first thing that keeps the person out of the group's channel, in words."""
        person = self.moodle.people.get(user_id)
        group = self.moodle.groups.get(group_id)
        if person is None:
            return msg("not found in Moodle")
        if reason := unusable_because(person):
            return reason
        if group is None:
            return msg("the group does not exist any more")
        if user_id not in self.moodle.group_members.get(group_id, ()):
            return self._why_not_in(group, user_id)
        if not self.is_active_in(group.course_id, user_id):
            return self.why_not_active(group.course_id, user_id)
        return self.why_no_role(self.moodle.courses[group.course_id], user_id)

    def why_no_role(self, course: Course, user_id: int) -> str:
        """Of somebody who holds no included role in the course: the roles held."""
        held = [
            self.moodle.role_names.get(role_id, str(role_id))
            for role_id in self.role_ids(course, user_id)
        ]
        has = ", ".join(held) or msg("none")
        return msg("holds no included role (has: {roles})", roles=has)

    def cause(self, group_id: int, user_id: int) -> Cause | None:
        """Why somebody who is still in the group does not count; None for who left it, or is
        unknown.
        """
        person = self.moodle.people.get(user_id)
        group = self.moodle.groups.get(group_id)
        if person is None:
            return None
        if person.deleted:
            return Cause.DELETED
        if unusable_because(person):
            return Cause.SUSPENDED
        if group is None:
            return Cause.UNENROLLED
        if not self._rows(group.course_id, user_id):
            return Cause.UNENROLLED  # Moodle takes such a person out of the groups as well
        if user_id not in self.moodle.group_members.get(group_id, ()):
            return None
        return Cause.ROLE_LOST if self.is_active_in(group.course_id, user_id) else Cause.UNENROLLED

    def row_is_gone(self, group_id: int, user_id: int) -> bool:
        """Whether somebody whose account works does not count because a row of Moodle is missing:
        of the group's member, of every enrolment, or of every included role.
        """
        group = self.moodle.groups.get(group_id)
        if group is None or not self.is_usable(user_id):
            return False
        if not self._rows(group.course_id, user_id):
            return True
        if user_id not in self.moodle.group_members.get(group_id, ()):
            return True
        course = self.moodle.courses[group.course_id]
        is_active = self.is_active_in(group.course_id, user_id)
        return is_active and self.channel_role(course, user_id) is None

    def ended_by_date(self, course_id: int, user_id: int) -> bool:
        """Whether every enrolment of the person in the course is there and has run out."""
        rows = self._rows(course_id, user_id)
        return bool(rows) and all(0 < row.timeend <= self.moodle.read_at for row in rows)

    def why_not_active(self, course_id: int, user_id: int) -> str:
        """Why none of the person's enrolments in the course counts now."""
        rows = self._rows(course_id, user_id)
        if not rows:
            return msg("not enrolled in the course any more")
        return joined("; ", sorted({_why_not(row, self.moodle) for row in rows}))

    def role_ids(self, course: Course, user_id: int) -> tuple[int, ...]:
        """Every role of the person in the course, its categories and the site, the default role
        last.
        """
        found: dict[int, None] = {}
        for context_id in course.context_ids:
            held = self.moodle.roles.get(context_id, {}).get(user_id, ())
            found.update(dict.fromkeys(sorted(held)))
        if self.moodle.default_role_id is not None:
            found[self.moodle.default_role_id] = None
        return tuple(found)

    def _roles_of(self, course: Course) -> dict[int, RoomRole]:
        strongest: dict[int, RoomRole] = {}
        included = self.roles_for(course.course_id)
        for context_id in course.context_ids:
            for user_id, role_ids in self.moodle.roles.get(context_id, {}).items():
                for role_id in role_ids:
                    role = included.get(role_id)
                    if role is None:
                        continue
                    known = strongest.get(user_id)
                    if known is None or _strength(role) > _strength(known):
                        strongest[user_id] = role
        return strongest

    def _rows(self, course_id: int, user_id: int) -> tuple[Enrolment, ...]:
        return self.moodle.enrolments.get(course_id, {}).get(user_id, _NO_ROWS)

    def _why_not_in(self, group: Group, user_id: int) -> str:
        if group.of_course:
            return self.why_not_active(group.course_id, user_id)
        left = msg("no longer in group '{group}'", group=group.name)
        if self.is_active_in(group.course_id, user_id):
            return left
        return joined("; ", [left, self.why_not_active(group.course_id, user_id)])


def _strength(role: RoomRole) -> int:
    return ROLE_STRENGTH[role]


def _why_not(row: Enrolment, moodle: MoodleState) -> str:
    if row.method_status != ACTIVE:
        return msg("the enrolment method '{method}' is switched off", method=row.method)
    if row.status != ACTIVE:
        return msg("the {method} enrolment is suspended", method=row.method)
    if row.timestart >= moodle.read_at:
        begin = day_of(row.timestart, moodle.time_zone)
        return msg("the {method} enrolment begins on {day}", method=row.method, day=begin)
    end = day_of(row.timeend, moodle.time_zone)
    return msg("the {method} enrolment ended on {day}", method=row.method, day=end)
