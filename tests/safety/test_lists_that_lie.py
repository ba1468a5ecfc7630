"""Lists that are empty, short, doubled, rotated or full of holes, while things change in Moodle.

Nobody loses anything, nothing is made twice, and who had to go is gone after the lie ends.
"""

import json
from typing import Any

import pytest

from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault
from integration.models import AccountLink, ChannelLink, ManagedMembership, SyncRun
from tests.support.school import School

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]
Status = SyncRun.Status
USERS, ROOMS, MEMBERS = "users.listByStatus", "rooms.adminRooms", "rooms.membersOrderedByRole"
LIES = ("empty_list", "short_list", "rows_missing", "doubled_list", "rotated_list")
FOREVER = 10_000


def change_moodle(school: School) -> None:
    """Two groups get other names, two people leave, one goes to another group, one is new."""
    moodle = school.moodle
    moodle.change_group(101, name="Renamed 101")
    moodle.change_group(112, name="Renamed 112")
    moodle.leave(101, [1000])
    moodle.leave(111, [1100, 1101])
    moodle.join(112, [1101])
    moodle.person(1090)
    moodle.enrol(10, [1090])
    moodle.join(102, [1090])


def expected() -> dict[int, set[str]]:
    numbers = {
        101: range(1001, 1005),
        102: [*range(1005, 1010), 1090],
        111: range(1102, 1105),
        112: [1101, *range(1105, 1110)],
    }
    return {group: {f"person{number}" for number in people} for group, people in numbers.items()}


def tell_lies(school: School, kind: str, *endpoints: str) -> None:
    for endpoint in endpoints:
        school.chat.application.faults.order(Fault(kind, endpoint=endpoint, times=FOREVER))


def snapshot(school: School) -> Any:
    return [
        (room["id"], room["name"], sorted(room["members"])) for room in school.site.rooms()
    ], sorted(school.users().items())


@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("about", [(USERS,), (ROOMS,), (MEMBERS,), (USERS, ROOMS, MEMBERS)])
def test_while_lists_lie_nobody_loses_anything_and_afterwards_all_is_right(
    school: School, about: tuple[str, ...], kind: str
) -> None:
    school.set(limit_percent=100)
    by_hand = school.by_hand("by.hand", 101, 111)
    school.run()
    rooms, accounts = len(school.site.rooms()), school.users()
    change_moodle(school)
    tell_lies(school, kind, *about)
    for full_check in (False, True, False):
        school.run(full_check=full_check)
        assert len(school.site.rooms()) == rooms, "no room is made twice"
        assert len(school.users()) <= len(accounts) + 1, "no account is made twice"
        assert all(school.users()[name] for name in accounts), "nobody is locked out"
        for group_id, people in expected().items():
            left = people - {"person1090", "person1101"} - school.members(group_id)
            assert not left, f"{left} lost the channel of group {group_id}"
    school.chat.clear_faults()
    school.run()
    school.run(full_check=True)
    run = school.run()
    assert (run.status, run.planned) == (Status.DONE, {})
    for group_id, people in expected().items():
        there = people | ({by_hand} if group_id in (101, 111) else set())
        assert school.members(group_id) == there
    assert school.site.room_of(101)["name"] == "C10-Renamed-101"
    linked = len(accounts) - len({"rcsync-bot", "rocket.cat", by_hand})
    assert AccountLink.objects.filter(created=True).count() == linked + 1
    assert ChannelLink.objects.count() == rooms
    hand = ManagedMembership.objects.filter(ours=False).values_list("account__username", flat=True)
    assert set(hand) == set(), "who is not linked has no row"


def test_a_room_that_its_list_leaves_out_is_found_by_its_id_and_renamed(school: School) -> None:
    left_out = school.site.room_of(101)["id"]
    honest = school.chat.application.reply

    def reply(request: Request) -> Reply:
        answer = honest(request)
        if not request.path.endswith(ROOMS):
            return answer
        told = json.loads(answer.body)
        rows = [row for row in told["rooms"] if row["_id"] != left_out]
        return Reply.of({**told, "rooms": rows, "total": len(rows), "count": len(rows)})

    school.chat.application.reply = reply  # type: ignore[method-assign]
    change_moodle(school)
    run = school.run()
    assert run.status == Status.DONE
    assert school.site.room_of(101)["id"] == left_out
    assert school.site.room_of(101)["name"] == "C10-Renamed-101"
    assert "person1000" not in school.members(101)


def test_who_had_to_go_while_a_list_left_them_out_is_gone_when_it_ends(school: School) -> None:
    """The list of members leaves the leaver out, again and again, and counts them all the same."""
    school.moodle.leave(101, [1000])
    honest = school.chat.application.reply

    def reply(request: Request) -> Reply:
        answer = honest(request)
        if not request.path.endswith(MEMBERS):
            return answer
        told = json.loads(answer.body)
        rows = [row for row in told["members"] if row["username"] != "person1000"]
        return Reply.of({**told, "members": rows, "total": len(rows), "count": len(rows)})

    school.chat.application.reply = reply  # type: ignore[method-assign]
    for _ in range(3):
        school.run(full_check=True)
        assert "person1000" in school.members(101)
    row = ManagedMembership.objects.get(channel__moodle_group_id=101, account__moodle_user_id=1000)
    assert (row.ours, row.missing) == (True, True)
    school.chat.application.reply = honest  # type: ignore[method-assign]
    school.run(full_check=True)
    assert "person1000" not in school.members(101)


def test_who_left_by_themselves_is_forgotten_after_a_second_look(school: School) -> None:
    school.leave("person1000", 101)
    school.moodle.leave(101, [1000])
    rows = ManagedMembership.objects.filter(
        channel__moodle_group_id=101, account__moodle_user_id=1000
    )
    school.run()
    assert rows.get().missing
    school.run()
    assert not rows.exists()
    run = school.run()
    assert (run.status, run.planned, run.requests["total"]) == (Status.DONE, {}, 4)
