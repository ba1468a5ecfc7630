"""Reading Rocket.Chat: complete or not at all, and in as few requests as it takes."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from integration.domain.errors import (
    PermissionMissing,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.identities import PersonIdentity
from integration.domain.room_texts import NO_TEXTS
from integration.domain.state import NameRules, RoomRole
from integration.services.rocketchat import Connection, Credentials, RocketChat, RocketChatRemote
from integration.services.rocketchat.limiter import Limiter
from tests.support.builders import link

URL = "https://chat.example.org"
VERSIONS = ("3.11", "6.5", "7.2", "7.7", "8.6", "8.8", "9.0")
Row = dict[str, Any]


def user(number: int, **fields: Any) -> Row:
    return {
        "_id": f"u{number}",
        "username": f"user{number}",
        "name": f"User {number}",
        "emails": [{"address": f"User{number}@Example.com", "verified": True}],
        "active": True,
        "roles": ["user"],
        "type": "user",
    } | fields


def room(number: int, **fields: Any) -> Row:
    return {
        "_id": f"r{number}",
        "name": f"room-{number}",
        "fname": f"room-{number}",
        "t": "p",
        "usersCount": 1,
        "u": {"_id": "bot-id", "username": "bot"},
        "ro": False,
    } | fields


class Lists:
    """A server that answers with lists, page by page, as strange as a test wants it."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.rows: dict[str, list[Row]] = {"users": [], "rooms": [], "settings": [], "members": []}
        self.unlimited, self.most = True, 100
        self.lie: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda _key, answer: answer
        self.fails: Callable[[dict[str, str]], bool] = lambda _query: False
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.version = "6.5"
        self.mock = mock
        mock.add_callback("GET", f"{URL}/api/info", self._info)
        paths = {
            "users.list": "users",
            "rooms.adminRooms": "rooms",
            "settings.public": "settings",
            "groups.members": "members",
        }
        for path, key in paths.items():
            mock.add_callback("GET", f"{URL}/api/v1/{path}", self._page(path, key))

    def _info(self, _request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        return 200, {}, json.dumps({"version": self.version, "success": True})

    def _page(self, path: str, key: str) -> Callable[[requests.PreparedRequest], Any]:
        def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            query = {
                name: one[0] for name, one in parse_qs(urlsplit(request.url or "").query).items()
            }
            self.asked.append((path, query))
            if self.fails(query):
                return 500, {}, "{}"
            rows, count, offset = self.rows[key], int(query["count"]), int(query["offset"])
            if count == 0:
                count = len(rows) if self.unlimited else 50
            elif count > self.most:
                count = self.most
            page = rows[offset : offset + count]
            body = {key: page, "count": len(page), "offset": offset, "total": len(rows)}
            return 200, {}, json.dumps(self.lie(key, body | {"success": True}))

        return answer

    def remote(self, **options: Any) -> RocketChatRemote:
        connection = Connection(URL, Credentials(user_id="bot-id", token="t" * 43), **options)
        client = RocketChat(connection, limiter=Limiter(8), sleep=lambda _seconds: None)
        return RocketChatRemote(client)

    def read(self, **wishes: Any) -> Any:
        with self.remote() as remote:
            return remote.read(**{"known_counts": {}, "wanted_names": ()} | wishes)

    def requests_of(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


@pytest.fixture
def lists() -> Iterator[Lists]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Lists(mock)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────


def test_everything_comes_in_one_request_where_the_server_lets_it(lists: Lists) -> None:
    lists.rows["users"] = [user(number) for number in range(1234)]
    assert len(lists.read().accounts) == 1234
    assert lists.requests_of("users.list") == 1


def test_what_a_link_says_of_an_account_too_is_kept_once_and_changes_nothing(
    lists: Lists,
) -> None:
    lists.rows["users"] = [user(number) for number in range(3)]
    expected = lists.read().accounts
    of_0 = PersonIdentity(1, "zero", expected["u0"].emails[0])
    links = [link(0, "u0", username="user0", identity=of_0), link(1, "u1", username="other")]
    with lists.remote() as remote:
        remote.begin(links)
        found = remote.read(known_counts={}, wanted_names=()).accounts
    assert found == expected
    assert found["u0"].account_id is next(iter(found)) is links[0].account_id
    assert found["u0"].username is links[0].username
    assert found["u0"].emails[0] is links[0].known_email
    assert found["u1"].username == "user1"


@pytest.mark.parametrize("count", [49, 50, 51, 100, 149, 150, 151, 1234])
def test_a_server_that_gives_less_than_asked_for_is_read_page_by_page(
    lists: Lists, count: int
) -> None:
    """A count over the limit is cut down silently, so the end is where the total is reached."""
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(count)]
    assert len(lists.read().accounts) == count
    assert lists.requests_of("users.list") <= -(-count // 100) + 1


def test_pages_are_asked_for_in_a_fixed_order(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(200)]
    lists.read()
    assert {query["sort"] for path, query in lists.asked if path == "users.list"} == {'{"_id":1}'}


def test_one_that_moved_to_the_next_page_is_counted_once(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(120)]

    def somebody_joins(key: str, answer: dict[str, Any]) -> dict[str, Any]:
        if key == "users" and answer["offset"] == 0 and len(lists.rows["users"]) == 120:
            lists.rows["users"].insert(0, user(999))
        return answer

    lists.lie = somebody_joins
    accounts = lists.read().accounts
    assert {f"u{number}" for number in range(120)} <= set(accounts)


def test_members_of_a_large_room_are_read_completely_on_a_strict_server(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1, usersCount=230)]
    lists.rows["members"] = [{"_id": f"u{number}"} for number in range(230)]
    assert len(lists.read(known_counts={"r1": None}).channels["r1"].members) == 230


def test_a_list_that_never_stands_still_is_no_state(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(220)]

    def always_moving(key: str, answer: dict[str, Any]) -> dict[str, Any]:
        if key == "users":
            lists.rows["users"].append(lists.rows["users"].pop(0))
        return answer

    lists.lie = always_moving
    with pytest.raises(UnexpectedAnswer, match="run again later"):
        lists.read()


def test_a_list_that_lost_somebody_between_two_pages_is_read_again(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(120)]

    def somebody_leaves(key: str, answer: dict[str, Any]) -> dict[str, Any]:
        if key == "users" and answer["offset"] == 0 and len(lists.rows["users"]) == 120:
            del lists.rows["users"][0]  # user 50 moves up to the page that was read
        return answer

    lists.lie = somebody_leaves
    assert set(lists.read().accounts) == {f"u{number}" for number in range(1, 120)}


def test_a_total_that_never_comes_true_is_an_error_and_no_short_list(lists: Lists) -> None:
    lists.rows["users"] = [user(number) for number in range(10)]
    lists.lie = lambda key, answer: answer | ({"total": 11} if key == "users" else {})
    with pytest.raises(UnexpectedAnswer, match="11"):
        lists.read()


def test_a_total_that_runs_away_ends(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(60)]

    def more_and_more(key: str, answer: dict[str, Any]) -> dict[str, Any]:
        if key == "users":
            lists.rows["users"] += [user(len(lists.rows["users"]) + more) for more in range(500)]
        return answer

    lists.lie = more_and_more
    with pytest.raises(UnexpectedAnswer, match="keeps growing"):
        lists.read()


def test_a_server_that_repeats_its_first_page_for_ever_is_found_out(lists: Lists) -> None:
    first = [user(number) for number in range(50)]
    lists.lie = lambda key, answer: (
        answer | ({"users": first, "total": 500} if key == "users" else {})
    )
    with pytest.raises(UnexpectedAnswer, match="counts 500 but lists 50"):
        lists.read()
    assert lists.requests_of("users.list") < 10


def test_a_server_that_stops_giving_before_its_total_is_found_out(lists: Lists) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(80)]
    lists.lie = lambda key, answer: answer | ({"total": 500} if key == "users" else {})
    with pytest.raises(UnexpectedAnswer, match="counts 500 entries, but lists only 80"):
        lists.read()


