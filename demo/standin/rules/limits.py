"""Limits per person and per licence: addresses, log-ins, seats (contract, 1.1, 3 and 11)."""

from __future__ import annotations

import math
import time

from demo.standin.errors import failure, meteor
from demo.standin.state.records import User
from demo.standin.state.world import ServerState

NO_SEAT = "The maximum number of users has been reached."


def note_address_change(world: ServerState, user: User) -> None:
    """Refuses a second address for the same account within a minute, on the servers that do so.

    Any update that names an address counts, also the one the account has.
    """
    if not world.dialect.limits_address_changes:
        return
    left = user.address_asked_at + world.options.address_seconds - time.time()
    if left > 0:
        raise failure(
            "Error, too many requests. Please slow down. You must wait "
            f"{max(1, math.ceil(left))} seconds before trying again. [error-too-many-requests]",
            status=429,
        )
    user.address_asked_at = time.time()


def check_seat(world: ServerState) -> None:
    """Refuses one more active account where the licence has no seat for it."""
    seats = world.options.seats
    if seats is not None and active_people(world) >= seats:
        raise meteor("error-license-user-limit-reached", NO_SEAT)


def active_people(world: ServerState) -> int:
    """Accounts that take a seat: active, and neither bots nor apps nor guests by type or role."""
    return sum(
        user.active and user.type == "user" and user.roles != ["guest"]
        for user in world.users.values()
    )


def is_blocked(world: ServerState, user: User) -> bool:
    """Whether an account failed to log in too often a short while ago."""
    if not world.settings.get("Block_Multiple_Failed_Logins_Enabled"):
        return False
    return user.blocked_until > time.time()


def note_failed_login(world: ServerState, user: User) -> None:
    """Counts a wrong password; from so many on even the right one is refused for a while."""
    user.failed_logins += 1
    tries = world.settings.get("Block_Multiple_Failed_Logins_Attempts_Until_Block_by_User", 0)
    if tries and user.failed_logins >= tries:
        minutes = world.settings["Block_Multiple_Failed_Logins_Time_To_Unblock_By_User_In_Minutes"]
        user.blocked_until = time.time() + 60 * minutes


def note_login(user: User) -> None:
    """A right password starts the count anew."""
    user.failed_logins = 0
