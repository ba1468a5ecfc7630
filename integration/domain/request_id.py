"""What log lines and runs that belong together have in common: the id of the request they began
with.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LONGEST = 64
SAFE = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST}}}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """ "" outside of requests and runs."""
    return _current.get()


def is_safe(text: str) -> bool:
    """Whether an id that somebody else made may go into logs and tables."""
    return bool(SAFE.fullmatch(text))


@contextmanager
def belonging_to(request_id: str) -> Iterator[None]:
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
