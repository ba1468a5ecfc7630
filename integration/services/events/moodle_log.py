"""Moodle's standard log, read from where we stopped. Wants to be called inside `read_whole`."""

from collections.abc import Iterable, Sequence

from django.db.models import Max, Min, Q

from integration.services.events.hints import LogRow
from moodle.models import LogEntry, PluginConfig
from moodle.router import MOODLE

Gap = tuple[int, int, int]  # first id, last id, unix seconds at which it was noticed

GAP_SECONDS = 300  # seconds; a request of Moodle that takes longer is looked after by the full pass
MAX_GAPS = 500


def gaps_after(gaps: Iterable[Gap], last_id: int, read: Iterable[int], now: int) -> list[Gap]:
    """The gaps when rows `read` came, in part late; `last_id` was the highest one before."""
    ids = sorted(read)
    late = [number for number in ids if number <= last_id]
    found = [piece for gap in gaps if gap[2] > now - GAP_SECONDS for piece in _without(gap, late)]
    expected = last_id + 1
    for number in ids:
        if number > expected:
            found.append((expected, number - 1, now))
        expected = max(expected, number + 1)
    return found[-MAX_GAPS:]


def _without(gap: Gap, ids: Iterable[int]) -> list[Gap]:
    first, last, since = gap
    pieces = []
    for number in ids:
        if first <= number <= last:
            if number > first:
                pieces.append((first, number - 1, since))
            first = number + 1
    if first <= last:
        pieces.append((first, last, since))
    return pieces


LOG_PAGE_SIZE = 5000
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
    return [LogRow(*row) for row in rows.values_list(*COLUMNS)[:LOG_PAGE_SIZE]]


def late(gaps: Sequence[Gap]) -> list[LogRow]:
    """Rows that have appeared in the gaps."""
    found: list[LogRow] = []
    for start in range(0, len(gaps), RANGES):
        wanted = _any(gaps[start : start + RANGES])
        rows = LogEntry.objects.using(MOODLE).filter(wanted).order_by("id")
        found += [LogRow(*row) for row in rows.values_list(*COLUMNS)[:LOG_PAGE_SIZE]]
    return found


def _any(gaps: Iterable[Gap]) -> Q:
    wanted = Q()
    for first, last, _since in gaps:
        wanted |= Q(id__gte=first, id__lte=last)
    return wanted
