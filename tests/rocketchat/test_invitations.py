"""A list half accepted: who is in counts as in, nobody blocks anybody, the refused are named."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from demo.standin import StandIn
from demo.standin.web.call import Reply, Request
from integration.domain.errors import Banned, PartlyRefused, RocketChatError
from integration.services.rocketchat import RocketChatRemote
from integration.services.rocketchat.invitations import LOOK_AGAIN_SECONDS
from tests.support.remote_client import channel, person, quick_remote, room

VERSIONS = ("3.11", "6.5", "8.8")
REFUSED_LISTS = {
    "banned": {"error": "User is banned [error-user-is-banned]"},
    "an unknown code": {"error": "Something [error-something]"},
    "no code": {"error": "TypeError"},
}


@dataclass
class Bouncer:
    """A server that lets the others of a list in, and refuses the call for one person."""

    standin: StandIn
    banned: str
    body: dict[str, Any]
    status: int = 400
    late: bool = False  # the others get in only after the answer
    waiting: list[Request] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.honest = self.standin.application.reply
        self.standin.application.reply = self.reply  # type: ignore[method-assign]

    def reply(self, request: Request) -> Reply:
        if not request.path.endswith(".invite"):
            return self.honest(request)
        body = json.loads(request.body)
        asked = body.get("userIds") or [body.get("userId")]
        self.asked.append(asked)
        if self.banned not in asked or ("userIds" in body and not self.takes_lists(request.path)):
            return self.honest(request)
        others = [one for one in asked if one != self.banned]
        if others:
            rest = json.dumps({"roomId": body["roomId"], "userIds": others}).encode()
            self.waiting.append(replace(request, body=rest))
        if not self.late:
            self.pass_time()
        return Reply.of({"success": False, **self.body}, self.status)

    def takes_lists(self, path: str) -> bool:
        dialect = self.standin.application.world.dialect
        closed = "/channels." in path and dialect.at_least(8, 8)
        return dialect.at_least(4, 0) and not closed

    def pass_time(self, _seconds: float = 0) -> None:
        while self.waiting:
            assert self.honest(self.waiting.pop()).status == 200


@pytest.fixture(params=VERSIONS)
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def remote(standin: StandIn) -> Iterator[RocketChatRemote]:
    with quick_remote(standin.url) as remote:
        yield remote


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("why", REFUSED_LISTS)
@pytest.mark.parametrize("private", [True, False])
def test_of_a_refused_list_everybody_else_is_in_and_one_is_named(
    standin: StandIn, remote: RocketChatRemote, private: bool, why: str, late: bool
) -> None:
    people = [person(remote, name).account_id for name in ("anna", "bert", "cleo", "dora")]
    room_id = channel(remote, private=private).room_id
    bouncer = Bouncer(standin, people[1], REFUSED_LISTS[why], late=late)
    remote.client._sleep = bouncer.pass_time
    with pytest.raises(PartlyRefused) as partly:
        remote.writes.add_members(room_id, private, people)
    assert set(room(standin)["members"]) == {"rcsync-bot", "anna", "cleo", "dora"}
    assert list(partly.value.refused) == [people[1]]
    reason = partly.value.refused[people[1]]
    assert isinstance(reason, Banned) == (why == "banned")
    assert reason.answer == bouncer.body["error"]
    assert reason.may_have_happened == (why != "banned")
    assert all(asked == people or len(asked) == 1 for asked in bouncer.asked)


def test_who_got_in_late_is_waited_for(standin: StandIn, remote: RocketChatRemote) -> None:
    if not standin.application.world.dialect.at_least(4, 0):
        pytest.skip("3.11 takes no lists")
    people = [person(remote, name).account_id for name in ("anna", "bert")]
    room_id = channel(remote).room_id
    bouncer = Bouncer(standin, people[0], REFUSED_LISTS["banned"], late=True)
    pauses: list[float] = []
    remote.client._sleep = lambda seconds: (pauses.append(seconds), bouncer.pass_time())[1]  # type: ignore[func-returns-value]
    with pytest.raises(PartlyRefused):
        remote.writes.add_members(room_id, True, people)
    assert pauses == [LOOK_AGAIN_SECONDS]
    assert LOOK_AGAIN_SECONDS >= 2
    assert bouncer.asked == [people, [people[0]]], "who is in is not asked for again"


@pytest.mark.parametrize("status", [500, 200])
def test_a_server_that_stumbles_over_one_person_lets_the_others_in(
    standin: StandIn, remote: RocketChatRemote, status: int
) -> None:
    people = [person(remote, name).account_id for name in ("anna", "bert", "cleo")]
    room_id = channel(remote).room_id
    Bouncer(standin, people[2], {"error": "Internal server error"}, status)
    with pytest.raises(PartlyRefused) as partly:
        remote.writes.add_members(room_id, True, people)
    assert set(room(standin)["members"]) == {"rcsync-bot", "anna", "bert"}
    assert list(partly.value.refused) == [people[2]]


def test_what_is_wrong_with_the_room_is_said_once_for_all(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    people = [person(remote, name).account_id for name in ("anna", "bert", "cleo")]
    with pytest.raises(RocketChatError) as refused:
        remote.writes.add_members("nowhere", True, people)
    assert not isinstance(refused.value, PartlyRefused)
    assert not refused.value.may_have_happened
