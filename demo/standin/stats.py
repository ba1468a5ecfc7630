"""Counts of the calls a stand-in was asked to do."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

NO_WRITES = ("login", "logout")


class Stats:
    """Requests by endpoint and by status; `/_standin/` pages do not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Back to zero."""
        with self._lock:
            self._by_endpoint: Counter[str] = Counter()
            self._by_status: Counter[str] = Counter()
            self._writes = 0

    def count(self, method: str, endpoint: str, status: int) -> None:
        """Notes one call; status 0 means that no answer was sent."""
        with self._lock:
            self._by_endpoint[f"{method} {endpoint}"] += 1
            self._by_status[str(status)] += 1
            self._writes += method != "GET" and endpoint not in NO_WRITES

    def as_dict(self) -> dict[str, Any]:
        """`total`, `writes`, `by_endpoint` ("METHOD name") and `by_status`."""
        with self._lock:
            return {
                "total": self._by_endpoint.total(),
                "writes": self._writes,
                "by_endpoint": dict(sorted(self._by_endpoint.items())),
                "by_status": dict(sorted(self._by_status.items())),
            }
