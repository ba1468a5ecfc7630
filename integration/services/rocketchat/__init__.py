"""The Rocket.Chat boundary: REST in, values of `integration.domain.state` out.

    with connect(Connection(url, Credentials(user_id=..., token=...))) as remote:
        state = remote.read(known_counts={}, wanted_names=())
        remote.writes.archive(room_id)

Nothing in here imports Django; everything that can be configured arrives in a `Connection`.
"""

from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.connection import Connection, Credentials
from integration.services.rocketchat.doctor import check_access, check_rocketchat
from integration.services.rocketchat.remote import RocketChatRemote, connect

__all__ = [
    "Connection",
    "Credentials",
    "RocketChat",
    "RocketChatRemote",
    "check_access",
    "check_rocketchat",
    "connect",
]
