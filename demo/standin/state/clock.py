"""Times and ids as a Rocket.Chat server writes them."""

from __future__ import annotations

import hashlib
import random
import time
from collections import defaultdict, deque
from functools import lru_cache

ID_LENGTH = 17


def iso(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_whole_seconds(whole)}.{milliseconds:03d}Z"


@lru_cache(maxsize=16)
def _whole_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def now_iso() -> str:
    """The present moment."""
    return iso(time.time())


def sha256(text: str) -> str:
    """The hex digest under which tokens are kept and passwords are sent."""
    return hashlib.sha256(text.encode()).hexdigest()


class Ids:
    """Gives out ids of 17 characters, or those that were reserved for the next documents."""

    def __init__(self) -> None:
        self.reserved: dict[str, deque[str]] = defaultdict(deque)
        self._random = random.Random()

    def new(self, kind: str = "") -> str:
        """The next id for a document of this kind."""
        if kind and self.reserved[kind]:
            return self.reserved[kind].popleft()
        return self.text(ID_LENGTH)

    def text(self, length: int) -> str:
        """Random hexadecimal digits."""
        return f"{self._random.getrandbits(4 * length):0{length}x}"
