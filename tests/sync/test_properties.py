"""What holds for every Moodle, every Rocket.Chat, every policy and every accident (hypothesis).

A world is drawn small but odd: shared and missing addresses, twins, names that collide, every state
of an enrolment, accounts and rooms that were there before, people who change things by hand.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain.course_policies import resolve
from integration.domain.errors import RocketChatError, SourceError, TransientError
from integration.domain.operations import (
    Archive,
    Deactivate,
    RemoveMember,
    SetReadOnly,
    UnsetRoomRole,
)
from integration.domain.outcomes import RunStatus
from integration.domain.policy import Deactivation, Limits, MissingAccounts, Policy
from integration.domain.room_texts import TEXTS
from integration.domain.state import (
    EVERYTHING,
    ROLE_STRENGTH,
    Ending,
    MoodleState,
    RoomRole,
    Scope,
)
from integration.services.sync.desired import desire
from integration.services.sync.guard import Blocks
from integration.services.sync.held_renames import renames_of
from integration.services.sync.protection import PROTECTED_ROLES, is_protected
from integration.services.sync.report import RunReport
from tests.support.builders import (
    Case,
    disturbed,
)
from tests.support.fake_ledger import FakeSource, Line
from tests.support.fake_remote import BOT, FakeRemote, nothing
from tests.support.worlds import (
    COURSES,
    NAMES,
    PEOPLE,
    PLAIN,
    HandChange,
    chats,
    lists_of_hand_changes,
    moodles,
    own_settings,
    policies,
    with_own,
)

examples: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _count(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    from tests.conftest import NOTES

    lines = request.config.stash.setdefault(NOTES, [])
    told = ", ".join(f"{name} {number}" for name, number in examples.items())
    lines.append(f"properties of the line: {sum(examples.values())} examples ({told})")


def count(name: str) -> None:
    examples[name] = examples.get(name, 0) + 1


# ── What has to be true ───────────────────────────────────────────────────────────────────────────


def effective(state: MoodleState, group_id: int, roles: Mapping[int, RoomRole]) -> dict[int, Any]:
    """moodle_db.md section 2, written a second time: user id -> the strongest included role."""
    one = state.groups[group_id]
    found: dict[int, RoomRole] = {}
    for user_id in state.group_members[group_id]:
        who = state.people[user_id]
        usable = who.confirmed and not (who.deleted or who.suspended or who.guest)
        active = any(
            row.status == row.method_status == 0
            and row.timestart < state.read_at
            and (not row.timeend or row.timeend > state.read_at)
            for row in state.enrolments.get(one.course_id, {}).get(user_id, ())
        )
        held = [
            roles[role_id]
            for context in state.courses[one.course_id].context_ids
            for role_id in state.roles.get(context, {}).get(user_id, ())
            if role_id in roles
        ]
        if usable and who.auth != "nologin" and active and held:
            found[user_id] = max(held, key=lambda role: ROLE_STRENGTH[role])
    return found


class Truth:
    """What the last run of a line has to have brought about, conflicts and skips apart."""

    def __init__(self, line: Line, report: RunReport) -> None:
        self.line, self.report = line, report
        source = FakeSource(line.moodle).read(
            EVERYTHING, integrated=line.moodle.integrated, linked_users=line.ledger.accounts
        )
        managed = line.ledger.managed(EVERYTHING)
        self.desired = desire(source, line.policy, line.chat.rules, managed, EVERYTHING)
        self.left_alone = {one.subject for one in report.plan.skips}
        self.reasons = {one.reason for one in report.plan.skips}
        self.people = {one.user_id for one in report.plan.conflicts}
        self.people |= {one.operation.about.user_id for one in report.failed}
        self.groups = {one.group_id for one in report.plan.conflicts}

    def check(self) -> None:
        self.check_accounts()
        for group_id, wanted in self.desired.channels.items():
            if group_id not in self.groups:
                self.check_channel(group_id, wanted.name)
        self.check_endings()

    def check_accounts(self) -> None:
        line = self.line
        for user_id, wanted in self.desired.accounts.items():
            link = line.ledger.accounts.get(user_id)
            account = line.chat.accounts.get(link.account_id) if link else None
            if user_id in self.people or account is None or link is None:
                missing_is_right = (
                    not wanted.wanted
                    or user_id in self.people
                    or line.policy.missing_accounts is MissingAccounts.LINK_ONLY
                )
                assert missing_is_right, f"person {user_id} has no account"
                continue
            protected = account.username.lower() in line.policy.protected_usernames or (
                set(account.roles) & PROTECTED_ROLES
            )
            follows = not protected and (link.created or line.policy.update_adopted_accounts)
            if wanted.usable and wanted.active and follows:
                assert account.name == wanted.name
                if wanted.email and not link.address_only:
                    assert account.email.lower() == wanted.email.lower()
            if wanted.active and wanted.wanted:
                assert account.active
            elif not wanted.active and (link.created or line.policy.deactivate_adopted):
                assert not account.active or account.username in self.left_alone

    def check_channel(self, group_id: int, name: str) -> None:
        line, policy = self.line, self.line.policy
        room = line.room(group_id)
        if room.archived:
            assert "the channel was archived in Rocket.Chat by somebody else" in self.reasons
            return
        assert room.name == name or not policy.follow_renames
        for text, wanted in self.desired.channels[group_id].texts._asdict().items():
            assert wanted in ("", getattr(room, text)), "nobody changes texts by hand here"
        course_id = line.moodle.groups[group_id].course_id
        own = resolve(policy, (), course_id).policy
        begins = line.moodle.courses[course_id].startdate
        if own.on_course_not_begun is Ending.READ_ONLY and begins > line.moodle.read_at:
            assert room.read_only
        elif room.read_only:
            assert line.ledger.channels[group_id].ended is not Ending.READ_ONLY
        expected = effective(line.moodle, group_id, own.roles)
        can = {
            user
            for user, link in line.ledger.accounts.items()
            if user in expected
            and user not in self.people
            and link.account_id in line.chat.accounts
        }
        there = line.members(group_id)
        if not policy.respect_leavers:
            assert can <= there, f"missing in group {group_id}: {can - there}"
        for user_id in there - expected.keys():
            account = line.account(user_id)
            protected = is_protected(
                line.chat.read(known_counts={}, wanted_names=()).accounts[account], BOT, policy
            )
            by_hand = account not in room.invited
            assert by_hand or protected, f"person {user_id} is still in group {group_id}"
        for user_id in can & there:
            has = ROLE_STRENGTH[room.strongest(line.account(user_id))]
            assert has >= ROLE_STRENGTH[expected[user_id]]

    def check_endings(self) -> None:
        for group_id, end in self.desired.endings.items():
            room = self.line.chat.rooms.get(self.line.ledger.channels[group_id].room_id)
            if room is None or BOT not in room.members:
                continue
            if end.ending is Ending.ARCHIVE:
                assert room.archived
            elif end.ending is Ending.READ_ONLY:
                assert room.read_only or room.archived


def check_success(report: RunReport) -> None:
    """All done, but for what the server forbids: rooms of their own keep their last owner."""
    assert report.status in (RunStatus.DONE, RunStatus.FAILED)
    assert {one.code for one in report.failed} <= {"user-last-owner"}, report.failed


def check_nothing_left(line: Line, report: RunReport) -> None:
    """A plan right after is empty, but for what a conflict kept the first from doing."""
    waited = {one.user_id for one in report.plan.conflicts} - {None}
    waited |= {one.operation.about.user_id for one in report.failed}
    waiting = {one.group_id for one in report.plan.conflicts} - {None}
    for full_check in (False, True):
        rest = [
            one
            for one in line.plan(full_check=full_check).operations
            if one.about.user_id not in waited
            and one.about.group_id not in waiting
            and not {joiner.user_id for joiner in one.people} & waited
        ]
        assert rest == [], f"{full_check=}"


def check_history(line: Line) -> None:
    """Whatever was taken away has a reason in words and a row in the ledger."""
    taken = (RemoveMember, Deactivate, Archive, SetReadOnly, UnsetRoomRole)
    rows = [row.operation for row in line.ledger.rows if isinstance(row.operation, taken)]
    assert all(operation.reason for operation in rows)
    calls = [call for call, _ in line.chat.calls]
    for call, kind in (("remove_member", RemoveMember), ("archive", Archive)):
        assert calls.count(call) <= sum(isinstance(row, kind) for row in rows)


class Strangers:
    """What was there before rcsync or was made by hand, and has to be as it was."""

    def __init__(self, line: Line) -> None:
        chat = line.chat
        linked = {link.account_id for link in line.ledger.accounts.values()}
        rooms = {link.room_id for link in line.ledger.channels.values()}
        self.accounts = {
            one.account_id: replace(one)
            for one in chat.accounts.values()
            if one.account_id not in linked
        }
        self.adopted = {
            link.account_id
            for link in line.ledger.accounts.values()
            if not link.created and not line.policy.deactivate_adopted
        }
        self.active = {
            who for who in self.adopted if who in chat.accounts and chat.accounts[who].active
        }
        self.rooms = {
            one.room_id: (one.name, set(one.members), one.archived, one.read_only)
            for one in chat.rooms.values()
            if one.room_id not in rooms
        }
        self.by_hand = {one.room_id: one.members - one.once_invited for one in chat.rooms.values()}

    def check(self, line: Line) -> None:
        linked = {link.account_id for link in line.ledger.accounts.values()}
        rooms = {link.room_id for link in line.ledger.channels.values()}
        for account_id, before in self.accounts.items():
            after = line.chat.accounts[account_id]
            assert after == before or account_id in linked
            assert after.active == before.active or line.policy.deactivate_adopted
        for account_id in self.active:
            assert line.chat.accounts[account_id].active
        for room_id, before_room in self.rooms.items():
            room = line.chat.rooms[room_id]
            now = (room.name, set(room.members), room.archived, room.read_only)
            assert now == before_room or room_id in rooms
        for room_id, members in self.by_hand.items():
            room = line.chat.rooms[room_id]
            assert members <= room.members, "somebody added by hand is gone"


# ── The properties ────────────────────────────────────────────────────────────────────────────────


@PLAIN
@given(moodles(), st.builds(with_own, policies(), own_settings), chats(), st.booleans())
def test_applying_a_plan_reaches_the_desired_state_and_a_second_plan_is_empty(
    state: MoodleState, rules: Policy, chat: FakeRemote, full_check: bool
) -> None:
    count("first run")
    line = Line(state, rules, chat)
    before = Strangers(line)
    report = line.sync(full_check=full_check)
    check_success(report)
    Truth(line, report).check()
    before.check(line)
    check_nothing_left(line, report)
    check_history(line)


def who_is_where(line: Line) -> Any:
    return {
        one.room_id: (set(one.members), {who: held for who, held in one.roles.items() if held})
        for one in copy.deepcopy(line.chat).rooms.values()
    }


@PLAIN
@given(
    moodles(),
    policies(),
    chats(),
    st.lists(
        st.tuples(lists_of_hand_changes, st.none() | moodles(), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    policies(),
)
def test_it_follows_every_change_in_moodle_in_the_settings_and_by_hand(
    state: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    rounds: list[tuple[list[HandChange], MoodleState | None, bool]],
    changed_rules: Policy,
) -> None:
    count("changes")
    line = Line(state, rules, chat)
    line.sync()
    for by_hand, changed, full_check in rounds:
        known = who_is_where(line)
        for change in by_hand:
            change(line)
        full_check = full_check or who_is_where(line) != known  # noqa: PLW2901  # the count may hide it
        if changed is not None:
            line.moodle, line.policy = changed, changed_rules
        before = Strangers(line)
        report = line.sync(full_check=full_check)
        check_success(report)
        Truth(line, report).check()
        before.check(line)
        check_nothing_left(line, report)
    check_history(line)


@PLAIN
@given(moodles(), moodles(), policies(), chats(), lists_of_hand_changes, st.integers(0, 2**32))
def test_the_order_of_the_input_does_not_matter(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    by_hand: list[HandChange],
    seed: int,
) -> None:
    count("order")
    line = Line(state, rules, chat)
    line.sync()
    for change in by_hand:
        change(line)
    managed = line.ledger.managed(EVERYTHING)
    there = chat.read(
        known_counts={one.room_id: one.users_count for one in managed.channels.values()},
        wanted_names=NAMES,
    )
    source = FakeSource(changed).read(
        EVERYTHING, integrated=changed.integrated, linked_users=managed.accounts
    )
    case = Case(source, there, managed, rules, chat.rules)
    assert disturbed(case, seed).plan() == case.plan()
    assert disturbed(case, seed).plan().digest == case.plan().digest


@PLAIN
@given(moodles(), moodles(), policies(), chats(), st.booleans(), st.integers(1, 12))
def test_a_failed_reading_removes_nothing_and_writes_nothing(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    moodle_fails: bool,
    users: int,
) -> None:
    count("failed reading")
    line = Line(state, rules, chat)
    line.sync()
    line.moodle = changed
    if moodle_fails:
        line.source_fails = SourceError("the connection was lost")
    else:
        chat.reading_fails = TransientError("no answer")
    before = (picture(line), list(chat.calls), len(line.ledger.rows))
    with pytest.raises((SourceError, TransientError)):
        line.sync(SCOPES[users % len(SCOPES)])
    assert (picture(line), list(chat.calls), len(line.ledger.rows)) == before


SCOPES = (
    *(Scope(courses=frozenset({number})) for number in COURSES),
    *(Scope(users=frozenset({number})) for number in PEOPLE),
    Scope(courses=frozenset({2, 3})),
    Scope(courses=frozenset({2}), users=frozenset({1, 2})),
)


@PLAIN
@given(moodles(), moodles(), policies(), chats(), lists_of_hand_changes, st.sampled_from(SCOPES))
def test_a_scoped_run_changes_nothing_outside_its_scope(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    by_hand: list[HandChange],
    scope: Scope,
) -> None:
    count("scope")
    line = Line(state, rules, chat)
    line.sync()
    for change in by_hand:
        change(line)
    line.moodle = changed
    before = Strangers(line)
    rooms = {one.room_id: replace(one, members=set(one.members)) for one in chat.rooms.values()}
    report = line.sync(scope)
    before.check(line)
    user_of_account = {link.account_id: user for user, link in line.ledger.accounts.items()}
    course_of_room = {link.room_id: link.course_id for link in line.ledger.channels.values()}
    for room_id, was in rooms.items():
        now = chat.rooms[room_id]
        if not scope.has_course(course_of_room.get(room_id, 0)) or scope.users is not None:
            same = ("name", *TEXTS, "archived", "read_only")
            assert all(getattr(now, key) == getattr(was, key) for key in same)
        if not scope.has_course(course_of_room.get(room_id, 0)):
            assert now.members == was.members
        moved = {user_of_account.get(who) for who in now.members ^ was.members}
        assert all(user is not None and scope.has_user(user) for user in moved)
    for one in report.plan.operations:
        user_id = one.about.user_id
        assert user_id is None or scope.has_user(user_id)
        if isinstance(one, Deactivate) and rules.deactivation is Deactivation.ENROLMENT:
            assert not is_active_somewhere(changed, one.user_id)


def is_active_somewhere(state: MoodleState, user_id: int) -> bool:
    who = state.people[user_id]
    usable = who.confirmed and not (who.deleted or who.suspended) and who.auth != "nologin"
    return usable and any(
        row.status == row.method_status == 0
        and row.timestart < state.read_at
        and (not row.timeend or row.timeend > state.read_at)
        for number in state.integrated
        for row in state.enrolments.get(number, {}).get(user_id, ())
    )


@PLAIN
@given(moodles(), moodles(), policies(), chats(), st.integers(1, 60), st.integers(1, 4))
def test_a_plan_over_a_limit_writes_nothing_without_force(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    percent: int,
    from_count: int,
) -> None:
    count("guard")
    line = Line(state, replace(rules, limits=Limits(percent, from_count)), chat)
    line.sync()
    line.moodle = changed
    before = (picture(line), list(chat.calls))
    seen = line.sync(dry_run=True, force=False)
    removals = sum(isinstance(one, RemoveMember) for one in seen.plan.operations)
    members = sum(row.ours for rows in line.ledger.members.values() for row in rows.values())
    if removals >= from_count and removals * 100 > members * percent:
        assert seen.breaches
    report = line.sync(force=False)
    assert bool(report.breaches) == bool(seen.breaches)
    if report.breaches:
        assert report.status not in (RunStatus.DONE, RunStatus.FAILED)
        if all(one.blocks is Blocks.RENAMES for one in report.breaches):
            assert set(renames_of(report.plan)) <= set(report.held)
        else:
            assert (picture(line), list(chat.calls)) == before
        forced = line.sync(force=True)
        assert forced.status in (RunStatus.DONE, RunStatus.FAILED)
        Truth(line, forced).check()


# ── Accidents ─────────────────────────────────────────────────────────────────────────────────────


class Died(BaseException):
    """The process is gone: what it did after its last note was never stored."""


WAYS = ("refused", "no answer before", "no answer after", "died before", "died after")


@dataclass(frozen=True)
class Accident:
    """The number-th call of a run goes wrong in this way."""

    number: int
    way: str

    def befall(self, chat: FakeRemote) -> None:
        left = self.number

        def before(_call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0 and self.way == "refused":
                raise RocketChatError("no")
            if left == 0 and self.way == "no answer before":
                raise TransientError("no answer")
            if (left == 0 and self.way == "died before") or (left < 0 and "died" in self.way):
                raise Died

        def after(_call: str) -> None:
            if left == 0 and self.way == "no answer after":
                raise TransientError("no answer")
            if left == 0 and self.way == "died after":
                raise Died

        chat.before, chat.after = before, after


accidents = st.builds(Accident, st.integers(1, 25), st.sampled_from(WAYS))


def attempt(line: Line, accident: Accident, scope: Scope = EVERYTHING) -> None:
    accident.befall(line.chat)
    try:
        line.sync(scope)
    except Died:
        pass
    finally:
        line.chat.before = line.chat.after = nothing


def bare(name: str, group_id: int | None) -> str:
    """Who comes first gets the name without the id, and keeps it: that is history, not truth."""
    return re.sub(rf"-{group_id}(-\d+)?$", "", name)


def picture(line: Line) -> Any:
    """Rocket.Chat and our ledger without ids that differ from run to run."""
    chat, ledger = line.chat, line.ledger
    who = {one.account_id: one.username for one in chat.accounts.values()}
    return {
        "accounts": sorted(
            (one.username, one.name, one.email, one.active) for one in chat.accounts.values()
        ),
        "rooms": sorted(
            (
                bare(one.name, one.moodle_group),
                str(one.moodle_group),
                [getattr(one, text) for text in TEXTS],
                one.archived,
                one.read_only,
                sorted(who.get(member, member) for member in one.members),
                sorted(
                    (who.get(member, member), sorted(held))
                    for member, held in one.roles.items()
                    if held
                ),
            )
            for one in chat.rooms.values()
        ),
        "links": sorted(
            (link.user_id, who.get(link.account_id), link.created, link.deactivated)
            for link in ledger.accounts.values()
        ),
        "channels": sorted(
            (link.group_id, bare(link.name, link.group_id), str(link.ended))
            for link in ledger.channels.values()
        ),
        "members": sorted(
            (group_id, user_id, row.role, row.ours)
            for group_id, rows in ledger.members.items()
            for user_id, row in rows.items()
        ),
    }


def come_to_rest(line: Line) -> RunReport:
    """One run does it, but where something had to wait for what the same run changed.

    What the server's own rules refuse is tried in every run.
    """
    for _ in range(4):
        report = line.sync()
        check_success(report)
        if len(report.failed) == len(report.plan.operations):
            return report
    raise AssertionError("it never comes to rest")


def check_same(line: Line, other: Line) -> None:
    now, wanted = picture(line), picture(other)
    for what, found in now.items():
        assert found == wanted[what], what


@PLAIN
@given(moodles(), moodles(), policies(), chats(), st.lists(accidents, min_size=1, max_size=2))
def test_after_any_accident_the_next_clean_run_ends_where_a_run_without_one_ends(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    befallen: list[Accident],
) -> None:
    count("accidents")
    lucky = Line(state, rules, copy.deepcopy(chat))
    lucky.sync()
    lucky.moodle = changed
    come_to_rest(lucky)
    line = Line(state, rules, chat)
    line.sync()
    line.moodle = changed
    for accident in befallen:
        attempt(line, accident)
    report = come_to_rest(line)
    Truth(line, report).check()
    check_same(line, lucky)


@PLAIN
@given(moodles(), policies(), chats(), st.lists(accidents, min_size=1, max_size=3))
def test_nothing_is_made_twice_whatever_goes_wrong_in_the_first_run(
    state: MoodleState, rules: Policy, chat: FakeRemote, befallen: list[Accident]
) -> None:
    count("first run with accidents")
    lucky = Line(state, rules, copy.deepcopy(chat))
    come_to_rest(lucky)
    line = Line(state, rules, chat)
    before = Strangers(line)
    for accident in befallen:
        attempt(line, accident)
    report = come_to_rest(line)
    Truth(line, report).check()
    before.check(line)
    check_same(line, lucky)


@PLAIN
@given(moodles(), moodles(), policies(), chats(), accidents, lists_of_hand_changes)
def test_what_moodle_changes_between_an_accident_and_the_next_run_is_followed_too(
    state: MoodleState,
    changed: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    accident: Accident,
    by_hand: list[HandChange],
) -> None:
    count("accidents and changes")
    line = Line(state, rules, chat)
    attempt(line, accident)
    known = who_is_where(line)
    for change in by_hand:
        change(line)
    line.moodle = changed
    before = Strangers(line)
    report = line.sync(full_check=who_is_where(line) != known)
    check_success(report)
    Truth(line, report).check()
    before.check(line)
