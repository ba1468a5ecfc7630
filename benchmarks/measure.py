"""What a run costs, taken from inside its own process: statements, waiting, bookkeeping, memory."""

import functools
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from django.db.backends.utils import CursorWrapper

from integration.services.ledger.journal import RunLedger
from integration.services.rocketchat.transport import Answer, Request, Transport

JOURNAL = ("planned", "starting", "finished", "close")


@dataclass
class Meter:
    """Counts while `watching`. Statements and requests are kept where `keep` asks for it."""

    keep: bool = False
    statements: Counter[str] = field(default_factory=Counter)  # by database alias
    statement_seconds: Counter[str] = field(default_factory=Counter)
    intervals: list[tuple[float, float]] = field(default_factory=list)  # of the requests
    requests: Counter[str] = field(default_factory=Counter)  # by endpoint, as they were answered
    received: int = 0  # bytes of these answers, headers and bodies
    bookkeeping: float = 0.0  # seconds in our own tables before, between and after the requests
    kept_statements: list[tuple[str, str, Any]] = field(default_factory=list)
    kept_requests: list[Request] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def watching(self) -> Iterator[None]:
        with (
            mock.patch.object(CursorWrapper, "_execute_with_wrappers", self._on_statement()),
            mock.patch.object(Transport, "send", self._on_request()),
            self._on_journal(),
        ):
            yield

    def _on_statement(self) -> Callable[..., Any]:
        original = CursorWrapper._execute_with_wrappers  # type: ignore[attr-defined]

        def execute(cursor: Any, sql: Any, params: Any, many: bool, executor: Any) -> Any:
            started = time.perf_counter()
            try:
                return original(cursor, sql, params, many, executor)
            finally:
                self._statement(cursor.db.alias, str(sql), params, time.perf_counter() - started)

        return execute

    def _statement(self, alias: str, sql: str, params: Any, seconds: float) -> None:
        with self._lock:
            self.statements[alias] += 1
            self.statement_seconds[alias] += seconds  # type: ignore[assignment]
            if self.keep and sql.startswith("SELECT"):
                self.kept_statements.append((alias, sql, params))

    def _on_request(self) -> Callable[..., Answer]:
        original = Transport.send

        def send(transport: Transport, request: Request, auth: Any) -> Answer:
            started = time.perf_counter()
            try:
                answer = original(transport, request, auth)
                with self._lock:
                    self.requests[request.endpoint] += 1
                    self.received += _size(answer)
                return answer
            finally:
                with self._lock:
                    self.intervals.append((started, time.perf_counter()))
                    if self.keep:
                        self.kept_requests.append(request)

        return send

    @contextmanager
    def _on_journal(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name in JOURNAL:
                timed = self._timed(getattr(RunLedger, name))
                stack.enter_context(mock.patch.object(RunLedger, name, timed))
            yield

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.bookkeeping += time.perf_counter() - started

        return timed

    @property
    def waiting(self) -> float:
        """Seconds during which at least one request was under way."""
        return covered(self.intervals)

    @property
    def at_once(self) -> float:
        """Requests under way on average, while there was one."""
        total = sum(end - start for start, end in self.intervals)
        return total / self.waiting if self.intervals else 0.0


def _size(answer: Answer) -> int:
    """Bytes: the body, and each header with its colon, blank and line end."""
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    return headers + answer.size


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """The length of the union."""
    length, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        length += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return length


def peak_megabytes() -> float:
    """The most memory this process ever had.

    On Linux from its own status: ru_maxrss would also count the process that started us.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 * 1024 if sys.platform == "darwin" else 1024
    )
