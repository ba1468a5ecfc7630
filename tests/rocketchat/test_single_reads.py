"""Reading one account and one room after the other: what it shows is what the lists show."""

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from demo.standin import StandIn
from integration.domain.errors import PermissionMissing
from integration.domain.needs import NameNeed, Needs, PersonNeed
from integration.domain.state import RemoteState
from integration.services.rocketchat import RocketChatRemote
from tests.support.remote_client import channel, person, quick_remote

VERSIONS = ("3.11", "6.5", "7.2", "7.7", "8.6", "8.8", "9.0")
LISTS = {"GET users.list", "GET users.listByStatus", "GET rooms.adminRooms"}


@pytest.fixture(params=VERSIONS)
def chat(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def remote(chat: StandIn) -> Iterator[RocketChatRemote]:
    with quick_remote(chat.url) as remote:
        for name in ("anna", "bert", "cleo"):
            person(remote, name)
        for name in ("first", "second"):
            channel(remote, name)
        remote.name_rules()
        yield remote


def lists(remote: RocketChatRemote) -> RemoteState:
    return remote.read(known_counts={}, wanted_names=())


def ids(remote: RocketChatRemote) -> dict[str, str]:
    "Username: or room name → id."
    state = lists(remote)
    accounts = ((one.username, one.account_id) for one in state.accounts.values())
    rooms = ((one.name, one.room_id) for one in state.channels.values())
    return dict(itertools.chain(accounts, rooms))


def read(remote: RocketChatRemote, chat: StandIn, needs: Needs) -> tuple[RemoteState, set[str]]:
    """What was read, and the endpoints that were asked."""
    chat.reset_stats()
    state = remote.read(known_counts={}, wanted_names=(), only=needs)
    return state, set(chat.stats()["by_endpoint"])


def assert_part_of_the_lists(state: RemoteState, remote: RocketChatRemote) -> None:
    whole = lists(remote)
    for number, one in state.accounts.items():
        assert one == whole.accounts[number]
    for number, room in state.channels.items():
        assert room == whole.channels[number]


def test_accounts_and_rooms_are_read_by_their_ids_without_a_list(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    needs = Needs(
        people=(PersonNeed(known["anna"], "anna@example.com"),),
        rooms=frozenset({known["first"]}),
        witness=known["bert"],
    )
    state, asked = read(remote, chat, needs)
    assert (set(state.accounts), set(state.channels)) == ({known["anna"]}, {known["first"]})
    assert asked == {"GET users.info", "GET rooms.adminRooms.getRoom"}
    assert_part_of_the_lists(state, remote)


def test_a_person_without_a_link_is_found_by_address_and_by_username(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    needs = Needs(
        people=(PersonNeed("", "ANNA@example.com".lower(), ("BERT",)),), witness=known["cleo"]
    )
    state, _ = read(remote, chat, needs)
    assert {known["anna"], known["bert"]} <= set(state.accounts)
    assert known["first"] not in state.channels
    assert_part_of_the_lists(state, remote)


def test_a_username_that_is_in_the_address_is_looked_for_together_with_it(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    need = PersonNeed("", "bert@example.com", ("Bert", "bert"))
    state, _ = read(remote, chat, Needs(people=(need,), witness=known["cleo"]))
    asked = chat.stats()["by_endpoint"]
    assert known["bert"] in state.accounts
    assert asked.get("GET users.listByStatus", 1) == 1  # before 6.8 each field for itself
    assert_part_of_the_lists(state, remote)


def test_an_address_and_a_name_that_are_to_be_given_are_looked_for(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    needs = Needs(
        people=(PersonNeed(known["anna"], "bert@example.com"),),
        rooms=frozenset({known["first"]}),
        names={known["first"]: NameNeed("SECOND", "first")},
        witness=known["anna"],
    )
    state, _ = read(remote, chat, needs)
    assert known["bert"] in state.accounts
    assert known["second"] in state.channels
    assert_part_of_the_lists(state, remote)


def test_an_account_that_is_not_there_leads_to_the_lists(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    needs = Needs(accounts=frozenset({known["anna"], "gone"}), witness=known["bert"])
    state, asked = read(remote, chat, needs)
    assert "gone" not in state.accounts
    assert known["cleo"] in state.accounts
    assert asked & LISTS


def test_a_room_that_is_not_there_leads_to_the_lists(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    needs = Needs(rooms=frozenset({known["first"], "gone"}), witness=known["bert"])
    state, asked = read(remote, chat, needs)
    assert known["second"] in state.channels
    assert "GET rooms.adminRooms" in asked


def test_rooms_that_may_not_be_seen_are_a_missing_permission_and_not_gone(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    _without(chat, "view-room-administration")
    with pytest.raises(PermissionMissing):
        read(remote, chat, Needs(rooms=frozenset({known["first"]}), witness=known["bert"]))


def test_where_no_address_is_shown_nobody_is_said_to_have_none(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    _without(chat, "view-full-other-user-info")
    new = PersonNeed("", "new@example.com", ("new",))
    chat.reset_stats()
    with contextlib.suppress(PermissionMissing):
        lists_needed = Needs(people=(new,), witness=known["bert"])
        remote.read(known_counts={}, wanted_names=(), only=lists_needed)
    assert "GET rooms.adminRooms" in chat.stats()["by_endpoint"]


def test_an_account_that_became_an_administrators_shows_it(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    known = ids(remote)
    chat.application.world.users[known["anna"]].roles.append("admin")
    state, _ = read(remote, chat, Needs(accounts=frozenset({known["anna"]}), witness=known["bert"]))
    assert "admin" in state.accounts[known["anna"]].roles


def _without(chat: StandIn, permission: str) -> None:
    world = chat.application.world
    with world.lock:
        world.permissions[permission] = []
