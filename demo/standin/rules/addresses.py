"""Which e-mail addresses the server accepts (contract, sections 3 and 11.2)."""

from __future__ import annotations

import re
from typing import Any

from demo.standin.errors import meteor
from demo.standin.rules import limits
from demo.standin.rules.names import in_use
from demo.standin.state.records import User
from demo.standin.state.world import ServerState

ADDRESS = re.compile(r"[^@]+@[^@]+")
VALIDATE = "RocketChat.validateEmailDomain"


def check(world: ServerState, address: str) -> None:
    """Refuses what is no address, or one of a domain the site does not want."""
    if not ADDRESS.fullmatch(address):
        raise meteor(
            "error-invalid-email", f"Invalid email {address}", function=VALIDATE, email=address
        )
    domain = address.rpartition("@")[2].lower()
    if domain in _domains(world, "Accounts_BlockedDomainsList"):
        text = "The email domain is blacklisted"
        raise meteor("error-email-domain-blacklisted", text, function=VALIDATE)
    allowed = _domains(world, "Accounts_AllowedDomainsList")
    if allowed and domain not in allowed:
        text = "The email domain is not in whitelist"
        raise meteor("error-invalid-domain", text, function=VALIDATE)


def _domains(world: ServerState, setting: str) -> set[str]:
    return {one.strip().lower() for one in world.settings[setting].split(",") if one.strip()}


def change(world: ServerState, user: User, data: dict[str, Any]) -> None:
    """What `users.update` does with the address, if it names one."""
    address = data.get("email")
    if not address:
        return
    limits.note_address_change(world, user)
    if address == user.email:
        return
    check(world, address)
    holder = world.user_with_email(address)
    if holder is user and not world.dialect.takes_own_address_for_taken:
        holder = None
    if holder is not None:
        raise in_use(address, function="_setEmail")
    world.set_email(user, address, verified=bool(data.get("verified")))
