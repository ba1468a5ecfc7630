"""A Moodle in memory, built with Moodle's own verbs, written to the tables at the end.

Every verb leaves the rows that Moodle leaves, its log entries included. Ids count from 1 in each
table.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import NOT_PROVIDED

from demo.sample_moodle.tables import insert, one_transaction, reset_sequences
from moodle.models import (
    Config,
    Context,
    Course,
    CourseCategory,
    Enrol,
    Group,
    GroupMember,
    LogEntry,
    MoodleTable,
    PluginConfig,
    Role,
    RoleAssignment,
    User,
    UserEnrolment,
    UserInfoData,
    UserInfoField,
)

DAY = 24 * 3600
ADMIN = 2  # Moodle's own: user 1 is the guest, user 2 the administrator
FOR_EVER = 0
ROLES = (
    "manager",
    "coursecreator",
    "editingteacher",
    "teacher",
    "student",
    "guest",
    "user",
    "frontpage",
)
EVENT_CRUD = {"deleted": "d", "removed": "d", "unassigned": "d", "updated": "u"}  # others: "c"
EVENT_TABLES = {
    "user_enrolment": "user_enrolments",
    "group": "groups",
    "group_member": "groups",
    "enrol_instance": "enrol",
}


class MoodleBuilder:
    """Rows by table. `now` is the moment the sample shows; everything in it was made before."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.made = now - 30 * DAY
        self.rows: dict[type[MoodleTable], list[dict[str, Any]]] = defaultdict(list)
        self.roles: dict[str, int] = {}
        self._contexts: dict[tuple[int, int], int] = {}
        self._manual: dict[int, int] = {}
        self._start()

    def _start(self) -> None:
        """What a fresh Moodle has: site, guest, administrator, roles, settings."""
        self.context(Context.SYSTEM, 0, parent=None)
        self._add(Course, category=0, shortname="campus", fullname="Sample campus")
        self.context(Context.COURSE, 1, parent=1)
        for position, shortname in enumerate(ROLES, start=1):
            self.role(shortname, sortorder=position, archetype=shortname)
        self.user("Guest user", " ", "guest", "root@localhost")
        self.user("Admin", "User", "admin", "admin@campus.invalid")
        for name, value in {
            "version": "2024100705.01",
            "release": "4.5.5+ (Build: 20250613)",
            "branch": "405",
            "siteguest": "1",
            "siteadmins": str(ADMIN),
            "mnet_localhost_id": "1",
            "defaultuserroleid": str(self.roles["user"]),
            "enrol_plugins_enabled": "manual,guest,self,cohort,meta",
        }.items():
            self._add(Config, name=name, value=value)
        for plugin, name, value in (
            ("tool_log", "enabled_stores", "logstore_standard"),
            ("logstore_standard", "jsonformat", "1"),
            ("logstore_standard", "loglifetime", "0"),
        ):
            self._add(PluginConfig, plugin=plugin, name=name, value=value)

    # --- verbs ------------------------------------------------------------------------------------

    def user(self, first: str, last: str, username: str, email: str, **other: Any) -> int:
        user_id = self._add(
            User,
            firstname=first,
            lastname=last,
            username=username,
            email=email,
            **{"confirmed": 1, "mnethostid": 1, "timecreated": self.made, **other},
        )
        self.context(Context.USER, user_id, parent=1)
        self.log("user_created", user_id, Context.USER, user_id, related=user_id)
        return user_id

    def change_user(self, user_id: int, **values: Any) -> None:
        self.rows[User][user_id - 1].update(values)
        self.log("user_updated", user_id, Context.USER, user_id, related=user_id)

    def delete_user(self, user_id: int) -> None:
        """As in Moodle, the row stays and gets another username."""
        row = self.rows[User][user_id - 1]
        other = {"username": row["username"], "email": row["email"]}
        row.update(
            deleted=1,
            username=f"{row['email']}.{self.made}",
            email=f"{user_id:032x}",
            auth="manual",
        )
        self.log("user_deleted", user_id, Context.USER, user_id, related=user_id, other=other)

    def category(self, name: str, parent: int = 0, *, visible: bool = True) -> int:
        above = self.rows[CourseCategory][parent - 1]["path"] if parent else ""
        number = self._add(CourseCategory, name=name, parent=parent, visible=int(visible))
        self.rows[CourseCategory][number - 1]["path"] = f"{above}/{number}"
        top = self._contexts[Context.CATEGORY, parent] if parent else 1
        self.context(Context.CATEGORY, number, parent=top)
        return number

    def course(
        self,
        category: int,
        shortname: str,
        fullname: str,
        *,
        visible: bool = True,
        startdate: int = 0,
        enddate: int = 0,
    ) -> int:
        """With the methods that every new course gets: manual, and guest and self switched off."""
        course_id = self._add(
            Course,
            category=category,
            shortname=shortname,
            fullname=fullname,
            visible=int(visible),
            startdate=startdate,
            enddate=enddate,
            timecreated=self.made,
        )
        self.context(Context.COURSE, course_id, parent=self._contexts[Context.CATEGORY, category])
        self._manual[course_id] = self.method(course_id, "manual")
        self.method(course_id, "guest", on=False)
        self.method(course_id, "self", on=False)
        self.log("course_created", course_id, Context.COURSE, course_id)
        return course_id

    def method(self, course_id: int, name: str, *, on: bool = True) -> int:
        return self._add(Enrol, enrol=name, courseid=course_id, status=0 if on else 1)

    def role(
        self, shortname: str, *, name: str = "", sortorder: int = 0, archetype: str = ""
    ) -> int:
        self.roles[shortname] = self._add(
            Role,
            shortname=shortname,
            name=name,
            sortorder=sortorder or len(self.roles) + 1,
            archetype=archetype,
        )
        return self.roles[shortname]

    def enrol(
        self,
        course_id: int,
        user_ids: Iterable[int],
        role: str = "student",
        *,
        method: int | None = None,
        suspended: bool = False,
        start: int = 0,
        end: int = FOR_EVER,
    ) -> None:
        """A role of "" gives none."""
        enrol_id = self._manual[course_id] if method is None else method
        other = {"enrol": self.rows[Enrol][enrol_id - 1]["enrol"]}
        for user_id in user_ids:
            row = self._add(
                UserEnrolment,
                enrolid=enrol_id,
                userid=user_id,
                status=int(suspended),
                timestart=start,
                timeend=end,
            )
            at = (Context.COURSE, course_id)
            self.log("user_enrolment_created", row, *at, related=user_id, other=other)
            if role:
                self.assign(role, user_id, *at)

    def assign(self, role: str, user_id: int, level: int, instance: int) -> None:
        row = self._add(
            RoleAssignment,
            roleid=self.roles[role],
            contextid=self._contexts[level, instance],
            userid=user_id,
        )
        other = {"id": row, "component": "", "itemid": 0}
        self.log("role_assigned", self.roles[role], level, instance, related=user_id, other=other)

    def group(
        self, course_id: int, name: str, members: Iterable[int] = (), visibility: int = 0
    ) -> int:
        group_id = self._add(
            Group, courseid=course_id, name=name, visibility=visibility, timecreated=self.made
        )
        self.log("group_created", group_id, Context.COURSE, course_id)
        self.join(group_id, members)
        return group_id

    def join(self, group_id: int, user_ids: Iterable[int]) -> None:
        at = (Context.COURSE, self.rows[Group][group_id - 1]["courseid"])
        for user_id in user_ids:
            self._add(GroupMember, groupid=group_id, userid=user_id)
            other = {"component": "", "itemid": 0}
            self.log("group_member_added", group_id, *at, related=user_id, other=other)

    def profile_field(self, shortname: str, datatype: str, values: dict[int, str]) -> None:
        field = self._add(UserInfoField, shortname=shortname, datatype=datatype)
        for user_id, data in values.items():
            self._add(UserInfoData, userid=user_id, fieldid=field, data=data)

    def context(self, level: int, instance: int, parent: int | None) -> int:
        number = self._add(Context, contextlevel=level, instanceid=instance)
        above = "" if parent is None else self.rows[Context][parent - 1]["path"]
        self.rows[Context][number - 1]["path"] = f"{above}/{number}"
        self._contexts[level, instance] = number
        return number

    def context_path(self, level: int, instance: int) -> str:
        path: str = self.rows[Context][self._contexts[level, instance] - 1]["path"]
        return path

    # --- rows -------------------------------------------------------------------------------------

    def log(
        self,
        event: str,
        object_id: int,
        level: int,
        instance: int,
        *,
        related: int | None = None,
        other: dict[str, Any] | None = None,
    ) -> None:
        target, _, action = event.rpartition("_")
        self._add(
            LogEntry,
            eventname=f"\\core\\event\\{event}",
            objecttable=EVENT_TABLES.get(target, target),
            objectid=object_id,
            crud=EVENT_CRUD.get(action, "c"),
            edulevel=0,
            contextid=self._contexts[level, instance],
            contextlevel=level,
            contextinstanceid=instance,
            userid=ADMIN,
            courseid=instance if level == Context.COURSE else 0,
            relateduserid=related,
            other=json.dumps(other, separators=(",", ":")),
            timecreated=self.made,
        )

    def save(self, connection: BaseDatabaseWrapper) -> None:
        """Write all rows at once into tables that exist and are empty."""
        with one_transaction(connection):
            for model, rows in self.rows.items():
                defaults = _defaults(model)
                values = ([{**defaults, **row}[column] for column in defaults] for row in rows)
                insert(connection, model, list(defaults), values)
            reset_sequences(connection)

    def _add(self, model: type[MoodleTable], **values: Any) -> int:
        number = len(self.rows[model]) + 1
        self.rows[model].append({"id": number, **values})
        return number


def _defaults(model: type[MoodleTable]) -> dict[str, Any]:
    """Every column, with what Moodle's table has where nothing is given."""
    return {
        field.attname: None if field.db_default is NOT_PROVIDED else field.db_default
        for field in model._meta.concrete_fields
    }
