"""The client of a stand-in whose pauses take no time, and what it makes and finds there."""

from typing import Any

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from integration.domain.room_texts import NO_TEXTS
from integration.domain.state import RemoteAccount
from integration.services.rocketchat import Connection, Credentials, RocketChat, RocketChatRemote
from integration.services.rocketchat.limiter import Limiter


def quick_remote(
    url: str, token: str = ADMIN_TOKEN, *, patience: float = 0.25, **secrets: Any
) -> RocketChatRemote:
    """One whose pauses take no time; it waits `patience` seconds for an answer."""
    now = [0.0]
    limiter = Limiter(8, clock=lambda: now[0], sleep=lambda pause: now.append(now.pop() + pause))
    connection = Connection(
        url,
        Credentials(user_id=ADMIN_ID, token=token, **secrets),
        read_timeout=patience,
        long_read_timeout=patience,
    )
    return RocketChatRemote(RocketChat(connection, limiter=limiter, sleep=lambda _seconds: None))


def person(remote: RocketChatRemote, name: str) -> RemoteAccount:
    return remote.writes.create_account(
        username=name, name=name.title(), email=f"{name}@example.com"
    )


def channel(remote: RocketChatRemote, name: str = "group", **fields: Any) -> Any:
    wishes: dict[str, Any] = {
        "private": True,
        "usernames": (),
        "texts": NO_TEXTS,
        "read_only": False,
        "group_id": 42,
        "course_id": 7,
    }
    return remote.writes.create_channel(**{"name": name} | wishes | fields).channel


def room(standin: StandIn, name: str = "group") -> dict[str, Any]:
    """The room of that name as the server has it; there is exactly one."""
    [found] = [one for one in standin.state()["rooms"] if one["name"] == name]
    return dict(found)


def user(standin: StandIn, name: str) -> dict[str, Any]:
    [found] = [one for one in standin.state()["users"] if one["username"] == name]
    return dict(found)
