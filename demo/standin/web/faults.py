"""Faults a test can order: what servers, proxies and networks do on a bad day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from demo.standin.errors import meteor
from demo.standin.web import rate_limit
from demo.standin.web.call import Reply

Kind = Literal[
    "refuse",  # a 400 with errorType "error-standin-refused"; nothing happens
    "status",  # the status `code` with an HTML page, as a proxy sends it; nothing happens
    "timeout_before",  # silence for `seconds`, then the connection closes; nothing happens
    "timeout_after",  # the call is done, its answer comes `seconds` late
    "429",  # too many requests, to be tried again in `seconds`; nothing happens
    "reset",  # the connection is reset; nothing happens
    "reset_after",  # the call is done, then the connection is reset
    "html",  # the call is done, but its answer is a page with status 200
    "garbage",  # the call is done, but its answer is cut off in the middle
    "huge",  # the call is done, but its answer is `megabytes` long
    "die",  # the whole server goes away; nothing happens
]
KINDS: tuple[str, ...] = get_args(Kind)
PAGE = "<!DOCTYPE html>\n<html><body><h1>{}</h1></body></html>\n"


class Hangup(Exception):
    """No answer: the connection ends, by a reset or by closing."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__(reset)
        self.reset = reset


class Died(Exception):
    """No answer, now or later: the server is gone."""


@dataclass(slots=True)
class Fault:
    """One ordered fault: which calls it meets, how many it lets pass, how many it hits."""

    kind: str
    endpoint: str = ""  # a name such as "groups.create"; empty: any
    method: str = ""  # "GET" or "POST"; empty: any
    after: int = 0
    times: int = 1
    seconds: float = 1.0
    code: int = 503
    megabytes: int = 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known are {', '.join(KINDS)}")

    def meets(self, method: str, endpoint: str) -> bool:
        """Whether the fault is about such a call."""
        return self.endpoint in ("", endpoint) and self.method in ("", method)


@dataclass(slots=True)
class Faults:
    """The ordered faults that are not used up yet."""

    pending: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, fault: Fault) -> None:
        """Adds a fault."""
        with self.lock:
            self.pending.append(fault)

    def clear(self) -> None:
        """Forgets all faults."""
        with self.lock:
            self.pending.clear()

    def due(self, method: str, endpoint: str) -> Fault | None:
        """The fault that hits this call; every matching call counts."""
        if not self.pending:
            return None
        with self.lock:
            for fault in self.pending:
                if fault.meets(method, endpoint):
                    return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault | None:
        if fault.after > 0:
            fault.after -= 1
            return None
        fault.times -= 1
        if fault.times <= 0:
            self.pending.remove(fault)
        return fault


def suffer(fault: Fault, answer: Callable[[], Reply]) -> Reply:
    """The reply of a call that meets a fault; `answer` does what the call asks for.

    Raises:
        ApiError: for refusals.
        Hangup, Died: when there is no reply.
    """
    _instead_of_the_call(fault)
    if fault.kind == "status":
        return Reply.html(PAGE.format(fault.code), fault.code)
    reply = answer()
    match fault.kind:
        case "timeout_after":
            time.sleep(fault.seconds)
        case "reset_after":
            raise Hangup(reset=True)
        case "html":
            return Reply.html(PAGE.format("Welcome"))
        case "garbage":
            return Reply(200, reply.body[: len(reply.body) // 2])
        case "huge":
            return Reply(200, b'{"padding":"' + b"x" * (fault.megabytes << 20) + b'"}')
        case _:
            pass
    return reply


def _instead_of_the_call(fault: Fault) -> None:
    match fault.kind:
        case "refuse":
            raise meteor("error-standin-refused", "Refused on request")
        case "429":
            raise rate_limit.too_many_requests(10, time.time() + fault.seconds)
        case "timeout_before":
            time.sleep(fault.seconds)
            raise Hangup(reset=False)
        case "reset":
            raise Hangup(reset=True)
        case "die":
            raise Died
        case _:
            pass
