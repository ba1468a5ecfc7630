"""Calls that ask somebody outside: on a server without internet they wait in vain (contract, 11).

What is asked for is done before the wait: who gives up waiting finds it done.
"""

from __future__ import annotations

from zlib import crc32

from demo.standin.state.world import ServerState

MOST = 8.2  # times as long as the shortest: 5 to 41 seconds were seen


def wait(world: ServerState, endpoint: str, status: int, subject: str = "") -> float:
    """How many seconds the answer to such a call is late.

    Args:
        subject: whose account was made; each takes a time of its own, always the same.
    """
    seconds = world.options.outside_seconds
    if endpoint == "/api/info":
        return seconds if world.dialect.at_least(8, 0) else 0
    fetches_avatar = world.settings["Accounts_SetDefaultAvatar"]
    if endpoint != "users.create" or status != 200 or not fetches_avatar:
        return 0
    share = crc32(subject.encode(errors="replace")) % 1000 / 1000
    return seconds * (1 + share * (MOST - 1))
