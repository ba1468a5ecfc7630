"""Moodle's standard log, read from where we stopped. Call inside `read_whole`."""

from django.db.models import Max, Min, QuerySet

from integration.domain.chunks import chunks
from integration.services.events.hints import LogRow
from integration.services.events.log_window import Window
from moodle.models import LogEntry
from moodle.router import MOODLE

LOG_PAGE_SIZE = 5000
IDS = 500  # in one query
COLUMNS = (
    "id",
    "eventname",
    "objectid",
    "contextlevel",
    "contextinstanceid",
    "courseid",
    "relateduserid",
    "other",
    "timecreated",
)


def ends() -> tuple[int, int]:
    """The lowest and the highest id; 0 where there is no row."""
    found = _entries().aggregate(low=Min("id"), high=Max("id"))
    return found["low"] or 0, found["high"] or 0


def after(last_id: int) -> list[LogRow]:
    """The next rows, one page of them."""
    rows = _entries().filter(id__gt=last_id).order_by("id")
    return [LogRow(*row) for row in rows.values_list(*COLUMNS)[:LOG_PAGE_SIZE]]


def late(window: Window, last_id: int) -> list[LogRow]:
    """Rows up to `last_id` that have appeared since. One count where there are none."""
    if last_id <= window.low:
        return []
    inside = _entries().filter(id__gt=window.low, id__lte=last_id)
    if inside.count() <= len(window.seen):
        return []
    unread = window.unread(inside.values_list("id", flat=True))[:LOG_PAGE_SIZE]
    found: list[LogRow] = []
    for ids in chunks(unread, IDS):
        rows = _entries().filter(id__in=ids).order_by("id")
        found += [LogRow(*row) for row in rows.values_list(*COLUMNS)]
    return found


def _entries() -> QuerySet[LogEntry]:
    return LogEntry.objects.using(MOODLE)
