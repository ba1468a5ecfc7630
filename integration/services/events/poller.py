"""Reads Moodle's log and dates every few seconds and queues runs for what changed."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import close_old_connections, connections, transaction

from integration.domain.errors import SyncError
from integration.domain.messages import joined, msg
from integration.domain.state import Scope
from integration.models import EventCursor, IntegrationSettings, SyncRun
from integration.services.background import event_runs
from integration.services.events import (
    course_dates,
    cursor,
    enrolment_dates,
    log_window,
    moodle_log,
    watermarks,
)
from integration.services.events.hints import Hint, hint_of
from integration.services.events.scopes import event_courses, scopes_of
from integration.services.ledger.moments import CLOCK_SKEW
from integration.services.monitoring.own_database import log_failure
from integration.services.moodle.connection import read_whole
from integration.services.moodle.log_store import standard_log_is_on

logger = logging.getLogger(__name__)

CLOCK_SECONDS = 60  # for enrolments that were added since and pass soon
WATERMARK_SECONDS = 60  # these columns have no index
LONG_AWAY = 3600  # seconds: rows of the log may have been deleted unread
IDLE_SECONDS = 10.0
LOG_IS_OFF = msg(
    "Moodle's standard log is switched off (Site administration > Plugins > "
    "Logging). Additions and changes are found by their timestamps, once a "
    "minute; removals only by the next full pass."
)


def poll_until(stop: threading.Event, owner: str) -> None:
    """The poller's thread in the worker command."""
    try:
        while not stop.wait(_poll(owner)):
            pass
    finally:
        cursor.let_go(owner)
        connections.close_all()


def _poll(owner: str) -> float:
    """One look; returns the seconds to wait before the next one."""
    try:
        close_old_connections()
        settings = IntegrationSettings.load()
        if not settings.event_polling:
            return IDLE_SECONDS
        poll_once(owner)
    except SyncError as error:
        logger.warning("moodle's events could not be read: %s", error)
        cursor.report(owner, joined(" ", filter(None, (error.message, error.hint))))
        return IDLE_SECONDS
    except Exception as error:  # noqa: BLE001 - it is logged
        log_failure(logger, "the look at events", error)
        return IDLE_SECONDS
    return float(settings.event_seconds)


def poll_once(owner: str, now: Callable[[], float] = time.time) -> list[SyncRun]:
    """One look at log and dates. Runs and cursor are stored together or not at all."""
    at = cursor.take(owner)
    if at is None:
        return []
    moment = int(now())
    courses = event_courses()
    if not courses:
        at.polled_at = _time(moment)
        at.last_id, at.window, at.clock, at.next_turn, at.problem = None, {}, None, None, ""
        cursor.store(at, owner)
        return []
    scopes, events = read_whole(lambda: _look(at, courses, moment))
    age = 0.0 if at.polled_at is None else moment - at.polled_at.timestamp()
    at.polled_at = _time(moment)
    with transaction.atomic():
        runs = event_runs.collect(scopes, events, age)  # none of them is older than the last look
        if not cursor.store(at, owner):  # another machine took over, and what it read counts
            transaction.set_rollback(True)
            return []
    return runs


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _look(at: EventCursor, courses: frozenset[int], now: int) -> tuple[list[Scope], int]:
    """Moves the cursor on; where to look, and how many hints say so."""
    hints = _by_log(at, courses, now) | _by_clock(at, courses, now)
    return scopes_of(hints, courses), sum(_counts(hint, courses) for hint in hints)


def _counts(hint: Hint, courses: frozenset[int]) -> bool:
    return hint.course_id is None or hint.course_id in courses


def _by_log(at: EventCursor, courses: frozenset[int], now: int) -> set[Hint]:
    if not standard_log_is_on():
        at.problem, at.last_id, at.window = LOG_IS_OFF, None, {}
        return _by_watermark(at, courses, now)
    at.problem, at.watermark = "", None
    low, high = moodle_log.ends()
    if at.last_id is None or _slept_too_long(at, low, now):
        return _look_at_everything(at, high)
    window = log_window.restored(at.window, at.last_id)
    if high < at.last_id:
        if not window.knows(high) and now - window.restarted > log_window.WAIT_SECONDS:
            return _look_at_everything(at, high, restarted=now)
        at.problem = msg(
            "Moodle's log ends at row {high}, but row {last} was read before: the "
            "server that answered lags behind. rcsync waits for it. If this stays so, "
            "let MOODLE_DATABASE_URL name Moodle's primary server or one replica, not "
            "an address that balances between several.",
            high=high,
            last=at.last_id,
        )
        return set()
    rows = moodle_log.late(window, at.last_id) + moodle_log.after(at.last_id)
    window.read((row.row_id for row in rows), now)
    at.window = log_window.stored(window)
    at.last_id = max([at.last_id, *(row.row_id for row in rows)])
    at.rows_read += len(rows)
    return {hint for row in rows if (hint := hint_of(row)) is not None}


def _look_at_everything(at: EventCursor, high: int, restarted: int = 0) -> set[Hint]:
    """What happened before is not known: the log is another one, or was not read for long."""
    at.last_id = high
    at.window = log_window.stored(log_window.Window(high, restarted=restarted))
    return {Hint()}


def _slept_too_long(at: EventCursor, low: int, now: int) -> bool:
    """Whether rows that were not read may have been deleted from the log."""
    seconds = None if at.polled_at is None else now - at.polled_at.timestamp()
    in_the_future = seconds is not None and seconds < -CLOCK_SKEW.total_seconds()
    away = in_the_future or (seconds is not None and seconds > LONG_AWAY)
    return away and at.last_id is not None and low > at.last_id + 1


def _by_watermark(at: EventCursor, courses: frozenset[int], now: int) -> set[Hint]:
    if at.watermark is None or at.watermark > now:  # a look in the future did not take place
        at.watermark = now
        return {Hint()}
    if now - at.watermark < WATERMARK_SECONDS:
        return set()
    since, at.watermark = at.watermark, now
    return watermarks.changed_since(since - 1, courses)  # rows of that very second, too


def _by_clock(at: EventCursor, courses: frozenset[int], now: int) -> frozenset[Hint]:
    due = at.next_turn is not None and now > at.next_turn
    if at.clock is not None and not due and 0 <= now - at.clock < CLOCK_SECONDS:
        return frozenset()
    ahead = at.clock is not None and at.clock > now  # judged by a clock that was wrong
    since = now if at.clock is None or ahead else at.clock
    passed = [dates.transitions(courses, since, now) for dates in (enrolment_dates, course_dates)]
    following = [one.following for one in passed if one.following is not None]
    at.clock, at.next_turn = now, min(following, default=None)
    hints = frozenset[Hint]().union(*(one.hints for one in passed))
    return hints | {Hint()} if ahead else hints
