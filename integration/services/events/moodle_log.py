"""Moodle's standard log, read from where we stopped. Wants to be called inside `read_whole`."""

from collections.abc import Iterable, Sequence

from django.db.models import Max, Min, Q

from integration.services.events.gaps import Gap
from integration.services.events.hints import LogRow
from moodle.models import LogEntry, PluginConfig
from moodle.router import MOODLE

PAGE = 5000
RANGES = 50  # in one query
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
STORE = "logstore_standard"


def is_on() -> bool:
    """Whether the site writes this log. It does unless somebody switched the store off."""
    rows = PluginConfig.objects.using(MOODLE).filter(plugin="tool_log", name="enabled_stores")
    stores = rows.values_list("value", flat=True).first()
    return stores is None or STORE in stores.split(",")


def ends() -> tuple[int, int]:
    """The lowest and the highest id; 0 where there is no row."""
    found = LogEntry.objects.using(MOODLE).aggregate(low=Min("id"), high=Max("id"))
    return found["low"] or 0, found["high"] or 0


def after(last_id: int) -> list[LogRow]:
    """The next rows, one page of them."""
    rows = LogEntry.objects.using(MOODLE).filter(id__gt=last_id).order_by("id")
    return [LogRow(*row) for row in rows.values_list(*COLUMNS)[:PAGE]]


def late(gaps: Sequence[Gap]) -> list[LogRow]:
    """Rows that have appeared in the gaps."""
    found: list[LogRow] = []
    for start in range(0, len(gaps), RANGES):
        wanted = _any(gaps[start : start + RANGES])
        rows = LogEntry.objects.using(MOODLE).filter(wanted).order_by("id")
        found += [LogRow(*row) for row in rows.values_list(*COLUMNS)[:PAGE]]
    return found


def _any(gaps: Iterable[Gap]) -> Q:
    wanted = Q()
    for first, last, _since in gaps:
        wanted |= Q(id__gte=first, id__lte=last)
    return wanted
