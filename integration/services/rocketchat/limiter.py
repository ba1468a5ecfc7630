"""One limiter per process and server: threads wait instead of collecting refusals.

Rocket.Chat counts calls per endpoint and address (default 10 in 60 seconds) and reports the state
in X-RateLimit-Limit, -Remaining and -Reset (epoch milliseconds); it sends no Retry-After. Accounts
that may bypass the limit get none of these headers and are not slowed down (server source of 8.6:
ApiClass.ts, settings/rate.ts). Concurrency is halved when the server becomes slow and grows again
one by one.
"""

import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

COOL_DOWN = 1.0  # seconds in which several signs of strain count as one
SLOW_FACTOR = 4.0
SLOW_MARGIN = 0.5  # seconds; below this a slow answer is no sign of strain
SMOOTHING = 0.2
FORGETTING = (
    1.005  # by this the best time ages with every answer, so that a slower server becomes normal
)


class Latency:
    """The usual and the best time of one endpoint."""

    def __init__(self) -> None:
        self.usual = 0.0
        self.best = 0.0

    def add(self, seconds: float) -> bool:
        """Take one measurement; True when the endpoint has become much slower than its best."""
        self.usual = self.usual + SMOOTHING * (seconds - self.usual) if self.usual else seconds
        self.best = min(self.best * FORGETTING, self.usual) if self.best else self.usual
        return self.usual > SLOW_FACTOR * self.best + SLOW_MARGIN


class Concurrency:
    """Between 1 and `most` places, shared by all threads of the process that talk to one server."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._places = float(most)
        self._before = float(most)  # places before they were halved the last time
        self._taken = 0
        self._quiet_until = 0.0
        self._latency: dict[str, Latency] = {}
        self._changed = threading.Condition()

    @property
    def places(self) -> int:
        with self._changed:
            return int(self._places)

    def limit(self, most: int) -> None:
        """Take over a new upper limit."""
        with self._changed:
            self._places = (
                float(most) if self._places >= self._most else min(self._places, float(most))
            )
            self._most = most
            self._changed.notify_all()

    def enter(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken < int(self._places))
            self._taken += 1

    def leave(self, endpoint: str, seconds: float | None, *, strained: bool) -> None:
        """Give the place back. `seconds` None: the time says nothing (bulk read, no answer)."""
        with self._changed:
            self._taken -= 1
            if seconds is not None and not strained:
                strained = self._latency.setdefault(endpoint, Latency()).add(seconds)
            if strained:
                self._shrink()
            else:
                self._places = min(float(self._most), self._places + 1 / self._places)
            self._changed.notify_all()

    def forgive(self) -> None:
        """Take the last halving back: what looked like strain was a slow success."""
        with self._changed:
            self._places = min(float(self._most), max(self._places, self._before))
            self._quiet_until = self._clock()
            self._changed.notify_all()

    def _shrink(self) -> None:
        now = self._clock()
        if now >= self._quiet_until:
            self._before = self._places
            self._places = max(1.0, self._places / 2)
            self._quiet_until = now + COOL_DOWN


LONGEST_WAIT = 70.0  # seconds; the server's window is 60
SHORT_WAIT = 0.05
WAIT_IN_TEXT = re.compile(r"must wait (\d{1,6}) seconds")
ONE_PERSON = re.compile(r"must wait \d{1,6} seconds before trying again")


def is_about_one_person(endpoint: str, status: int, words: str) -> bool:
    """Whether a 429 is about the account that is to be changed, and not about us.

    7.0 to 7.8 take another address for the same account only after a minute (reference 11).
    """
    return status == 429 and endpoint == "POST users.update" and bool(ONE_PERSON.search(words))


@dataclass(slots=True)
class Window:
    """What one endpoint still allows.

    `lowest` is the smallest remainder the server named, None = no limit known.
    """

    limit: int = 0
    lowest: int | None = None
    ends: float = 0.0
    running: int = 0

    def delay(self, now: float) -> float:
        """Seconds to wait before the next call, 0.0 = go. Calls that still run count as used."""
        if self.lowest is not None and now >= self.ends:
            self.lowest = self.limit or None
        if self.lowest is None or self.lowest > self.running:
            return 0.0
        if self.lowest > 0 and self.running > 0:
            return SHORT_WAIT
        return min(max(self.ends - now, SHORT_WAIT), LONGEST_WAIT)

    def learn(self, limit: int, remaining: int, ends: float) -> None:
        """Store what the server reports. Answers of several threads arrive in any order: the
        smallest remainder counts.
        """
        same_window = self.lowest is not None and abs(ends - self.ends) < 2
        self.lowest = (
            min(self.lowest, remaining) if same_window and self.lowest is not None else remaining
        )
        self.limit, self.ends = limit, ends

    def close(self, until: float) -> None:
        self.lowest, self.ends = 0, max(until, self.ends)


class Slot:
    """The permission to send one request; report how that went."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.seconds: float | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.words = ""

    def answered(
        self, status: int, headers: Mapping[str, str], words: str, seconds: float | None
    ) -> None:
        self.status, self.headers, self.words, self.seconds = status, headers, words, seconds

    @property
    def limited(self) -> bool:
        return self.status == 429 and not is_about_one_person(
            self.endpoint, self.status, self.words
        )

    @property
    def strained(self) -> bool:
        return self.limited or self.status == 0 or self.status >= 500


