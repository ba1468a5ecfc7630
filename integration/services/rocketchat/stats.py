"""What a run cost: requests by endpoint, and the seconds spent waiting for our turn."""

import threading
from collections import Counter
from collections.abc import Mapping


class Stats:
    """Counters that threads may share.

    Every request that was sent counts, retries and refusals too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._waited = 0.0

    def sent(self, endpoint: str) -> None:
        with self._lock:
            self._requests[endpoint] += 1

    def waited(self, seconds: float) -> None:
        with self._lock:
            self._waited += seconds

    @property
    def total(self) -> int:
        with self._lock:
            return self._requests.total()

    @property
    def by_endpoint(self) -> Mapping[str, int]:
        """A copy, most used first: {"POST users.create": 500, "GET users.list": 1}."""
        with self._lock:
            return dict(self._requests.most_common())

    @property
    def seconds_waited(self) -> float:
        with self._lock:
            return self._waited
