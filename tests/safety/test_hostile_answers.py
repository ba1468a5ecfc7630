"""Rocket.Chat that lies, breaks off, floods or says nonsense: a clear row, bounded memory, nobody
removed.
"""

import json
import resource
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.standin.web.call import Reply, Request
from integration.models import AccountLink, SyncRun
from integration.services.runs import runner
from integration.services.runs.configured_connection import rocketchat_connection
from tests.support.school import School

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]
Status = SyncRun.Status
Change = Callable[[dict[str, Any]], Any]
USERS = (
    "/api/v1/users.listByStatus",
    "/api/v1/users.list",
)  # the second where the first is not there
ROOMS = ("/api/v1/rooms.adminRooms",)
LOGIN = ("/api/v1/login",)
MEMBERS = ("/api/v1/rooms.membersOrderedByRole", "/api/v1/groups.members")


def lie(school: School, change: Change, *paths: str) -> None:
    """Every answer from one of `paths` is changed before it goes out."""
    honest = school.chat.application.reply

    def reply(request: Request) -> Reply:
        answer = honest(request)
        if request.path not in paths or answer.status != 200:
            return answer
        changed = change(json.loads(answer.body))
        body = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return replace(answer, body=body)

    school.chat.application.reply = reply  # type: ignore[method-assign]


def first(rows: str, **values: Any) -> Change:
    """The first row of the list with other values; None takes the key away."""

    def change(body: dict[str, Any]) -> dict[str, Any]:
        row = body[rows][0]
        for key, value in values.items():
            row.pop(key, None) if value is None else row.__setitem__(key, value)
        return body

    return change


def without(rows: str, share: int) -> Change:
    """Only a part of the list, but the count of the whole."""
    return lambda body: {**body, rows: body[rows][:: share + 1]}


def nothing(rows: str) -> Change:
    return lambda body: {**body, rows: [], "count": 0, "total": 0}


def login(**values: str) -> Change:
    return lambda body: {**body, "data": {**body["data"], **values}}


LIES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "users: the list is an object": (lambda body: {**body, "users": {}}, USERS),
    "users: the list is missing": (lambda _: {"total": 3, "success": True}, USERS),
    "users: rows that are no objects": (lambda body: {**body, "users": [1, None]}, USERS),
    "users: half of them": (without("users", 1), USERS),
    "users: nobody at all": (nothing("users"), USERS),
    "users: a total that never comes true": (lambda body: {**body, "total": 10**9}, USERS),
    "users: a total that is a text": (lambda body: {**body, "total": "many"}, USERS),
    "users: a total below zero": (lambda body: {**body, "total": -1}, USERS),
    "users: no total": (lambda body: {"users": body["users"], "success": True}, USERS),
    "users: success is false": (lambda _: {"success": False}, USERS),
    "users: a list instead of an object": (lambda body: json.dumps([body]).encode(), USERS),
    "users: not JSON": (lambda _: b"<html>Welcome</html>", USERS),
    "users: cut off": (lambda body: json.dumps(body).encode()[:-20], USERS),
    "users: deep nesting": (lambda _: b"[" * 100_000, USERS),
    "users: empty": (lambda _: b"", USERS),
    "users: NaN": (lambda _: b'{"users": NaN}', USERS),
    "users: not UTF-8": (lambda _: b'{"users": "\xff\xfe"}', USERS),
    "rooms: half of them": (without("rooms", 1), ROOMS),
    "rooms: none at all": (nothing("rooms"), ROOMS),
    "rooms: a total that never comes true": (lambda body: {**body, "total": 10**9}, ROOMS),
    "rooms: not JSON": (lambda _: b"Bad Gateway", ROOMS),
    "login: a user id that no header takes": (login(userId="\u0100"), LOGIN),
    "login: a token with a line break": (login(authToken="x\r\nX-Other: 1"), LOGIN),
}

BAD_ROWS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "users: an id that is a number": (first("users", _id=7), USERS),
    "users: an id that is a list": (first("users", _id=["x"]), USERS),
    "users: an empty id": (first("users", _id=""), USERS),
    "users: no id": (first("users", _id=None), USERS),
    "users: an endless id": (first("users", _id="x" * 100_000), USERS),
    "users: active is a word": (first("users", active="yes"), USERS),
    "users: roles are a text": (first("users", roles="admin"), USERS),
    "users: e-mails are a text": (first("users", emails="a@b"), USERS),
    "users: a name that is an object": (first("users", name={}), USERS),
    "rooms: an id that is a number": (first("rooms", _id=7), ROOMS),
    "rooms: no id": (first("rooms", _id=None), ROOMS),
    "rooms: a count that is a text": (first("rooms", usersCount="5"), ROOMS),
    "rooms: archived is a word": (first("rooms", archived="no"), ROOMS),
    "rooms: the creator is a text": (first("rooms", u="me"), ROOMS),
}


