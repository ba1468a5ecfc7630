"""What the surroundings of a server are like: its network, its licence, its add-ons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Abac = Literal["off", "closed", "checked"]


@dataclass(slots=True)
class Options:
    """How this one server differs from others of its version; every default is harmless."""

    outside_seconds: float = 0.0
    """Without internet: how long a call to the outside takes to fail. 0: there is internet."""
    late_join_seconds: float = 0.0
    """How long after its refusal a half accepted invitation lets the last people in."""
    address_seconds: float = 60.0
    """How long the servers that limit it refuse another address for the same account."""
    registered: bool = True
    """Whether the workspace is registered with the maker."""
    sends_mail: bool = True
    """Whether mail gets out (SMTP is set up)."""
    seats: int | None = None
    """How many active people the licence allows; None: there is no licence."""
    abac: Abac = "off"
    """Access by attributes: "closed" refuses new rooms, "checked" leaves people out of them."""
    not_compliant: set[str] = field(default_factory=set)
    """Usernames of the people whose attributes do not fit a checked room."""