@pytest.mark.parametrize(
    "lie",
    [
        {"users": None},
        {"users": "none"},
        {"users": {"u1": {}}},
        {"total": "1"},
        {"total": -1},
        {"total": None},
        {"rooms": "none", "total": 1},
    ],
)
def test_an_answer_that_cannot_be_a_list_fails_the_whole_read(
    lists: Lists, lie: dict[str, Any]
) -> None:
    lists.rows["users"] = [user(1)]
    about = "rooms" if "rooms" in lie else "users"
    lists.lie = lambda key, answer: answer | (lie if key == about else {})
    with pytest.raises(UnexpectedAnswer):
        lists.read()


BAD_USERS = [
    None,
    1,
    user(1, _id=None),
    user(1, _id=""),
    user(1, _id=17),
    user(1, _id=["u1"]),
    user(1, _id="x" * 10_000),
    user(1, username=7),
    user(1, name=["Anna"]),
    user(1, emails="a@example.com"),
    user(1, emails=["a@example.com"]),
    user(1, emails=[None]),
    user(1, emails={"address": "a@example.com"}),
    user(1, emails=[{"address": 3}]),
    user(1, active="yes"),
    user(1, roles="admin"),
    user(1, roles=["user", None]),
]
BAD_ROOMS = [
    None,
    room(1, _id=None),
    room(1, t=["p"]),
    room(1, name=7, fname=None),
    room(1, u="bot"),
    room(1, archived="no"),
    room(1, teamMain="no"),
]


