"""A narrow run that reads one thing after the other plans what it would plan from the lists."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain.needs import NameNeed, Needs, PersonNeed
from integration.domain.operations import CreateAccount, RemoveMember, RenameChannel
from integration.domain.policy import Limits, Policy
from integration.domain.state import Managed, MoodleState, Scope
from integration.services.sync import needs, reconcile
from integration.services.sync.plan import Plan
from tests.support.builders import (
    account,
    channel_link,
    enrolment,
    group,
    link,
    managed,
    moodle,
    operations,
    person,
    policy,
    room,
)
from tests.support.fake_ledger import Line
from tests.support.fake_remote import FakeRemote
from tests.support.worlds import (
    COURSES,
    GROUPS,
    PEOPLE,
    PLAIN,
    HandChange,
    chats,
    lists_of_hand_changes,
    moodles,
    policies,
)


@st.composite
def scopes(draw: Callable[..., Any]) -> Scope:
    """People, people in courses, channels of courses, whole courses."""
    courses = draw(st.sampled_from([None, (2,), (3,), (2, 3), COURSES]))
    people = draw(st.sampled_from([None, (), (1,), (2,), (1, 4), tuple(PEOPLE)]))
    groups = draw(st.sampled_from([(), (), (10,), (11, 13), tuple(GROUPS)]))
    if courses is None and people is None:
        courses = (2,)
    return Scope(
        None if courses is None else frozenset(courses),
        None if people is None else frozenset(people),
        frozenset(groups) if people is not None else frozenset(),
    )


@st.composite
def strangers(draw: Callable[..., Any]) -> list[tuple[str, str]]:
    """Accounts (username, address) and rooms (name, "") that are in the way of what is planned."""
    usernames = st.sampled_from([f"USER{number}" for number in PEOPLE] + ["Group-10", "Team"])
    addresses = st.sampled_from([f"user{number}@uni.invalid" for number in PEOPLE])
    free = st.sampled_from([f"free{number}" for number in range(3)])
    accounts = st.one_of(
        st.tuples(usernames, free.map("{}@x.y".format)), st.tuples(free, addresses)
    )
    names = [*(f"group-{number}" for number in GROUPS), "team", "C2-Group-11", "Été"]
    rooms = st.tuples(st.sampled_from(names), st.just(""))
    return draw(st.lists(st.one_of(accounts, accounts, rooms), max_size=6))


def arrive(line: Line, some: list[tuple[str, str]]) -> None:
    """As far as the server lets them."""
    for name, email in some:
        taken = {
            part.lower()
            for one in line.chat.accounts.values()
            for part in (one.username, one.email)
        }
        if not email:
            line.chat.room_by_hand(name)
        elif not taken & {name.lower(), email}:
            line.chat.account_by_hand(name, email)


def planned(line: Line, scope: Scope, *, one_by_one: bool, whole: bool = False) -> Plan:
    """`whole`: with all of the ledger and every integrated course, whatever the run is about."""
    with pytest.MonkeyPatch.context() as patch:
        if whole:
            patch.setattr(Scope, "is_narrow", False)
        patch.setattr(
            reconcile, "reads_one_by_one", lambda one, _: one_by_one and one.is_searchable
        )
        return line.plan(scope)


def assert_same(single: Plan, lists: Plan, people: Collection[int]) -> None:
    """All of the plan but what lists show of accounts that the run is not about."""
    noted = [one for one in lists.refreshed.accounts if one.user_id in people]
    assert [one for one in single.refreshed.accounts if one.user_id in people] == noted
    assert set(single.refreshed.accounts) <= set(lists.refreshed.accounts)
    same = replace(lists.refreshed, accounts=single.refreshed.accounts)
    assert single == replace(lists, refreshed=same)


@PLAIN
@given(
    *(moodles(), moodles(), policies(), chats()),
    *(lists_of_hand_changes, strangers(), st.sampled_from([None, (2,), (3, 4)]), scopes()),
)
def test_the_plan_from_single_reads_and_a_part_of_the_ledger_is_the_plan_from_all_of_both(
    before: MoodleState,
    after: MoodleState,
    rules: Policy,
    chat: FakeRemote,
    by_hand: list[HandChange],
    others: list[tuple[str, str]],
    first: tuple[int, ...] | None,
    scope: Scope,
) -> None:
    line = Line(before, rules, chat)
    line.sync(Scope(None if first is None else frozenset(first)))
    arrive(line, others)
    for change in by_hand:
        change(line)
    line.moodle = after
    single = planned(line, scope, one_by_one=True)
    lists = planned(line, scope, one_by_one=False)
    assert lists == planned(line, scope, one_by_one=False, whole=True)
    people = line.ledger.accounts.keys() if scope.users is None else scope.users
    assert_same(single, lists, people if scope.users is not None else ())


ONE = Scope(courses=frozenset({2}), users=frozenset({1}))


@pytest.fixture
def site() -> Line:
    line = Line(moodle(group(10, "A", [1, 2]), group(11, "B", [2])), policy())
    line.sync()
    return line


def moved() -> MoodleState:
    """Person 1 goes from A to B."""
    return moodle(group(10, "A", [2]), group(11, "B", [1, 2]))


def plan_of(line: Line, scope: Scope = ONE) -> Plan:
    """The same from single reads and from lists, or the test fails."""
    single = planned(line, scope, one_by_one=True)
    assert_same(single, planned(line, scope, one_by_one=False, whole=True), scope.users or ())
    return single


def test_a_room_that_was_replaced_by_hand_is_not_written_to(site: Line) -> None:
    old = site.room(10)
    site.chat.delete_room_by_hand(old.room_id)
    site.chat.room_by_hand("A", site.account(1))
    site.moodle = moved()
    assert [one.group_id for one in operations(plan_of(site), RemoveMember)] == []


def test_an_account_that_was_made_anew_by_hand_is_found_by_its_address(site: Line) -> None:
    site.chat.delete_account_by_hand(site.account(1))
    site.chat.account_by_hand("somebody", "user1@uni.invalid")
    plan = plan_of(site)
    assert plan.missing_accounts == (1,)
    assert not operations(plan, CreateAccount)


def test_an_account_that_became_an_administrators_is_not_touched(site: Line) -> None:
    site.chat.accounts[site.account(1)].roles = ("admin", "user")
    site.moodle = moved()
    assert not operations(plan_of(site), RemoveMember)


def test_a_room_that_was_renamed_by_hand_gets_its_name_back(site: Line) -> None:
    site.room(10).name = "somewhere"
    scope = Scope(frozenset({2}), frozenset(), frozenset({10}))
    assert [one.name for one in operations(plan_of(site, scope), RenameChannel)] == ["A"]


def test_a_name_that_another_room_has_is_not_given(site: Line) -> None:
    site.chat.room_by_hand("new")
    site.moodle = moodle(group(10, "new", [1, 2]), group(11, "B", [2]))
    scope = Scope(frozenset({2}), frozenset(), frozenset({10}))
    plan = plan_of(site, scope)
    assert not plan.operations
    assert [one.kind for one in plan.conflicts] == ["channel_name_taken"]


def test_a_new_person_whose_username_is_taken_is_a_conflict(site: Line) -> None:
    site.chat.account_by_hand("USER3", "else@where.invalid")
    site.moodle = moodle(group(10, "A", [1, 2, 3]), group(11, "B", [2]))
    plan = plan_of(site, Scope(frozenset({2}), frozenset({3})))
    assert [one.kind for one in plan.conflicts] == ["username_taken"]


def test_a_run_about_channels_renames_and_leaves_people_alone(site: Line) -> None:
    site.moodle = moodle(group(10, "A2", [2]), group(11, "B2", [1, 2]))
    plan = plan_of(site, Scope(frozenset({2}), frozenset(), frozenset({10})))
    assert [(one.kind, one.about.group_id) for one in plan.operations] == [("rename_channel", 10)]


def test_a_run_about_a_channel_that_does_not_exist_asks_for_its_course(site: Line) -> None:
    site.moodle = moodle(group(10, "A", [1, 2]), group(11, "B", [2]), group(12, "C", [1]))
    plan = plan_of(site, Scope(frozenset({2}), frozenset(), frozenset({12})))
    assert [one.needs_course for one in plan.skips] == [True]


def test_a_run_about_one_person_says_nothing_about_rooms_of_others(site: Line) -> None:
    site.moodle = moodle(
        group(10, "A", [1, 2]), group(11, "B", [2]), enrolments=[enrolment(2, n) for n in (1, 2)]
    )
    site.chat.delete_room_by_hand(site.room(11).room_id)
    assert plan_of(site).missing_channels == ()


def test_what_an_event_takes_away_is_measured_by_the_whole_site() -> None:
    """One of three accounts is deactivated, and one of three memberships goes."""
    people = [person(1, suspended=True), person(2), person(3)]
    site = Line(moodle(group(10, "A", [1, 2, 3])), policy(limits=Limits(40, 1)))
    site.sync()
    site.moodle = moodle(group(10, "A", [1, 2, 3]), people=people)
    report = site.sync(ONE)
    assert report.breaches == ()
    assert report.applied == {"remove_member": 1, "deactivate": 1}


def test_an_event_that_takes_too_much_of_the_site_waits_for_a_person() -> None:
    people = [person(1, suspended=True), person(2), person(3)]
    site = Line(moodle(group(10, "A", [1, 2, 3])), policy(limits=Limits(30, 1)))
    site.sync()
    site.moodle = moodle(group(10, "A", [1, 2, 3]), people=people)
    found = {(breach.count, breach.managed) for breach in site.sync(ONE).breaches}
    assert found == {(1, 3)}


def test_a_username_that_an_account_elsewhere_has_is_not_given(site: Line) -> None:
    """Another name is, as the whole ledger would say, and the next one is looked for in turn."""
    newcomer = person(3, username="user2")
    site.moodle = moodle(
        *(group(10, "A", [1, 2, 3]), group(11, "B", [2])),
        people=[person(1), person(2), newcomer],
    )
    plan = plan_of(site, Scope(frozenset({2}), frozenset({3})))
    assert [one.username for one in operations(plan, CreateAccount)] == ["user2-3"]


# --- which way is cheaper -------------------------------------------------------------------------


def big(people: int = 10_000, channels: int = 1_000) -> Managed:
    links = [link(number) for number in range(1, people + 1)]
    return managed(*links, *(channel_link(number) for number in range(1, channels + 1)))


def of(accounts: int, rooms: int) -> Needs:
    return Needs(
        accounts=frozenset(f"a{number}" for number in range(accounts)),
        rooms=frozenset(f"r{number}" for number in range(rooms)),
        witness="a1",
    )


def test_one_persons_change_is_read_thing_by_thing() -> None:
    assert needs.reads_one_by_one(of(1, 3), big())


def test_small_lists_are_read_whatever_is_asked() -> None:
    assert not needs.reads_one_by_one(of(1, 1), big(200, 20))


def test_what_takes_more_bytes_than_the_lists_is_read_in_lists() -> None:
    small = big(400, 10)  # 91,690 bytes
    assert needs.reads_one_by_one(of(40, 5), small)  # 60,300
    assert not needs.reads_one_by_one(of(70, 5), small)  # 100,260


def test_too_many_single_requests_are_never_sent() -> None:
    assert not needs.reads_one_by_one(of(80, 21), big())


def test_without_a_linked_account_nothing_shows_that_addresses_are_shown() -> None:
    new = replace(of(1, 1), people=(PersonNeed("", "a@x.org", ("a",)),))
    assert needs.reads_one_by_one(new, big())
    assert not needs.reads_one_by_one(replace(new, witness=""), big())
    assert needs.reads_one_by_one(replace(of(0, 1), witness=""), big())


def test_a_name_that_a_search_would_not_find_is_looked_for_in_the_lists() -> None:
    odd = replace(of(1, 1), names={"r0": NameNeed("Straße", "Strasse")})
    assert not needs.reads_one_by_one(odd, big())


def test_bytes_are_those_measured() -> None:
    assert needs.single_bytes(of(1, 2)) == 332 + 2 * 404 + 3 * 1000
    new = replace(of(0, 1), people=(PersonNeed("", "a@x.org", ("a",)),))
    assert needs.single_bytes(new) == 332 + 404 + 3 * 500 + 5 * 1000


def test_an_address_is_looked_for_only_where_the_account_has_another() -> None:
    one = PersonNeed("a1", "new@x.org")
    there = {"a1": account("a1", email="old@x.org")}
    assert Needs((one,)).more_searches(there, {}) == {"new@x.org"}
    assert Needs((PersonNeed("a1", "old@x.org"),)).more_searches(there, {}) == frozenset()


def test_a_name_is_looked_for_only_where_it_is_to_change() -> None:
    rooms = {"r1": room("r1", "A")}
    same = Needs(names={"r1": NameNeed("A", "A")})
    other = Needs(names={"r1": NameNeed("B", "A")})
    assert not same.room_searches(rooms)
    assert other.room_searches(rooms) == {"B"}


def test_people_who_are_new_are_looked_for_by_address_and_username() -> None:
    new = person(5)
    need = Needs((PersonNeed("", new.email, (new.username,)),))
    assert need.first_searches() == {"user5@uni.invalid", "user5"}
