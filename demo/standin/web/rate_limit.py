"""The rate limit: so many calls in a time per endpoint, method and address (contract, 4)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from demo.standin.errors import ApiError, failure
from demo.standin.web.call import Call

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Window:
    """The calls of one address to one endpoint since a moment."""

    ends_at: float  # epoch seconds
    calls: int = 0


class RateLimiter:
    """Counts calls in fixed windows. Callers that may bypass it are not counted."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._windows: dict[tuple[str, str], Window] = {}

    def reset(self) -> None:
        """Forgets all calls."""
        self._windows.clear()

    def count(self, call: Call) -> Headers:
        """Notes a call; answers the headers that tell the caller where it stands.

        Raises:
            ApiError: 429, when the window is full.
        """
        if not self.enabled or _bypasses(call):
            return ()
        limit = int(call.world.settings["API_Enable_Rate_Limiter_Limit_Calls_Default"])
        window = self._window(call)
        if window.calls >= limit:
            raise too_many_requests(limit, window.ends_at)
        window.calls += 1
        return _headers(limit, limit - window.calls, window.ends_at)

    def _window(self, call: Call) -> Window:
        key = (f"{call.request.method} {call.endpoint}", call.request.address)
        now = time.time()
        if key not in self._windows or self._windows[key].ends_at <= now:
            length = call.world.settings["API_Enable_Rate_Limiter_Limit_Time_Default"] / 1000
            self._windows[key] = Window(ends_at=now + length)
        return self._windows[key]


def _bypasses(call: Call) -> bool:
    if not call.dialect.enforces_rate_limit or not call.world.settings["API_Enable_Rate_Limiter"]:
        return True
    if call.request.path.startswith("/api/v1/method.call/"):
        return True
    return call.user is not None and call.world.allowed(call.user, "api-bypass-rate-limit")


def too_many_requests(limit: int, ends_at: float) -> ApiError:
    """The 429: no errorType, no Retry-After, the reset in epoch milliseconds."""
    seconds = max(1, math.ceil(ends_at - time.time()))
    error = failure(
        "Error, too many requests. Please slow down. You must wait "
        f"{seconds} seconds before trying this endpoint again. [error-too-many-requests]",
        status=429,
    )
    error.headers = _headers(limit, 0, ends_at)
    return error


def _headers(limit: int, remaining: int, ends_at: float) -> Headers:
    return (
        ("X-RateLimit-Limit", str(limit)),
        ("X-RateLimit-Remaining", str(remaining)),
        ("X-RateLimit-Reset", str(int(ends_at * 1000))),
    )