@pytest.mark.parametrize("what", LIES)
def test_a_lie_ends_the_run_with_a_clear_row_and_removes_nobody(school: School, what: str) -> None:
    """While people leave and a group goes, so that there is something to remove."""
    school.set(limit_from=2)
    before = school.chat.state()
    school.moodle.leave(101, [1000])
    change, paths = LIES[what]
    lie(school, change, *paths)
    run = school.run()
    assert run.status in (Status.ERROR, Status.QUARANTINED), (run.status, run.applied)
    assert run.message
    assert run.hint
    assert len(run.message) < 2000
    assert school.chat.state() == before


@pytest.mark.parametrize("what", BAD_ROWS)
def test_one_bad_row_of_a_list_stops_nobody(school: School, what: str) -> None:
    """It is there and cannot be read, so it is asked for by its id; everybody else goes on."""
    honest = school.chat.application.reply
    accounts, rooms = school.users().keys(), len(school.site.rooms())
    school.moodle.leave(101, [1000])
    change, paths = BAD_ROWS[what]
    lie(school, change, *paths)
    assert school.run().status == Status.DONE
    assert school.members(101) == {f"person{number}" for number in range(1001, 1005)}
    assert school.users().keys() == accounts
    assert len(school.site.rooms()) == rooms
    school.chat.application.reply = honest  # type: ignore[method-assign]
    run = school.run()
    assert (run.status, run.planned) == (Status.DONE, {})


@pytest.mark.parametrize("what", BAD_ROWS)
def test_what_cannot_be_read_by_its_id_either_is_left_as_it_is(school: School, what: str) -> None:
    before = school.chat.state()
    change, paths = BAD_ROWS[what]
    about_room = paths == ROOMS
    by_id = "/api/v1/rooms.adminRooms.getRoom" if about_room else "/api/v1/users.info"
    key = "rooms" if about_room else "user"
    lie(school, change, *paths)
    lie(school, lambda body: garbled(body, None if about_room else key), by_id)
    school.run()
    after = school.chat.state()
    assert [room["members"] for room in after["rooms"]] == [
        room["members"] for room in before["rooms"]
    ]
    assert len(after["users"]) == len(before["users"])


def garbled(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """An account or a room whose own id is no id."""
    if key is None:
        return {**body, "_id": 5}
    return {**body, key: {**body[key], "_id": 5}}


@pytest.mark.parametrize(
    "change",
    [
        nothing("members"),
        without("members", 1),
        first("members", _id=3),
        lambda body: {**body, "total": 10**6},
        lambda _: b"<html>",
    ],
)
def test_a_lie_about_the_members_of_a_room_removes_nobody(school: School, change: Change) -> None:
    members = school.members(101)
    lie(school, change, *MEMBERS)
    school.run(full_check=True)
    assert school.members(101) == members


def test_an_answer_that_is_huge_is_cut_off(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = rocketchat_connection

    def modest() -> Any:
        return replace(connection(), max_answer_bytes=1024 * 1024)

    monkeypatch.setattr(runner, "rocketchat_connection", modest)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    school.moodle.leave(101, [1000])
    lie(school, lambda _: b'{"users": "' + b"x" * (48 << 20) + b'"}', *USERS)
    run = school.run()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert run.status == Status.ERROR
    assert "larger than 1 MB" in run.message
    assert grown < 400 * 1024, "kilobytes; the stand-in in this process holds some copies itself"


def test_a_made_account_with_a_nonsense_id_is_looked_up_and_never_linked_to_nonsense(
    school: School,
) -> None:
    school.moodle.person(1099)
    school.moodle.enrol(10, [1099])
    school.moodle.join(101, [1099])
    lie(school, lambda _: {"user": {"_id": 5}, "success": True}, "/api/v1/users.create")
    school.run()
    made = school.site.account("person1099@example.invalid")
    assert AccountLink.objects.get(moodle_user_id=1099).rocketchat_user_id == made["id"]


def test_a_server_that_says_yes_and_does_nothing_is_found_out(school: School) -> None:
    honest = school.chat.application.reply

    def reply(request: Request) -> Reply:
        if request.path == "/api/v1/groups.kick":
            return Reply.of({"success": True})
        return honest(request)

    school.chat.application.reply = reply  # type: ignore[method-assign]
    school.moodle.leave(101, [1000])
    assert school.run().status == Status.DONE
    school.chat.application.reply = honest  # type: ignore[method-assign]
    assert "person1000" in school.members(101)
    run = school.run()
    assert run.status == Status.DONE
    assert "person1000" not in school.members(101)


def test_text_that_no_database_holds_is_cleaned_on_its_way_in(school: School) -> None:
    """A zero byte in a name, which PostgreSQL refuses: everything goes on without it."""
    school.moodle.group(109, 10, "Zero\x00byte", [1000])
    school.moodle.change_person(1001, lastname="Zero\x00byte")
    school.by_hand("by.hand", 101)
    lie(school, first("users", name="An\x00na\ud800"), *USERS)
    run = school.run()
    assert run.status == Status.DONE
    assert school.site.room_of(109)["name"] == "C10-Zerobyte"
    assert school.site.account("person1001@example.invalid")["name"] == "Person Zerobyte"