@pytest.mark.parametrize("row", BAD_USERS)
@pytest.mark.parametrize("unlimited", [True, False])
def test_an_account_that_cannot_be_understood_is_passed_over_and_named(
    lists: Lists, row: Any, unlimited: bool
) -> None:
    """It counts as received: the list is whole, and everybody else is in it."""
    lists.unlimited = unlimited
    others = [user(number) for number in range(2, 200)]
    lists.rows["users"] = [*others[:60], row, *others[60:]]
    state = lists.read()
    assert set(state.accounts) == {one["_id"] for one in others}
    assert len(state.not_understood) == 1


@pytest.mark.parametrize("place", [49, 50, 99, 100, 197])
def test_a_page_may_end_or_begin_with_a_row_that_cannot_be_understood(
    lists: Lists, place: int
) -> None:
    lists.unlimited = False
    lists.rows["users"] = [user(number) for number in range(198)]
    lists.rows["users"][place] = {"what": "ever"}
    state = lists.read()
    assert len(state.accounts) == 197
    assert list(state.not_understood) == ['{"what": "ever"}']


@pytest.mark.parametrize("row", BAD_ROOMS)
def test_a_room_that_cannot_be_understood_is_passed_over_and_named(lists: Lists, row: Any) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(2), row, room(3)]
    state = lists.read()
    assert set(state.channels) == {"r2", "r3"}
    assert len(state.not_understood) == 1


@pytest.mark.parametrize("count", [-1, 2.5, "3", True, None, 10**12])
def test_a_count_that_cannot_be_one_means_to_look(lists: Lists, count: Any) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1, usersCount=count)]
    lists.rows["members"] = [user(1)]
    state = lists.read(known_counts={"r1": None})
    assert state.channels["r1"].users_count is None
    assert state.channels["r1"].members == {"u1"}


@pytest.mark.parametrize("text", ["zero\x00byte", "lone \ud83d half"])
def test_text_that_no_database_holds_is_cleaned(lists: Lists, text: str) -> None:
    lists.rows["users"] = [user(1, name=text)]
    lists.rows["rooms"] = [room(1, fname=text, topic=text)]
    state = lists.read()
    for kept in (state.accounts["u1"].name, state.channels["r1"].name, state.channels["r1"].topic):
        assert "\x00" not in kept
        kept.encode()


def test_too_much_at_once_is_read_in_pages(lists: Lists) -> None:
    lists.rows["users"] = [user(number) for number in range(1000)]
    with lists.remote(max_answer_bytes=4_000) as remote:  # sixteen times that, read row by row
        state = remote.read(known_counts={}, wanted_names=())
    assert len(state.accounts) == 1000
    asked = [query["count"] for path, query in lists.asked if path == "users.list"]
    assert asked[0] == "0"
    assert len(asked) > 10


