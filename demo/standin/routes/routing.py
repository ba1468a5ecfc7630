"""The table of endpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from demo.standin.rules.rooms import CHANNELS, GROUPS, Kind
from demo.standin.web.call import Call, Reply

Answer = Reply | dict[str, Any]
Action = Callable[[Call], Answer]


class KindAction(Protocol):
    """An action that channels and groups share."""

    def __call__(self, call: Call, *, kind: Kind) -> Answer:
        """Does it for one kind of room."""


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

    @classmethod
    def of(cls, *parts: Routes) -> Routes:
        """One collection of several."""
        return cls({key: route for part in parts for key, route in part.known.items()})

    def add(self, method: str, name: str, **options: Any) -> Callable[[Action], Action]:
        """Registers the decorated action under that method and name."""

        def register(action: Action) -> Action:
            self.known[method, name] = Route(method, name, action, **options)
            return action

        return register

    def add_for_both(self, method: str, action: str) -> Callable[[KindAction], KindAction]:
        """Registers the decorated action for channels and for groups."""

        def register(act: KindAction) -> KindAction:
            for kind in (CHANNELS, GROUPS):
                self.add(method, f"{kind.plural}.{action}")(partial(act, kind=kind))
            return act

        return register

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