class Limiter:
    """Gate per endpoint, pace per server, number of requests at once. Threads share it."""

    def __init__(
        self,
        max_connections: int = 8,
        max_rps: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.concurrency = Concurrency(max_connections, clock)
        self.max_rps = max_rps
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}
        self._next_slot = 0.0

    def forgive(self) -> None:
        """A look-up showed that an unanswered call had worked: that is no strain."""
        self.concurrency.forgive()

    @contextmanager
    def turn(self, endpoint: str, waited: Callable[[float], None]) -> Iterator[Slot]:
        """Wait until `endpoint` may be called; `waited` is told every pause."""
        self._pass_gate(endpoint, waited)
        self.concurrency.enter()
        turn = Slot(endpoint)
        try:
            self._keep_pace(waited)
            yield turn
        finally:
            self.concurrency.leave(endpoint, turn.seconds, strained=turn.strained)
            self._learn(endpoint, turn)

    def _pass_gate(self, endpoint: str, waited: Callable[[float], None]) -> None:
        while True:
            with self._lock:
                window = self._windows.setdefault(endpoint, Window())
                delay = window.delay(self._clock())
                if not delay:
                    window.running += 1
                    return
            self._pause(delay, waited)

    def _keep_pace(self, waited: Callable[[float], None]) -> None:
        if self.max_rps is None:
            return
        with self._lock:
            now = self._clock()
            slot = max(now, self._next_slot)
            self._next_slot = slot + 1 / self.max_rps
        if slot > now:
            self._pause(slot - now, waited)

    def _pause(self, seconds: float, waited: Callable[[float], None]) -> None:
        self._sleep(seconds)
        waited(seconds)

    def _learn(self, endpoint: str, turn: Slot) -> None:
        with self._lock:
            window = self._windows[endpoint]
            window.running -= 1
            now = self._clock()
            ends = self._end_of_window(turn.headers, now)
            limit, remaining = (
                _number(turn.headers, f"X-RateLimit-{name}") for name in ("Limit", "Remaining")
            )
            if limit and remaining is not None and ends is not None:
                window.learn(limit, remaining, ends)
            elif turn.status == 0 and window.lowest:
                window.lowest -= 1  # no answer: the call may have been counted
            if turn.limited:
                window.close(now + pause_after_refusal(turn.words, turn.headers))

    def _end_of_window(self, headers: Mapping[str, str], now: float) -> float | None:
        """By our clock; where the server's differs, its Date header says by how much."""
        reset = _number(headers, "X-RateLimit-Reset")
        if reset is None:
            return None
        ours, theirs = self._wall(), _server_time(headers)
        left = reset / 1000 - (ours if theirs is None or abs(theirs - ours) < 2 else theirs)
        return now + min(max(left, 0.0), LONGEST_WAIT) + SHORT_WAIT


def pause_after_refusal(words: str, headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks for, in its text (Rocket.Chat) or in Retry-After (a proxy)."""
    found = WAIT_IN_TEXT.search(words)
    seconds = int(found[1]) if found else _number(headers, "Retry-After")
    return min(max(float(seconds if seconds is not None else 1), 1.0), LONGEST_WAIT)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _server_time(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


_shared: "weakref.WeakValueDictionary[str, Limiter]" = weakref.WeakValueDictionary()
_shared_lock = threading.Lock()


def shared_limiter(url: str, max_connections: int, max_rps: float | None) -> Limiter:
    """The limiter of this process for the server at `url`. The last connection's limits count."""
    with _shared_lock:
        limiter = _shared.get(url)
        if limiter is None:
            limiter = _shared[url] = Limiter(max_connections, max_rps)
        else:
            limiter.concurrency.limit(max_connections)
            limiter.max_rps = max_rps
        return limiter