def test_a_server_that_fails_on_everything_at_once_is_read_in_pages(lists: Lists) -> None:
    """MongoDB gives up on one document of more than 16 MB."""
    lists.rows["users"] = [user(number) for number in range(300)]
    lists.fails = lambda query: query["count"] == "0"
    assert len(lists.read().accounts) == 300


# ── What the rows mean ───────────────────────────────────────────────────────────────────────────


def test_addresses_are_lower_case_and_odd_people_are_read(lists: Lists) -> None:
    lists.rows["users"] = [
        user(1),
        {"_id": "rocket.cat", "username": "rocket.cat", "type": "bot", "active": True},
        {"_id": "u3", "emails": None, "name": None},  # still registering
        user(4, emails=[{"address": "Two@Example.com"}, {"verified": False}]),
    ]
    accounts = lists.read().accounts
    assert accounts["u1"].emails == ("user1@example.com",)
    assert accounts["rocket.cat"].kind == "bot"
    assert (accounts["u3"].username, accounts["u3"].name, accounts["u3"].emails) == ("", "", ())
    assert accounts["u4"].emails == ("two@example.com",)


def test_the_main_room_of_a_team_is_known_as_one(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1), room(3, teamMain=True)]
    channels = lists.read().channels
    assert [channels[one].team for one in ("r1", "r3")] == [False, True]
    asked = [query for path, query in lists.asked if path == "rooms.adminRooms"]
    assert asked


def by_id(lists: Lists, path: str, parameter: str, answers: dict[str, Row | None]) -> list[str]:
    """The server answers questions about single things; None = it does not know it."""
    asked: list[str] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        one = parse_qs(urlsplit(request.url or "").query)[parameter][0]
        asked.append(one)
        found = answers.get(one)
        if found is None:
            error = "User not found." if path == "users.info" else "not-allowed"
            return 400, {}, json.dumps({"success": False, "error": error})
        body = {"user": found} if path == "users.info" else found
        return 200, {}, json.dumps({**body, "success": True})

    lists.mock.add_callback("GET", f"{URL}/api/v1/{path}", answer)
    return asked


def test_what_a_list_lacks_is_asked_for_by_its_id(lists: Lists) -> None:
    lists.rows["users"], lists.rows["rooms"] = [user(1)], [room(1)]
    users = by_id(lists, "users.info", "userId", {"u2": user(2)})
    rooms = by_id(lists, "rooms.adminRooms.getRoom", "rid", {"r2": room(2)})
    state = lists.read(needed_accounts=["u1", "u2", "u3"], needed_rooms=["r1", "r2", "r3"])
    assert (set(state.accounts), set(state.channels)) == ({"u1", "u2"}, {"r1", "r2"})
    assert (sorted(users), sorted(rooms)) == (["u2", "u3"], ["r2", "r3"])
    assert state.not_understood == {}


