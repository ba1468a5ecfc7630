"""Python's threads taking turns, for those who mostly wait and must not wait for each other."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 0.0005
_lock = threading.Lock()
_inside = 0
_usual = sys.getswitchinterval()


@contextmanager
def short_turns() -> Iterator[None]:
    """A thread whose answer has come waits until the one at work pauses, 5 ms if that computes.

    With requests of 20 ms that shows, although there is little to compute. Counts those inside,
    because the length of a turn is the whole process's.
    """
    global _inside, _usual  # noqa: PLW0603
    with _lock:
        if not _inside:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(SECONDS)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                sys.setswitchinterval(_usual)
