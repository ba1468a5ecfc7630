"""The lists of Rocket.Chat survive being text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain import remote_lists
from integration.domain.messages import Message, msg
from integration.domain.remote_lists import RemoteLists, from_texts, to_texts
from integration.domain.state import Mark, RemoteAccount, RemoteChannel

texts = st.text(max_size=20)
accounts = st.builds(
    RemoteAccount,
    *(texts, texts, texts, st.lists(texts, max_size=2).map(tuple), st.booleans()),
    *(st.lists(texts, max_size=2).map(tuple), texts, st.booleans()),
)
marks = st.builds(Mark, st.integers(), st.none() | st.integers(), texts)
channels = st.builds(
    RemoteChannel,
    *(texts, texts, st.booleans(), st.none() | st.integers(), st.booleans(), st.booleans()),
    *(texts, texts, st.none() | marks),
    slug=texts,
    team=st.booleans(),
    description=texts,
    announcement=texts,
)


@given(
    st.lists(accounts, max_size=3),
    st.lists(channels, max_size=3),
    st.dictionaries(texts, texts, max_size=3),
)
def test_lists_are_the_same_after_being_text(
    people: list[RemoteAccount], rooms: list[RemoteChannel], unclear: dict[str, str]
) -> None:
    unclear = {row: problem.replace("\x1f", " ") for row, problem in unclear.items()}
    lists = RemoteLists(
        {one.account_id: one for one in people}, {one.room_id: one for one in rooms}, unclear, {}
    )
    assert from_texts(to_texts(lists)) == lists


def test_long_lists_are_cut_and_put_together_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lists, "ROWS", 2)
    one = RemoteAccount("a", "ann", "Ann", ("ann@example.com",), True, ("user",), "user", True)
    people = {str(n): one._replace(account_id=str(n)) for n in range(5)}
    room = RemoteChannel("r", "Room", True, 3, False, False, "", "bot", slug="room")
    rooms = {str(n): replace(room, room_id=str(n)) for n in range(3)}
    pieces = list(to_texts(RemoteLists(people, rooms, {}, {})))
    assert len(pieces) == 3 + 2
    assert from_texts(reversed(pieces)) == RemoteLists(people, rooms, {}, {})


def test_what_cannot_be_understood_can_still_be_said_in_other_languages() -> None:
    problem = msg("{field} is not a text", field="name")
    found = from_texts(to_texts(RemoteLists({}, {}, {"u1": problem}, {"r1": problem})))
    for one in (found.unclear_accounts["u1"], found.unclear_channels["r1"]):
        assert isinstance(one, Message)
        assert (one, one.pattern, one.values) == (problem, problem.pattern, problem.values)
