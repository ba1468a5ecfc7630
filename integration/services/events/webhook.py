"""Signed webhook by which Moodle names courses and users to re-read. The payload is a hint, never
data.

X-Rcsync-Signature is the hex HMAC-SHA256, by the shared secret, of the value of X-Rcsync-Timestamp
(unix seconds), a dot, and the body. The body is {"courses": [3], "users": [7]}.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from integration.models import PushedEvent, SyncRun
from integration.services.background import event_runs
from integration.services.events.hints import Hint
from integration.services.events.scopes import event_courses, scopes_of
from integration.services.moodle.connection import read_whole

WINDOW_SECONDS = 300
MOST_BYTES = 16 * 1024
MOST_PER_MINUTE = 60
MOST_IDS = 500
REPEATED = "this call was made before"


class Refused(Exception):
    """The call was refused. `status` is the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def signature(secret: str, timestamp: str, body: bytes) -> str:
    text = timestamp.encode("utf-8", "replace") + b"." + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def accept(secret: str, timestamp: str, given: str, body: bytes) -> list[SyncRun]:
    """Queue runs for the named courses and users, or raise Refused. Courses without event sync
    are ignored.
    """
    if len(body) > MOST_BYTES:
        raise Refused(413, "too large")
    if not hmac.compare_digest(signature(secret, timestamp, body).encode(), given.encode()):
        raise Refused(403, "the signature is wrong")
    if not _is_fresh(timestamp):
        raise Refused(403, "the timestamp is too far from now")
    hints = _hints(body)
    _check_is_new(given)
    courses = event_courses()
    scopes = read_whole(lambda: scopes_of(hints, courses))
    with transaction.atomic():  # a call that led to nothing may be made again
        _remember(given)
        return event_runs.collect(scopes, len(hints))


def _is_fresh(timestamp: str) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        return False
    return abs(timezone.now().timestamp() - int(timestamp)) <= WINDOW_SECONDS


def _check_is_new(given: str) -> None:
    if PushedEvent.objects.filter(signature=given).exists():
        raise Refused(409, REPEATED)
    minute = timezone.now() - timedelta(minutes=1)
    if PushedEvent.objects.filter(received_at__gte=minute).count() >= MOST_PER_MINUTE:
        raise Refused(429, "too many calls")


def _remember(given: str) -> None:
    """Of two calls at the same moment the database lets one pass."""
    try:
        with transaction.atomic():
            PushedEvent.objects.create(signature=given)
    except IntegrityError:
        raise Refused(409, REPEATED) from None


def _hints(body: bytes) -> set[Hint]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):  # brackets in brackets in brackets
        raise Refused(400, "not JSON") from None
    if not isinstance(told, dict) or not told.keys() <= {"courses", "users"}:
        raise Refused(400, "not an object with courses and users")
    courses, users = (_ids(told.get(key, [])) for key in ("courses", "users"))
    return {Hint(course_id=number) for number in courses} | {
        Hint(user_id=number) for number in users
    }


def _ids(values: object) -> Iterable[int]:
    if not isinstance(values, list) or len(values) > MOST_IDS:
        raise Refused(400, "not a short list of numbers")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**62:
            raise Refused(400, "not a short list of numbers")
    return values
