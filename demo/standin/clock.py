"""Times and ids as a Rocket.Chat server writes them."""

from __future__ import annotations

import hashlib
import random
import string
import time
from collections import defaultdict, deque

ID_ALPHABET = string.ascii_letters + string.digits


def iso(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"


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
        return self.text(17)

    def text(self, length: int) -> str:
        """Random letters and digits."""
        return "".join(self._random.choices(ID_ALPHABET, k=length))
