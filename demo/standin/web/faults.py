"""Faults a test can order: what servers, proxies and networks do on a bad day, and lies.

    server.fault("somebody_else", endpoint="users.create", times=2)

or `POST /_standin/fault {"kind": ..., "endpoint": ...}`. The next matching calls meet the fault,
after `after` of them and `times` times; `server.clear_faults()` forgets what is not used up.

| kind | the call is | the answer |
| --- | --- | --- |
| refuse | not done | 400 with errorType `text` |
| status | not done | the status `code` with a page, as a proxy sends it |
| 429 | not done | too many requests, to be tried again in `seconds` |
| timeout_before | not done | silence for `seconds`, then the connection closes |
| reset | not done | the connection is reset |
| die | not done | the whole server goes away |
| timeout_after | done | comes `seconds` late |
| reset_after | done | the connection is reset |
| html, garbage | done | a page with status 200; the right answer cut off in the middle |
| huge | done | `megabytes` long |
| refuse_after | **done** | the status `code` (400) with errorType `text`, as if it were not |
| unsuccessful | **done** | 200 with `success: false` |
| not_done | **not done** | the answer of success |
| wrong_shape | done | 200; lists and objects and values have changed places |
| somebody_else | done | 200; the account or room in it is another one |
| empty_list | done | 200; its lists are empty, their totals 0 |
| short_list | done | 200; its lists are cut to a half, their totals are not |
| rows_missing | done | 200; every second row is missing, the totals agree |
| doubled_list | done | 200; each row comes twice |
| rotated_list | done | 200; the rows begin with the second and end with the first |
| wrong_ids | done | 200; rows have the `_id` of the next one, objects that of nobody |
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.standin.errors import meteor
from demo.standin.state.world import ServerState
from demo.standin.web import lies, rate_limit
from demo.standin.web.call import Reply

KINDS = (
    *("refuse", "status", "429", "timeout_before", "reset", "die"),
    *("timeout_after", "reset_after", "html", "garbage", "huge"),
    *("refuse_after", "unsuccessful", "not_done", "wrong_shape", "somebody_else"),
    *("empty_list", "short_list", "rows_missing", "doubled_list", "rotated_list", "wrong_ids"),
)
PAGE = "<!DOCTYPE html>\n<html><body><h1>{}</h1></body></html>\n"
CODES = {"status": 503, "refuse_after": 400}


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
    code: int = 0  # 0: the usual one of the kind
    megabytes: int = 64
    text: str = "error-standin-refused"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; known are {', '.join(KINDS)}")
        self.code = self.code or CODES.get(self.kind, 0)

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


def suffer(
    fault: Fault, answer: Callable[[], Reply], world: ServerState, others: lies.Others
) -> Reply:
    """The reply of a call that meets a fault; `answer` does what the call asks for.

    Raises:
        ApiError: for refusals.
        Hangup, Died: when there is no reply.
    """
    _instead_of_the_call(fault)
    if fault.kind == "status":
        return Reply.html(PAGE.format(fault.code), fault.code)
    if fault.kind == "not_done":
        with world.untouched():
            return answer()
    reply = answer()
    if fault.kind in ("refuse_after", "unsuccessful") and reply.status == 200:
        return _denied(fault)
    return lies.told(fault.kind, _damaged(fault, reply), others)


def _instead_of_the_call(fault: Fault) -> None:
    match fault.kind:
        case "refuse":
            raise meteor(fault.text, "Refused on request")
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


def _denied(fault: Fault) -> Reply:
    """A refusal of what was done all the same."""
    refusal = meteor(fault.text, "Refused on request")
    return Reply.of(refusal.body, 200 if fault.kind == "unsuccessful" else fault.code)


def _damaged(fault: Fault, reply: Reply) -> Reply:
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
