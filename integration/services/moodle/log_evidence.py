"""Whom Moodle's log knows to have been taken out of groups, roles and courses. Read only."""

from collections.abc import Collection

from integration.domain.chunks import chunks
from moodle.models import LogEntry

TAKEN_OUT = tuple(
    f"\\core\\event\\{name}"
    for name in ("group_member_removed", "user_enrolment_deleted", "role_unassigned")
)
PEOPLE = 500  # in one statement


def taken_out(alias: str, users: Collection[int], since: int) -> frozenset[tuple[int, int]] | None:
    """(Moodle course id, user id) of everybody taken out since `since` (unix seconds).

    None where the log has no row of that time at all: the site keeps none, or keeps it elsewhere.
    """
    rows = LogEntry.objects.using(alias).filter(timecreated__gte=since)
    if not rows.exists():
        return None
    found: set[tuple[int, int]] = set()
    for people in chunks(sorted(users), PEOPLE):
        part = rows.filter(relateduserid__in=people, eventname__in=TAKEN_OUT)
        for course, user in part.values_list("courseid", "relateduserid").distinct():
            if course is not None and user is not None:
                found.add((course, user))
    return frozenset(found)
