"""One call as an endpoint sees it, and what it may answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from demo.standin.dialects import Dialect
from demo.standin.state.records import Token, User
from demo.standin.state.world import ServerState

JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=UTF-8"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(value: Any) -> bytes:
    """Compact JSON; halves of surrogate pairs become question marks in a box."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """What came over the wire."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls, body: dict[str, Any], status: int = 200, headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        """A JSON answer."""
        return cls(status, to_json(body), headers=headers)

    @classmethod
    def html(cls, text: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """A page, as a server or proxy sends it where a program expects JSON."""
        return cls(status, text.encode(), HTML, headers)


@dataclass(slots=True)
class Call:
    """A call to an endpoint by a known caller."""

    world: ServerState
    request: Request
    endpoint: str
    tail: str = ""  # what follows the slash in `settings/:id` and `method.call/:name`
    body: dict[str, Any] = field(default_factory=dict)
    odd_body: Any = None  # a body that is no object
    user: User | None = None
    token: Token | None = None
    limit_headers: tuple[tuple[str, str], ...] = ()  # what the rate limit has to tell

    @property
    def dialect(self) -> Dialect:
        """How this server behaves."""
        return self.world.dialect

    @property
    def caller(self) -> User:
        """The account that calls; only routes without login have none."""
        if self.user is None:
            raise RuntimeError(f"{self.endpoint} is open to strangers")
        return self.user

    def parameter(self, name: str, default: str = "") -> str:
        """One query parameter."""
        values = self.request.query.get(name)
        return values[-1] if values else default

    def parameters(self, name: str) -> list[str]:
        """A query parameter that may be given as `name[]` or several times."""
        return self.request.query.get(f"{name}[]", []) + self.request.query.get(name, [])
