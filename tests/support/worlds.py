"""Small odd worlds for hypothesis: Moodles, policies, Rocket.Chats, and what people do by hand."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.policy import AccountsFor, Deactivation, MissingAccounts, Policy
from integration.domain.state import (
    Course,
    Ending,
    MoodleState,
    NameRules,
    Person,
    RoomRole,
)
from tests.support.builders import (
    CATEGORY,
    NOW,
    STUDENT,
    TEACHER,
    TUTOR,
    EnrolmentOf,
    GroupOf,
    course,
    enrolment,
    group,
    moodle,
    person,
    policy,
)
from tests.support.fake_ledger import Line
from tests.support.fake_remote import BOT, Account, FakeRemote, Room

# Of each property: as many as tests/conftest.py chose, 80 at most; more for a long look.
EXAMPLES = int(os.environ.get("RCSYNC_EXAMPLES", min(80, settings().max_examples)))
PEOPLE = range(1, 7)
COURSES = (2, 3, 4)
GROUPS = {10: 2, 11: 2, 12: 3, 13: 3, 14: 4}
NAMES = ("Team", "team", "Team X", "Team/X", "🐘", "///", "x" * 254, "Closed", "Group 10", "Été")
PLAIN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="RCSYNC_EXAMPLES" not in os.environ,  # the usual run is the same every time
    database=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def people(draw: Callable[..., Any], user_id: int) -> Person:
    odd = draw(st.sampled_from(["", "", "", "", "suspended", "deleted", "nologin", "unconfirmed"]))
    own = f"user{user_id}@uni.invalid"
    return person(
        user_id,
        username=draw(st.sampled_from([f"user{user_id}"] * 6 + ["user1", "all", "x@y", "Twin"])),
        email=draw(st.sampled_from([own] * 6 + ["", "shared@uni.invalid", own.upper(), "old@x.y"])),
        lastname=draw(st.sampled_from(["Berg", "Berg", "O'Hara <b>", "小"])),
        suspended=odd == "suspended",
        deleted=odd == "deleted",
        confirmed=odd != "unconfirmed",
        auth="nologin" if odd == "nologin" else "manual",
    )


ROWS: Mapping[str, dict[str, int]] = {
    "active": {},
    "suspended": {"status": 1},
    "method off": {"method_status": 1},
    "ended": {"timeend": NOW - 9},
    "to come": {"timestart": NOW + 9},
    "inside": {"timestart": NOW - 9, "timeend": NOW + 9},
}


@st.composite
def enrolments(draw: Callable[..., Any]) -> list[EnrolmentOf]:
    rows: list[EnrolmentOf] = []
    for number in COURSES:
        for user_id in PEOPLE:
            states = draw(st.sampled_from([("active",)] * 6 + [()] * 3 + [None]))
            if states is None:
                states = draw(st.lists(st.sampled_from(sorted(ROWS)), max_size=2))
            methods = ("manual", "self")
            rows += [
                enrolment(number, user_id, method, **ROWS[state])
                for method, state in zip(methods, states, strict=False)
            ]
    return rows


@st.composite
def dated_courses(draw: Callable[..., Any], number: int) -> Course:
    """Most are open; some are hidden, to begin, or over."""
    dates = st.sampled_from([(0, 0)] * 4 + [(NOW + 9, 0), (NOW, NOW), (NOW - 9, NOW - 9)])
    startdate, enddate = draw(dates)
    visible = bool(draw(st.integers(0, 5)))
    return course(number, visible=visible, startdate=startdate, enddate=enddate)


@st.composite
def moodles(draw: Callable[..., Any]) -> MoodleState:
    """Rows of mdl_user never vanish; courses, groups, enrolments and roles do."""
    there = draw(st.sampled_from([COURSES, COURSES, COURSES[:2], COURSES[1:]]))
    groups: list[GroupOf] = []
    for group_id, number in GROUPS.items():
        if number in there and draw(st.integers(0, 9)):
            chosen = draw(st.integers(0, 2 ** len(PEOPLE) - 1))
            members = [user_id for user_id in PEOPLE if chosen >> (user_id - 1) & 1]
            name = draw(st.sampled_from([f"Group {group_id}"] * 6 + list(NAMES)))
            visibility = draw(st.sampled_from([0, 0, 0, 0, 1, 3]))
            groups.append(group(group_id, name, members, course_id=number, visibility=visibility))
    rows = [row for row in draw(enrolments()) if row.course_id in there]
    roles = {
        (100 + row.course_id, row.user_id): draw(
            st.sampled_from([(STUDENT,)] * 6 + [(TEACHER,), (TEACHER, STUDENT), (TUTOR,), ()])
        )
        for row in rows
    }
    roles[CATEGORY, draw(st.sampled_from(PEOPLE))] = (TEACHER,)
    return moodle(
        *groups,
        courses=[draw(dated_courses(number)) for number in there],
        people=[draw(people(user_id)) for user_id in PEOPLE],
        enrolments=rows,
        roles=roles,
        integrated=draw(st.sampled_from([COURSES, COURSES, COURSES, (2, 3)])),
    )


@st.composite
def policies(draw: Callable[..., Any]) -> Policy:
    flag = st.booleans()
    endings = st.sampled_from(list(Ending))
    return policy(
        exclude=draw(st.sampled_from([(), (), ("^Closed",)])),
        name_template=draw(st.sampled_from(["{group}", "{group}", "{course}-{group}"])),
        topic_template=draw(st.sampled_from(["", "{group} · {course_fullname}"])),
        description_template=draw(st.sampled_from(["", "", "All of {group}"])),
        announcement_template=draw(st.sampled_from(["", "", "{course} begins"])),
        private_channels=draw(flag),
        empty_channels=draw(flag),
        hidden_member_lists=draw(flag),
        follow_renames=draw(st.sampled_from([True, True, False])),
        accounts_for=draw(st.sampled_from(list(AccountsFor))),
        missing_accounts=draw(
            st.sampled_from([MissingAccounts.CREATE] * 4 + [MissingAccounts.LINK_ONLY])
        ),
        update_adopted_accounts=draw(flag),
        deactivation=draw(st.sampled_from(list(Deactivation))),
        deactivate_adopted=draw(flag),
        respect_leavers=draw(st.sampled_from([False, False, True])),
        protected_usernames=draw(st.sampled_from([frozenset(), frozenset({"user2", "hand1"})])),
        on_group_deleted=draw(endings),
        on_pattern_unmatched=draw(endings),
        on_course_hidden=draw(st.sampled_from([None, None, *Ending])),
        on_course_deleted=draw(endings),
        on_course_ended=draw(st.sampled_from([None, None, *Ending])),
        on_course_not_begun=draw(st.sampled_from([None, Ending.READ_ONLY])),
    )


own_settings = st.sampled_from(
    [
        (),
        (),
        (OwnSettings(Level(LevelKind.COURSE, 2), {"roles": {TEACHER: RoomRole.OWNER}}),),
        (
            OwnSettings(Level(LevelKind.COURSE, 2), {"name_template": "own {group}"}),
            OwnSettings(
                Level(LevelKind.COURSE, 3),
                {"private_channels": False, "on_course_hidden": Ending.READ_ONLY},
            ),
        ),
    ]
)


def with_own(site: Policy, own: tuple[OwnSettings, ...]) -> Policy:
    return replace(site, own=own)


@st.composite
def chats(draw: Callable[..., Any]) -> FakeRemote:
    """A Rocket.Chat with a life of its own: accounts, rooms, members not created by rcsync."""
    chat = FakeRemote(NameRules(free_channel_names=draw(st.sampled_from([False, False, True]))))
    chat.roles_are_free = draw(st.booleans())
    accounts = []
    for number in range(draw(st.integers(0, 3))):
        user_id = draw(st.sampled_from(PEOPLE))
        username = draw(st.sampled_from([f"hand{number}", f"user{user_id}"]))
        email = draw(st.sampled_from([f"hand{number}@x.y", f"user{user_id}@uni.invalid"]))
        taken = {(one.username, one.email) for one in chat.accounts.values()}
        if all(username != name and email != address for name, address in taken):
            account = chat.account_by_hand(username, email)
            account.active = draw(st.sampled_from([True, True, True, False]))
            accounts.append(account.account_id)
    for name in draw(st.lists(st.sampled_from(["Team", "Group-10", "C2-Group-11"]), unique=True)):
        creator = draw(st.sampled_from([BOT, *accounts, "somebody"]))
        chat.room_by_hand(name, *accounts, creator=creator)
    return chat


HAND_CHANGES = (
    *("join", "leave", "moderate") * 2,
    *("rename", "archive", "open", "sleep", "wake", "username"),
    *("delete account", "delete room"),
)


@dataclass(frozen=True)
class HandChange:
    """Something done by hand in Rocket.Chat, to the pick-th room and the whom-th account.

    Mostly a room that rcsync manages and, to leave or moderate it, somebody in it.
    """

    what: str
    pick: int
    whom: int

    def __call__(self, line: Line) -> None:
        chat = line.chat
        rooms = [one for _, one in sorted(chat.rooms.items()) if BOT in one.members]
        ours = {link.room_id for link in line.ledger.channels.values()}
        managed = [one for one in rooms if one.room_id in ours]
        rooms = managed if managed and self.pick < 8 else rooms
        room = rooms[self.pick % len(rooms)] if rooms else None
        others = [one for number, one in sorted(chat.accounts.items()) if number != BOT]
        if room is not None and self.what in ("leave", "moderate"):
            others = [one for one in others if one.account_id in room.members] or others
        account = others[self.whom % len(others)] if others else None
        if room is not None and account is not None:
            self._about_members(chat, room, account.account_id)
        if account is not None:
            self._about_account(chat, account)
        if room is not None:
            self._about_room(chat, room)

    def _about_members(self, chat: FakeRemote, room: Room, account_id: str) -> None:
        if self.what == "join" and account_id not in room.members:
            chat.join_by_hand(room.room_id, account_id)
        elif self.what == "leave":
            chat.leave_by_hand(room.room_id, account_id)
        elif self.what == "moderate" and account_id in room.members:
            chat.join_by_hand(room.room_id, account_id, RoomRole.MODERATOR)

    def _about_account(self, chat: FakeRemote, account: Account) -> None:
        if self.what in ("sleep", "wake"):
            account.active = self.what == "wake"
        elif self.what == "username":
            account.username = f"renamed{account.account_id}"
        elif self.what == "delete account":
            chat.delete_account_by_hand(account.account_id)

    def _about_room(self, chat: FakeRemote, room: Room) -> None:
        if self.what == "rename":
            room.name = f"renamed-{room.room_id}"
        elif self.what in ("archive", "open"):
            room.archived = self.what == "archive"
        elif self.what == "delete room":
            chat.delete_room_by_hand(room.room_id)


change = st.builds(HandChange, st.sampled_from(HAND_CHANGES), st.integers(0, 9), st.integers(0, 9))
lists_of_hand_changes = st.lists(change, max_size=4)
