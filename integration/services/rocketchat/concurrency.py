"""How many requests run at once: more while all is well, half when the server shows strain.

Additive increase, multiplicative decrease, as in TCP. Strain is a 429, an error of the server or
of the network, or answers that take much longer than the same endpoint's best time.
"""

import threading
from collections.abc import Callable

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
        """Give the place back. `seconds` None = the time says nothing (bulk read, no answer)."""
        with self._changed:
            self._taken -= 1
            if seconds is not None and not strained:
                strained = self._latency.setdefault(endpoint, Latency()).add(seconds)
            if strained:
                self._shrink()
            else:
                self._places = min(float(self._most), self._places + 1 / self._places)
            self._changed.notify_all()

    def _shrink(self) -> None:
        now = self._clock()
        if now >= self._quiet_until:
            self._places = max(1.0, self._places / 2)
            self._quiet_until = now + COOL_DOWN