def test_an_answer_about_another_room_is_no_answer(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    by_id(lists, "rooms.adminRooms.getRoom", "rid", {"r2": room(7)})
    state = lists.read(needed_rooms=["r2"])
    assert state.channels == {}
    assert list(state.not_understood) == ["r2"], "not gone, not taken for another"


def test_a_list_that_leaves_out_much_that_is_there_is_not_believed(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    by_id(lists, "rooms.adminRooms.getRoom", "rid", {f"r{n}": room(n) for n in range(9)})
    with pytest.raises(UnexpectedAnswer, match="leaves out 3 entries"):
        lists.read(needed_rooms=["r1", "r2", "r3"])


def test_a_room_goes_by_both_of_its_names(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1, name="uebung-1", fname="Übung 1")]
    assert lists.read().channels["r1"].names == {"uebung-1", "übung 1"}


def test_discussions_and_direct_chats_are_nobody_s_channel(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [
        room(1, fname="Übung 1", topic="T", archived=True),
        room(2, prid="r1"),
        room(4, t="d"),
        room(5, t="c", customFields={"moodle_group": 42}),
    ]
    channels = lists.read().channels
    assert set(channels) == {"r1", "r5"}
    assert channels["r1"].name == "Übung 1"
    assert channels["r1"].archived
    assert channels["r5"].moodle_group == 42
    assert not channels["r5"].private


def test_a_list_without_any_address_is_a_missing_permission(lists: Lists) -> None:
    rows = [user(number) for number in range(3)]
    for row in rows:
        del row["emails"], row["roles"]
    lists.rows["users"] = rows
    with pytest.raises(PermissionMissing) as refused:
        lists.read()
    assert "view-full-other-user-info" in refused.value.hint


def test_a_server_with_nobody_but_the_bot_is_no_missing_permission(lists: Lists) -> None:
    lists.rows["users"] = [user(0, _id="bot-id", emails=None), user(1, type="bot", emails=None)]
    assert len(lists.read().accounts) == 2


def test_names_follow_the_server_s_settings(lists: Lists) -> None:
    lists.rows["settings"] = [
        {"_id": "UTF8_User_Names_Validation", "value": "[a-z]+"},
        {"_id": "UTF8_Channel_Names_Validation", "value": "[broken"},
        {"_id": "UI_Allow_room_names_with_special_chars", "value": True},
        {"_id": "Accounts_SystemBlockedUsernameList", "value": "Root, boss"},
    ]
    with lists.remote() as remote:
        rules = remote.name_rules()
    assert rules.username_pattern == "[a-z]+"
    assert rules.channel_pattern == NameRules().channel_pattern
    assert rules.free_channel_names
    assert rules.reserved == {"all", "here", "root", "boss"}


def test_an_old_server_has_one_pattern_for_all_names(lists: Lists) -> None:
    lists.rows["settings"] = [{"_id": "UTF8_Names_Validation", "value": "[0-9a-z]+"}]
    with lists.remote() as remote:
        rules = remote.name_rules()
    assert rules.username_pattern == rules.channel_pattern == "[0-9a-z]+"


# ── Members ──────────────────────────────────────────────────────────────────────────────────────


def test_only_rooms_that_changed_have_their_members_read(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(number, usersCount=2) for number in range(5)]
    lists.rows["members"] = [{"_id": "bot-id"}, {"_id": "u1"}]
    channels = lists.read(known_counts={"r1": 2, "r2": 3, "r3": None, "gone": 1}).channels
    read = {room_id for room_id, one in channels.items() if one.members is not None}
    assert read == {"r2", "r3"}
    assert channels["r2"].members == {"bot-id", "u1"}
    assert channels["r2"].roles is None
    assert lists.requests_of("groups.members") == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"success": False, "errorType": "error-room-not-found", "error": "no group"}),
        (400, {"success": False, "errorType": "error-room-archived", "error": "is archived"}),
        (403, {"success": False, "error": "unauthorized"}),
        (200, {"success": True, "members": [], "total": 0}),
    ],
)
def test_a_room_that_cannot_be_read_never_looks_empty(
    lists: Lists, status: int, body: dict[str, Any]
) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1, usersCount=2)]
    lists.mock.replace("GET", f"{URL}/api/v1/groups.members", json=body, status=status)
    assert lists.read(known_counts={"r1": None}).channels["r1"].members is None


@pytest.mark.parametrize("status", [401, 500])
def test_a_failure_while_reading_members_fails_the_whole_read(lists: Lists, status: int) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(number, usersCount=2) for number in range(20)]
    body = {"success": False, "error": "x", "message": "x"}
    lists.mock.replace("GET", f"{URL}/api/v1/groups.members", json=body, status=status)
    with pytest.raises(RocketChatError):
        lists.read(known_counts={f"r{number}": None for number in range(20)})


def test_the_mark_is_looked_up_only_for_an_unknown_room_with_a_wanted_name(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1), room(2, fname="Übung"), room(3, fname="Other")]
    lists.mock.get(
        f"{URL}/api/v1/rooms.info",
        json={"success": True, "room": room(2, customFields={"moodle_group": 7})},
        match=[responses.matchers.query_param_matcher({"roomId": "r2"})],
    )
    state = lists.read(known_counts={"r1": 1}, wanted_names=["room-1", "ÜBUNG"])
    assert state.channels["r2"].moodle_group == 7


