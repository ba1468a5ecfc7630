"""The bulk import against the stand-in: who is made, who is left, and when it is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from integration.services.rocketchat import (
    Connection,
    Credentials,
    RocketChatRemote,
    bulk_import,
    connect,
)
from integration.services.rocketchat.bulk_import import NewAccount
from tests.support.standin_client import Client

ANNA = NewAccount("moodle-1", "anna", "Anna Berg", "anna@example.org")
BEN = NewAccount("moodle-2", "ben", "Ben Costa", "ben@example.org")


@contextmanager
def remote_of(server: StandIn) -> Iterator[RocketChatRemote]:
    credentials = Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN)
    with connect(Connection(url=server.url, credentials=credentials)) as remote:
        yield remote


@pytest.fixture
def chat() -> Iterator[StandIn]:
    with StandIn(like="8.8") as server:
        yield server


@pytest.fixture
def remote(chat: StandIn) -> Iterator[RocketChatRemote]:
    with remote_of(chat) as remote:
        yield remote


def usernames(server: StandIn) -> set[str]:
    return {user["username"] for user in server.state()["users"]}


def test_everybody_is_made_and_found_again(remote: RocketChatRemote, chat: StandIn) -> None:
    made = remote.bulk_import.create([ANNA, BEN])
    assert {"anna", "ben"} <= usernames(chat)
    assert {name: account.emails for name, account in made.items()} == {
        "anna": ("anna@example.org",),
        "ben": ("ben@example.org",),
    }


def test_accounts_go_out_in_chunks(
    remote: RocketChatRemote, chat: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_import, "IMPORT_CHUNK", 2)
    people = [NewAccount(f"m{n}", f"p{n}", f"P {n}", f"p{n}@example.org") for n in range(5)]
    assert len(remote.bulk_import.create(people)) == 5
    assert chat.stats()["by_endpoint"]["POST import.addUsers"] == 3


def test_a_strangers_username_is_not_taken_for_the_person(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    remote.writes.create_account(username="anna", name="Other", email="other@example.org")
    assert set(remote.bulk_import.create([ANNA, BEN])) == {"ben"}


def test_somebody_elses_import_is_left_alone(remote: RocketChatRemote, chat: StandIn) -> None:
    with Client(chat) as client:
        client.post("import.new")
        client.post("import.addUsers", users=[{"emails": ["x@example.org"], "importIds": ["x"]}])
    assert remote.bulk_import.create([ANNA]) == {}
    assert "anna" not in usernames(chat)


def test_a_server_without_the_import_makes_nobody() -> None:
    with StandIn(like="3.11") as server, remote_of(server) as remote:
        assert remote.bulk_import.create([ANNA]) == {}


def test_a_bot_without_the_permission_makes_nobody(remote: RocketChatRemote, chat: StandIn) -> None:
    chat.configure(permissions={"run-import": []})
    assert remote.bulk_import.create([ANNA]) == {}


def test_a_lost_answer_is_followed_by_a_look_who_is_there(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    chat.fault("reset_after", endpoint="import.run")
    assert set(remote.bulk_import.create([ANNA, BEN])) == {"anna", "ben"}


def test_an_import_that_goes_on_after_a_lost_answer_is_waited_for(
    remote: RocketChatRemote, chat: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.fault("reset_after", endpoint="import.run")
    states = ["none", "importing", "importing", "done"]
    monkeypatch.setattr(bulk_import.BulkImport, "_state", lambda _: states.pop(0))
    monkeypatch.setattr(remote.bulk_import._client, "pause", lambda _: None)
    assert set(remote.bulk_import.create([ANNA])) == {"anna"}
    assert states == []


def test_a_refused_chunk_leaves_everybody_to_single_creates(
    remote: RocketChatRemote, chat: StandIn
) -> None:
    chat.fault("refuse", endpoint="import.addUsers")
    assert remote.bulk_import.create([ANNA, BEN]) == {}
    assert usernames(chat).isdisjoint({"anna", "ben"})


@pytest.mark.parametrize("call", ["import.new", "import.addUsers", "import.run", "import.clear"])
@pytest.mark.parametrize("fault", ["refuse_after", "unsuccessful", "wrong_shape"])
def test_whom_a_refused_import_made_all_the_same_is_found(
    remote: RocketChatRemote, chat: StandIn, fault: str, call: str
) -> None:
    """Refused or not: what is there with the right name and address afterwards was made."""
    chat.fault(fault, endpoint=call, text="error-of-a-later-version")
    made = remote.bulk_import.create([ANNA, BEN])
    there = usernames(chat) & {"anna", "ben"}
    assert made.keys() == there
