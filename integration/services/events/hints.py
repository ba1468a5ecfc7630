"""What a row of Moodle's log says about where to look again. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from integration.services.events import log_payload

COURSE_LEVEL = 50  # mdl_context.contextlevel
CORE = "\\core\\event\\"


class LogRow(NamedTuple):
    """The columns of mdl_logstore_standard_log that matter."""

    row_id: int
    eventname: str
    objectid: int | None
    contextlevel: int
    contextinstanceid: int
    courseid: int | None
    relateduserid: int | None
    other: str | None
    timecreated: int


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this course, this person, this person in this course, or at the channel of this group
    and not at its members; none = at everything.
    """

    course_id: int | None = None
    user_id: int | None = None
    group_id: int | None = None


ABOUT_PERSON_IN_COURSE = frozenset(
    {
        "user_enrolment_created",
        "user_enrolment_updated",
        "user_enrolment_deleted",
        "group_member_added",
        "group_member_removed",
        "role_assigned",
        "role_unassigned",
    }
)
ABOUT_PERSON = frozenset(
    {"user_updated", "user_deleted", "cohort_member_added", "cohort_member_removed"}
)
ABOUT_COURSE = frozenset(
    {
        "group_created",
        "group_deleted",
        "course_updated",
        "course_deleted",
        "course_restored",
        "course_reset_ended",
        "course_content_deleted",
        "enrol_instance_created",
        "enrol_instance_updated",
        "enrol_instance_deleted",
    }
)
GROUP_CHANGED = "group_updated"  # its name or who may see it; members have events of their own
ABOUT_EVERYTHING = frozenset({"course_category_updated", "role_deleted"})
"""Hiding a category hides what is below it, and a deleted role is taken from everybody."""


def hint_of(row: LogRow) -> Hint | None:
    """Where to look after this event; None for events that concern nothing rcsync manages."""
    if not row.eventname.startswith(CORE):
        return None
    name = row.eventname.removeprefix(CORE)
    if name in ABOUT_PERSON_IN_COURSE:
        return Hint(_course(row), _person(row))
    if name in ABOUT_PERSON:
        return Hint(None, _person(row) or row.objectid)
    if name == GROUP_CHANGED and _course(row) and row.objectid:
        return Hint(_course(row), None, row.objectid)
    if name in ABOUT_COURSE or name == GROUP_CHANGED:
        return Hint(_course(row) or row.objectid, None)
    return Hint() if name in ABOUT_EVERYTHING else None


def _course(row: LogRow) -> int | None:
    """The course of the event; None where it is about none, such as a role given in a category."""
    if row.courseid:
        return row.courseid
    return row.contextinstanceid if row.contextlevel == COURSE_LEVEL else None


def _person(row: LogRow) -> int | None:
    """The person of the event. Plugins may leave the column empty; `other` describes what was
    deleted.
    """
    if row.relateduserid:
        return row.relateduserid
    enrolment = log_payload.parse(row.other).get("userenrolment")
    return log_payload.number(enrolment.get("userid")) if isinstance(enrolment, dict) else None