def test_a_room_with_a_wanted_name_that_is_hidden_from_the_bot_is_not_ours(lists: Lists) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(2)]
    hidden = {"success": False, "error": "not-allowed", "errorType": "Not Allowed"}
    lists.mock.get(f"{URL}/api/v1/rooms.info", json=hidden, status=400)
    assert lists.read(wanted_names=["room-2"]).channels["r2"].moodle_group is None


@pytest.mark.parametrize("mark", ["7x", [7], {"a": 1}, True, 7.5, "9" * 50, None, -0.0])
def test_a_mark_that_somebody_scribbled_on_is_none(lists: Lists, mark: object) -> None:
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(1, customFields={"moodle_group": mark}), room(2, customFields="x")]
    lists.mock.get(
        f"{URL}/api/v1/rooms.info", json={"success": True, "room": lists.rows["rooms"][0]}
    )
    assert lists.read(wanted_names=["room-1"]).channels["r1"].moodle_group is None


# ── Against the stand-in ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=VERSIONS)
def standin(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with StandIn(like=request.param) as server:
        yield server


@pytest.fixture
def remote(standin: StandIn) -> Iterator[RocketChatRemote]:
    connection = Connection(standin.url, Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN))
    with RocketChatRemote(RocketChat(connection)) as remote:
        yield remote


def fill(remote: RocketChatRemote, people: int, rooms: int) -> list[str]:
    """Room ids; everybody is in every room."""
    names = [f"person{number}" for number in range(people)]
    for name in names:
        remote.writes.create_account(username=name, name=name.title(), email=f"{name}@example.com")
    return [
        remote.writes.create_channel(
            name=f"room{number}",
            private=bool(number % 2),
            usernames=names,
            texts=NO_TEXTS,
            read_only=False,
            group_id=number,
            course_id=1,
        ).channel.room_id
        for number in range(rooms)
    ]


def test_a_run_without_changes_takes_four_requests(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    known = dict.fromkeys(fill(remote, 3, 4), 4)
    with RocketChatRemote(RocketChat(remote.client.connection)) as fresh:
        fresh.name_rules()
        state = fresh.read(known_counts=known, wanted_names=())
        assert fresh.stats.total == 4
    assert {state.channels[room_id].members for room_id in known} == {None}


def test_an_audit_reads_members_and_roles_of_every_room(
    standin: StandIn, remote: RocketChatRemote
) -> None:
    rooms = fill(remote, 3, 4)
    state = remote.read(known_counts={}, wanted_names=())
    person = next(one for one in state.accounts.values() if one.username == "person1")
    for number, room_id in enumerate(rooms):
        remote.writes.set_role(room_id, bool(number % 2), person.account_id, RoomRole.MODERATOR)
    state = remote.read(known_counts=dict.fromkeys(rooms, 4), wanted_names=(), full_check=rooms)
    for room_id in rooms:
        one = state.channels[room_id]
        assert one.members is not None
        assert {state.accounts[who].username for who in one.members} == {
            "rcsync-bot",
            "person0",
            "person1",
            "person2",
        }
        assert one.roles == {ADMIN_ID: RoomRole.OWNER, person.account_id: RoomRole.MODERATOR}


def test_a_strict_server_is_read_completely(standin: StandIn, remote: RocketChatRemote) -> None:
    fill(remote, 130, 1)
    standin.configure(API_Allow_Infinite_Count=False)
    state = remote.read(known_counts={}, wanted_names=())
    assert len([one for one in state.accounts.values() if one.kind == "user"]) == 131


@pytest.mark.parametrize("fault", ["429", "reset", "timeout_before", "status", "html", "garbage"])
def test_a_bad_moment_does_not_spoil_a_read(fault: str) -> None:
    with StandIn(like="6.5") as server, quick_remote(server) as remote:
        fill(remote, 2, 1)
        server.fault(fault, endpoint="rooms.adminRooms", seconds=0.1)
        assert len(remote.read(known_counts={}, wanted_names=()).accounts) >= 3


def quick_remote(server: StandIn) -> RocketChatRemote:
    """One that does not really pause between attempts."""
    connection = Connection(server.url, Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN))
    clock = [0.0]
    limiter = Limiter(
        8, clock=lambda: clock[0], sleep=lambda pause: clock.append(clock.pop() + pause)
    )
    return RocketChatRemote(RocketChat(connection, limiter=limiter, sleep=lambda _seconds: None))


