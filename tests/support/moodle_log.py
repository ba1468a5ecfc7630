"""Rows in the log of the small Moodle, as its plugins write them."""

import time
from typing import Any

from moodle.models import LogEntry
from tests.support.small_moodle import rows

NOW = int(time.time())


def happened(
    event: str, course: int = 0, user: int | None = None, object_id: int = 1, **columns: Any
) -> int:
    """A row in Moodle's log."""
    values = {
        "eventname": f"\\core\\event\\{event}",
        "objectid": object_id,
        "edulevel": 0,
        "contextid": 1,
        "contextlevel": 50 if course else 30,
        "contextinstanceid": course or (user or 0),
        "userid": 2,
        "courseid": course,
        "relateduserid": user,
        "other": "null",
        "timecreated": NOW,
    }
    row = rows(LogEntry).create(**{**values, **columns})
    return int(row.pk)
