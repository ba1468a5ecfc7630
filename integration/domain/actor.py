"""Who acts: a person in the admin, a command, a schedule, an event."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is a value of AuditEntry.ActorKind."""

    kind: str
    name: str = ""


NOBODY = Actor("system")
_current: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


def current() -> Actor:
    return _current.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Within the block, changes are attributed to `actor`."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
