"""Hands out work to threads in batches and takes results in many at a time."""

import gc
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    iterator = iter(items)
    while batch := tuple(islice(iterator, size)):
        yield batch


class ResultBatcher(Generic[T]):
    """Collects what worker threads finish, for one thread that takes results in batches.

    Waking that thread for each result would cost it, and the workers it keeps from the interpreter,
    a fifth of a request's processor time.
    """

    def __init__(self) -> None:
        self._futures: deque[Future[T]] = deque()
        self._wanted = 1
        self._enough = threading.Event()

    def put(self, future: "Future[T]") -> None:
        self._futures.append(future)
        if len(self._futures) >= self._wanted:
            self._enough.set()

    def take(self, most: int, seconds: float) -> list[T]:
        """`most` results, or as many as there are after some seconds: at least one.

        Raises what a worker raised.
        """
        self._wanted = most
        self._enough.clear()
        if len(self._futures) < most:  # looked at after saying how many are wanted
            self._enough.wait(seconds)
        while not self._futures:
            self._enough.wait(seconds)
            self._enough.clear()  # one that was set late is for what was taken in before
        ready = min(most, len(self._futures))
        return [self._futures.popleft().result() for _ in range(ready)]


@contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Pauses garbage collection while many acyclic objects are built.

    The collector takes 40 % of the time of reading a large Moodle (benchmarks/sync.py).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
