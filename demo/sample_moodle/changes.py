"""Things that happen in a Moodle, one at a time, each with the log rows that Moodle writes.

They work on the sample's tables and on a real Moodle's alike, so that the demo and long tests can
let time pass. Everything is drawn from the random numbers given: the same numbers, the same
history.
"""

import random
from collections.abc import Callable
from itertools import islice

from django.db.backends.base.base import BaseDatabaseWrapper

from demo.sample_moodle.people import newcomers
from demo.sample_moodle.records import Row
from demo.sample_moodle.registrar import Registrar
from demo.sample_moodle.tables import one_transaction
from moodle.models import (
    Context,
    Course,
    Enrol,
    Group,
    GroupMember,
    Role,
    RoleAssignment,
    User,
    UserEnrolment,
)

FIRST_OWN_PERSON = 3  # 1 is the guest, 2 the administrator
ATTEMPTS = 100


def random_change(connection: BaseDatabaseWrapper, rng: random.Random, now: int) -> str:
    """Make one change and describe it in a sentence. The connection has to be a writing one."""
    office = Registrar(connection, rng, now)
    for _ in range(ATTEMPTS):
        with one_transaction(connection):
            description = rng.choice(CHANGES)(office)
        if description:
            return description
    raise LookupError("This Moodle has nothing left to change.")


# Each change answers "" where it finds nothing that it could be done to.


def suspend_enrolment(office: Registrar) -> str:
    row = office.records.any(UserEnrolment, status=0)
    if row is None:
        return ""
    office.set_enrolment(row, status=1)
    return f"suspended {_person(office, row)} in {_course(office, row)}"


def reactivate_enrolment(office: Registrar) -> str:
    row = office.records.any(UserEnrolment, status=1)
    if row is None:
        return ""
    office.set_enrolment(row, status=0)
    return f"reactivated {_person(office, row)} in {_course(office, row)}"


def end_enrolment(office: Registrar) -> str:
    row = office.records.any(UserEnrolment, status=0)
    if row is None:
        return ""
    office.set_enrolment(row, timeend=office.now - 1)
    return f"ended the enrolment of {_person(office, row)} in {_course(office, row)}"


def unenrol(office: Registrar) -> str:
    row = office.records.any(UserEnrolment)
    if row is None:
        return ""
    description = f"unenrolled {_person(office, row)} from {_course(office, row)}"
    office.unenrol(row)
    return description


def switch_method(office: Registrar) -> str:
    row = office.records.any(Enrol, enrol="self")
    if row is None:
        return ""
    office.switch_method(row, on=row["status"] == 1)
    state = "on" if row["status"] == 1 else "off"
    return f"switched {state} the method {row['enrol']} in {_shortname(office, row['courseid'])}"


def add_person(office: Registrar) -> str:
    group = office.records.any(Group)
    taken = {user["username"] for user in office.records.all(User)}
    newcomer = next(
        (person for person in islice(newcomers(office.rng), 1000) if person.username not in taken),
        None,
    )
    if group is None or newcomer is None:
        return ""
    names = (newcomer.first, newcomer.last, newcomer.username, newcomer.email)
    user_id = office.add_person(*names)
    office.enrol(group["courseid"], user_id)
    office.join(group, user_id)
    return f"added {newcomer.username}, in group '{group['name']}'"


def change_person(office: Registrar) -> str:
    user = _own_person(office)
    if user is None:
        return ""
    email = f"{user['id']}.{office.now}@campus.invalid"
    office.update_person(user["id"], email=email, lastname=f"{user['lastname'][:80]}-Neu")
    return f"gave {user['username']} another name and address"


def suspend_person(office: Registrar) -> str:
    user = _own_person(office)
    if user is None:
        return ""
    office.update_person(user["id"], suspended=1 - user["suspended"])
    return f"{'reactivated' if user['suspended'] else 'suspended'} {user['username']} everywhere"


def delete_person(office: Registrar) -> str:
    user = _own_person(office)
    if user is None:
        return ""
    office.delete_person(user)
    return f"deleted {user['username']}"


def move_member(office: Registrar) -> str:
    member = office.records.any(GroupMember)
    group = member and office.records.any(Group, id=member["groupid"])
    other = group and office.records.any(Group, courseid=group["courseid"])
    if not member or not group or not other or other["id"] == group["id"]:
        return ""
    office.leave(group, member["userid"])
    office.join(other, member["userid"])
    person = _person(office, member)
    return f"moved {person} from group '{group['name']}' to '{other['name']}'"


def add_group(office: Registrar) -> str:
    course = office.records.any(Course)
    if course is None or course["category"] == 0:
        return ""
    methods = [row["id"] for row in office.records.all(Enrol, courseid=course["id"])]
    people = [
        row["userid"]
        for method in methods
        for row in office.records.all(UserEnrolment, enrolid=method)
    ]
    group = office.add_group(course["id"], f"Group of {office.now}-{office.rng.randrange(1000)}")
    for user_id in people[:5]:
        office.join(group, user_id)
    return f"added group '{group['name']}' to {course['shortname']}"


def rename_group(office: Registrar) -> str:
    group = office.records.any(Group)
    if group is None:
        return ""
    name = f"{group['name'][:200]} ({office.rng.randrange(100)})"
    office.rename_group(group, name)
    return f"renamed group '{group['name']}' to '{name}'"


def delete_group(office: Registrar) -> str:
    group = office.records.any(Group)
    if group is None:
        return ""
    office.delete_group(group)
    return f"deleted group '{group['name']}'"


def change_role(office: Registrar) -> str:
    student = office.records.all(Role, shortname="student")
    row = office.records.any(RoleAssignment, roleid=student[0]["id"]) if student else None
    context = row and office.records.any(Context, id=row["contextid"], contextlevel=Context.COURSE)
    if not row or not context:
        return ""
    course_id = context["instanceid"]
    office.unassign(course_id, row)
    office.assign(course_id, row["userid"], "teacher")
    return f"made {_person(office, row)} a teacher in {_shortname(office, course_id)}"


def show_course(office: Registrar) -> str:
    course = office.records.any(Course)
    if course is None or course["category"] == 0:
        return ""
    office.show_course(course, visible=not course["visible"])
    return f"{'hid' if course['visible'] else 'showed'} the course {course['shortname']}"


CHANGES: tuple[Callable[[Registrar], str], ...] = (
    suspend_enrolment,
    reactivate_enrolment,
    end_enrolment,
    unenrol,
    switch_method,
    add_person,
    change_person,
    suspend_person,
    delete_person,
    move_member,
    move_member,
    add_group,
    rename_group,
    delete_group,
    change_role,
    show_course,
)


def _own_person(office: Registrar) -> Row | None:
    user = office.records.any(User, deleted=0)
    return user if user and user["id"] >= FIRST_OWN_PERSON else None


def _person(office: Registrar, row: Row) -> str:
    return str(office.records.one(User, id=row["userid"])["username"])


def _course(office: Registrar, enrolment: Row) -> str:
    method = office.records.one(Enrol, id=enrolment["enrolid"])
    return _shortname(office, method["courseid"])


def _shortname(office: Registrar, course_id: int) -> str:
    return str(office.records.one(Course, id=course_id)["shortname"])