def test_a_server_that_dies_gives_no_state() -> None:
    with StandIn(like="8.8") as server, quick_remote(server) as remote:
        server.fault("die", endpoint="rooms.adminRooms")
        with pytest.raises(TransientError):
            remote.read(known_counts={}, wanted_names=())


def test_a_removed_bot_leaves_the_room_unread(standin: StandIn, remote: RocketChatRemote) -> None:
    rooms = fill(remote, 2, 2)
    private = standin.world.rooms[rooms[1]]
    with standin.world.lock:
        standin.world.unsubscribe(private, standin.world.users[ADMIN_ID])
    state = remote.read(known_counts=dict.fromkeys(rooms), wanted_names=())
    assert state.channels[rooms[1]].members is None
    assert state.channels[rooms[0]].members is not None


# ── What the server can do ───────────────────────────────────────────────────────────────────────

UNKNOWN_CALLS: list[dict[str, Any]] = [
    {"body": "<!DOCTYPE html><html></html>"},  # up to 6.x
    {"status": 404, "json": {"success": False, "error": "API endpoint not found"}},
    {"status": 405, "json": {"status": "error", "message": "API endpoint does not exist"}},
]


@pytest.mark.parametrize("unknown", UNKNOWN_CALLS)
def test_a_server_that_hides_its_version_is_known_by_what_it_answers(
    lists: Lists, unknown: dict[str, Any]
) -> None:
    lists.version = "?"
    lists.rows["users"] = [user(1)]
    lists.rows["rooms"] = [room(number, usersCount=2) for number in range(3)]
    lists.rows["members"] = [{"_id": "bot-id"}, {"_id": "u1"}]
    for path in ("users.listByStatus", "rooms.membersOrderedByRole"):
        lists.mock.get(f"{URL}/api/v1/{path}", **unknown)
    with lists.remote() as remote:
        for _ in range(2):
            state = remote.read(known_counts={"r1": None}, wanted_names=())
            assert state.channels["r1"].members == frozenset({"bot-id", "u1"})
        asked = remote.stats.by_endpoint
    assert asked["GET users.list"] == asked["GET groups.members"] == 2
    assert asked["GET users.listByStatus"] <= 2
    assert asked["GET rooms.membersOrderedByRole"] <= 2


@pytest.mark.parametrize("hidden", [*UNKNOWN_CALLS, {"status": 403, "body": "<html>"}])
def test_a_version_page_that_is_held_back_stops_nobody(
    lists: Lists, hidden: dict[str, Any]
) -> None:
    lists.rows["users"] = [user(1)]
    lists.mock.replace("GET", f"{URL}/api/info", **hidden)
    lists.mock.get(f"{URL}/api/v1/users.listByStatus", body="<html>")
    assert set(lists.read().accounts) == {"u1"}


def test_the_strongest_of_several_room_roles_counts(lists: Lists) -> None:
    lists.version = "8.8"
    body = {"users": [user(1)], "total": 1, "success": True}
    lists.mock.get(f"{URL}/api/v1/users.listByStatus", json=body)
    lists.rows["rooms"] = [room(1, usersCount=3)]
    members = [
        {"_id": "bot-id", "roles": ["owner"]},
        {"_id": "u1", "roles": ["leader", "moderator", "gardener"]},
        {"_id": "u2", "roles": []},
        {"_id": "u3", "roles": ["gardener"]},
    ]
    body = {"members": members, "total": 4, "success": True}
    lists.mock.get(f"{URL}/api/v1/rooms.membersOrderedByRole", json=body)
    channel = lists.read(known_counts={}, full_check=["r1"]).channels["r1"]
    assert channel.members == {"bot-id", "u1", "u2", "u3"}
    assert channel.roles == {"bot-id": RoomRole.OWNER, "u1": RoomRole.MODERATOR}


def test_only_its_major_and_minor_version_have_to_be_visible(lists: Lists) -> None:
    for version, known in (("6.5", (6, 5)), ("3.11.4", (3, 11)), ("8.8.0-rc.1", (8, 8))):
        lists.version = version
        with lists.remote() as remote:
            assert remote.features.version == known
