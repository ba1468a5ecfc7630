"""The sample's registrar: Moodle's own verbs on the tables of a running Moodle, with log rows."""

import json
import random
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from demo.sample_moodle.builder import ADMIN, EVENT_CRUD, EVENT_TABLES
from demo.sample_moodle.records import Records, Row
from moodle.models import (
    Context,
    Course,
    Enrol,
    Group,
    GroupMember,
    LogEntry,
    Role,
    RoleAssignment,
    User,
    UserEnrolment,
)


class Registrar:
    """Changes rows of a Moodle. Whatever changes something writes the log as Moodle does."""

    def __init__(self, connection: BaseDatabaseWrapper, rng: random.Random, now: int) -> None:
        self.records = Records(connection, rng)
        self.rng = rng
        self.now = now

    # --- people -----------------------------------------------------------------------------------

    def add_person(self, first: str, last: str, username: str, email: str) -> int:
        names = {"firstname": first, "lastname": last, "username": username, "email": email}
        user_id = self.records.insert(
            User, **names, confirmed=1, mnethostid=1, timecreated=self.now
        )
        context = self.records.insert(Context, contextlevel=Context.USER, instanceid=user_id)
        self.records.update(Context, context, path=f"/1/{context}")
        self._person_log("user_created", user_id)
        return user_id

    def update_person(self, user_id: int, **values: Any) -> None:
        self.records.update(User, user_id, **values)
        self._person_log("user_updated", user_id)

    def delete_person(self, user: Row) -> None:
        """Leaves the row under another name, and nothing else of the person."""
        for enrolment in self.records.all(UserEnrolment, userid=user["id"]):
            self.unenrol(enrolment)
        for table in (GroupMember, RoleAssignment):
            self.records.delete(table, userid=user["id"])
        gone = {"username": f"{user['email'][:80]}.{self.now}", "email": f"{user['id']:032x}"}
        self.records.update(User, user["id"], deleted=1, **gone)
        was = {"username": user["username"], "email": user["email"]}
        self._person_log("user_deleted", user["id"], was)

    # --- courses and enrolments -------------------------------------------------------------------

    def show_course(self, course: Row, *, visible: bool) -> None:
        self.records.update(Course, course["id"], visible=int(visible))
        fields = {"shortname": course["shortname"], "updatedfields": {"visible": int(visible)}}
        self._course_log("course_updated", course["id"], course["id"], other=fields)

    def enrol(self, course_id: int, user_id: int, role: str = "student") -> None:
        method = self.records.one(Enrol, courseid=course_id, enrol="manual")
        row = self.records.insert(UserEnrolment, enrolid=method["id"], userid=user_id, timeend=0)
        self._course_log("user_enrolment_created", row, course_id, user_id, {"enrol": "manual"})
        self.assign(course_id, user_id, role)

    def set_enrolment(self, enrolment: Row, **values: Any) -> None:
        """Moodle's log says that the row was updated, but not what of it."""
        method = self.records.one(Enrol, id=enrolment["enrolid"])
        self.records.update(UserEnrolment, enrolment["id"], **values)
        whose = (enrolment["id"], method["courseid"], enrolment["userid"])
        self._course_log("user_enrolment_updated", *whose, {"enrol": method["enrol"]})

    def unenrol(self, enrolment: Row) -> None:
        """With the last enrolment in a course go the person's roles and groups in it."""
        method = self.records.one(Enrol, id=enrolment["enrolid"])
        course_id, user_id = method["courseid"], enrolment["userid"]
        self.records.delete(UserEnrolment, id=enrolment["id"])
        last = not self._is_enrolled(course_id, user_id)
        if last:
            at = self.context(course_id)
            for role in self.records.all(RoleAssignment, userid=user_id, contextid=at):
                self.unassign(course_id, role)
            for group in self.records.all(Group, courseid=course_id):
                self.leave(group, user_id)
        row = {**enrolment, "courseid": course_id, "enrol": method["enrol"], "lastenrol": last}
        other = {"userenrolment": row, "enrol": method["enrol"]}
        self._course_log("user_enrolment_deleted", enrolment["id"], course_id, user_id, other)

    def _is_enrolled(self, course_id: int, user_id: int) -> bool:
        methods = {row["id"] for row in self.records.all(Enrol, courseid=course_id)}
        rows = self.records.all(UserEnrolment, userid=user_id)
        return any(row["enrolid"] in methods for row in rows)

    def switch_method(self, method: Row, *, on: bool) -> None:
        """No log row tells whom it concerns."""
        self.records.update(Enrol, method["id"], status=0 if on else 1)
        other = {"enrol": method["enrol"]}
        self._course_log("enrol_instance_updated", method["id"], method["courseid"], None, other)

    # --- roles ------------------------------------------------------------------------------------

    def context(self, course_id: int) -> int:
        row = self.records.one(Context, contextlevel=Context.COURSE, instanceid=course_id)
        return int(row["id"])

    def assign(self, course_id: int, user_id: int, shortname: str) -> None:
        role, context = self.records.one(Role, shortname=shortname)["id"], self.context(course_id)
        row = self.records.insert(RoleAssignment, roleid=role, contextid=context, userid=user_id)
        other = {"id": row, "component": "", "itemid": 0}
        self._course_log("role_assigned", role, course_id, user_id, other)

    def unassign(self, course_id: int, assignment: Row) -> None:
        self.records.delete(RoleAssignment, id=assignment["id"])
        other = {"id": str(assignment["id"]), "component": "", "itemid": "0"}
        whose = (assignment["roleid"], course_id, assignment["userid"])
        self._course_log("role_unassigned", *whose, other)

    # --- groups -----------------------------------------------------------------------------------

    def add_group(self, course_id: int, name: str) -> Row:
        group_id = self.records.insert(Group, courseid=course_id, name=name, timecreated=self.now)
        self._course_log("group_created", group_id, course_id)
        return self.records.one(Group, id=group_id)

    def rename_group(self, group: Row, name: str) -> None:
        self.records.update(Group, group["id"], name=name)
        self._course_log("group_updated", group["id"], group["courseid"])

    def delete_group(self, group: Row) -> None:
        """Its members go without a log row of their own."""
        self.records.delete(GroupMember, groupid=group["id"])
        self.records.delete(Group, id=group["id"])
        self._course_log("group_deleted", group["id"], group["courseid"])

    def join(self, group: Row, user_id: int) -> None:
        if not self.records.all(GroupMember, groupid=group["id"], userid=user_id):
            self.records.insert(GroupMember, groupid=group["id"], userid=user_id)
            other = {"component": "", "itemid": 0}
            self._course_log("group_member_added", group["id"], group["courseid"], user_id, other)

    def leave(self, group: Row, user_id: int) -> None:
        if self.records.all(GroupMember, groupid=group["id"], userid=user_id):
            self.records.delete(GroupMember, groupid=group["id"], userid=user_id)
            self._course_log("group_member_removed", group["id"], group["courseid"], user_id)

    # --- Moodle's log -----------------------------------------------------------------------------

    def _person_log(self, event: str, user_id: int, other: Row | None = None) -> None:
        self._log(event, user_id, (Context.USER, user_id), user_id, other)

    def _course_log(
        self,
        event: str,
        object_id: int,
        course_id: int,
        user_id: int | None = None,
        other: Row | None = None,
    ) -> None:
        self._log(event, object_id, (Context.COURSE, course_id), user_id, other)

    def _log(
        self,
        event: str,
        object_id: int,
        place: tuple[int, int],
        user_id: int | None,
        other: Row | None,
    ) -> None:
        target, _, action = event.rpartition("_")
        level, instance = place
        context = self.records.one(Context, contextlevel=level, instanceid=instance)
        self.records.insert(
            LogEntry,
            eventname=f"\\core\\event\\{event}",
            objecttable=EVENT_TABLES.get(target, target),
            objectid=object_id,
            crud=EVENT_CRUD.get(action, "c"),
            edulevel=0,
            contextid=context["id"],
            contextlevel=level,
            contextinstanceid=instance,
            userid=ADMIN,
            courseid=instance if level == Context.COURSE else 0,
            relateduserid=user_id,
            other=json.dumps(other, separators=(",", ":")),
            timecreated=self.now,
        )
