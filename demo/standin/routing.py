"""The table of endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.standin.call import Call, Reply

Answer = Reply | dict[str, Any]
Action = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: who may call it, since when it exists, and what it does."""

    method: str
    name: str
    action: Action
    permission: str = ""
    login: bool = True
    two_factor: bool = False
    since: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Routes:
    """A collection of endpoints, filled by decorators."""

    known: dict[tuple[str, str], Route] = field(default_factory=dict)

    def add(self, method: str, name: str, **options: Any) -> Callable[[Action], Action]:
        """Registers the decorated action under that method and name."""

        def register(action: Action) -> Action:
            self.known[method, name] = Route(method, name, action, **options)
            return action

        return register

    def include(self, other: Routes) -> None:
        """Takes over another collection."""
        self.known |= other.known

    def find(self, method: str, name: str, release: tuple[int, int]) -> Route | None:
        """The endpoint, if this version has it."""
        route = self.known.get((method, name))
        return route if route and release >= route.since else None

    def methods(self, name: str, release: tuple[int, int]) -> list[str]:
        """The methods under which this version knows the name."""
        return [method for method in ("GET", "POST") if self.find(method, name, release)]


def split_tail(name: str) -> tuple[str, str]:
    """`settings/X` is the endpoint `settings/:` called with the tail X."""
    if name.startswith("/"):  # outside of /api/v1
        return name, ""
    head, slash, tail = name.partition("/")
    return (f"{head}/:", tail) if slash else (name, "")
