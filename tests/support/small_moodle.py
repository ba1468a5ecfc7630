"""A Moodle of a few rows in the test database, for tests that change it row by row.

Needs `databases=["default", "moodle"]`. Ids are given by the test, so that they can be named in
assertions.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from moodle.models import (
    Config,
    Context,
    Course,
    CourseCategory,
    Enrol,
    Group,
    GroupMember,
    MoodleTable,
    PluginConfig,
    Role,
    RoleAssignment,
    User,
    UserEnrolment,
)

TEACHER, STUDENT = 3, 5
CATEGORY = 1
MADE = 1_600_000_000  # unix seconds
SYSTEM_CONTEXT, CATEGORY_CONTEXT = 1, 2


def rows(model: type[MoodleTable]) -> QuerySet[Any]:
    """The table, past the router that lets nobody write to Moodle."""
    return model._default_manager.using("moodle")


class SmallMoodle:
    """Verbs for the rows that the sync reads."""

    def __init__(self) -> None:
        for name, value in {
            "version": "2024100705",
            "siteguest": "1",
            "mnet_localhost_id": "1",
        }.items():
            rows(Config).create(name=name, value=value)
        rows(PluginConfig).create(
            plugin="tool_log", name="enabled_stores", value="logstore_standard"
        )
        rows(Course).create(id=1, category=0, shortname="site", fullname="Site")
        rows(CourseCategory).create(id=CATEGORY, name="All", path=f"/{CATEGORY}")
        rows(Context).create(id=SYSTEM_CONTEXT, contextlevel=10, instanceid=0, path="/1")
        rows(Context).create(id=CATEGORY_CONTEXT, contextlevel=40, instanceid=CATEGORY, path="/1/2")
        for role_id, shortname in ((TEACHER, "editingteacher"), (STUDENT, "student")):
            rows(Role).create(id=role_id, shortname=shortname)
        self.person(1, username="guest")

    def person(self, user_id: int, **values: Any) -> int:
        self._user(user_id, values).save(using="moodle", force_insert=True)
        return user_id

    @staticmethod
    def _user(user_id: int, values: Mapping[str, Any]) -> User:
        username = values.get("username", f"person{user_id}")
        given = {
            "username": username,
            "firstname": "Person",
            "lastname": str(user_id),
            "email": f"{username}@example.invalid",
            "confirmed": 1,
            "mnethostid": 1,
            "timecreated": MADE + user_id,
            **values,
        }
        return User(id=user_id, **given)

    def people(self, first: int, count: int) -> list[int]:
        ids = list(range(first, first + count))
        rows(User).bulk_create(self._user(user_id, {}) for user_id in ids)
        return ids

    def course(self, course_id: int, shortname: str = "") -> int:
        name = shortname or f"C{course_id}"
        rows(Course).create(
            id=course_id,
            category=CATEGORY,
            shortname=name,
            fullname=f"Course {name}",
            timecreated=MADE + course_id,
        )
        context = self.context_of(course_id)
        rows(Context).create(
            id=context, contextlevel=50, instanceid=course_id, path=f"/1/2/{context}"
        )
        rows(Enrol).create(id=course_id, enrol="manual", courseid=course_id, status=0)
        return course_id

    @staticmethod
    def context_of(course_id: int) -> int:
        return 1000 + course_id

    def enrol(self, course_id: int, people: Iterable[int], role: int = STUDENT) -> None:
        people = list(people)
        enrolled = rows(UserEnrolment).filter(enrolid=course_id, userid__in=people)
        missing = set(people) - set(enrolled.values_list("userid", flat=True))
        rows(UserEnrolment).bulk_create(
            UserEnrolment(enrolid=course_id, userid=user_id, timeend=0)
            for user_id in dict.fromkeys(people)
            if user_id in missing
        )
        context = self.context_of(course_id)
        rows(RoleAssignment).bulk_create(
            RoleAssignment(roleid=role, contextid=context, userid=user_id) for user_id in people
        )

    def unenrol(self, course_id: int, people: Collection[int]) -> None:
        rows(UserEnrolment).filter(enrolid=course_id, userid__in=people).delete()

    def group(self, group_id: int, course_id: int, name: str, members: Iterable[int] = ()) -> int:
        rows(Group).create(id=group_id, courseid=course_id, name=name, timecreated=MADE + group_id)
        self.join(group_id, members)
        return group_id

    def join(self, group_id: int, people: Iterable[int]) -> None:
        rows(GroupMember).bulk_create(
            GroupMember(groupid=group_id, userid=user_id) for user_id in people
        )

    def leave(self, group_id: int, people: Collection[int]) -> None:
        rows(GroupMember).filter(groupid=group_id, userid__in=people).delete()

    def change_role(self, course_id: int, user_id: int, role: int) -> None:
        rows(RoleAssignment).filter(contextid=self.context_of(course_id), userid=user_id).update(
            roleid=role
        )

    def change_person(self, user_id: int, **values: Any) -> None:
        rows(User).filter(id=user_id).update(**values)

    def change_group(self, group_id: int, **values: Any) -> None:
        rows(Group).filter(id=group_id).update(**values)

    def change_course(self, course_id: int, **values: Any) -> None:
        rows(Course).filter(id=course_id).update(**values)

    def delete_group(self, group_id: int) -> None:
        rows(GroupMember).filter(groupid=group_id).delete()
        rows(Group).filter(id=group_id).delete()
