"""The safety guard: how much one run may take away without asking."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.operations import (
    AdoptChannel,
    Archive,
    ChannelRef,
    CreateAccount,
    CreateChannel,
    Deactivate,
    FreeName,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    UnsetReadOnly,
    UnsetRoomRole,
)
from integration.domain.policy import Limit, Limits, Removal, Window
from integration.domain.state import EVERYTHING, Managed, RoomRole, Scope
from integration.services.sync.guard import Blocks, WholePass, breaches, split, taking
from integration.services.sync.plan import Plan
from tests.support.builders import BY_HAND, OURS, channel_link, link, managed


def site(people: int = 0, channels: int = 0, members: int = 0, by_hand: int = 0) -> Managed:
    """Members are in group 1000 of course 2, which counts as a channel."""
    rows = dict.fromkeys(range(members), OURS)
    rows |= {1_000_000 + number: BY_HAND for number in range(by_hand)}
    groups = [channel_link(1000 + number) for number in range(channels or bool(rows))]
    return managed(*(link(number) for number in range(people)), *groups, members={1000: rows})


ROOM = ChannelRef(1000, 2, "A", "r", True)


def room(number: int) -> ChannelRef:
    return ChannelRef(1000 + number, 2, "A", f"r{number}", True)


def removals(number: int) -> list[Operation]:
    return [RemoveMember(ROOM, user, f"a{user}", "u", reason="why") for user in range(number)]


def deactivations(number: int) -> list[Operation]:
    return [Deactivate(user, f"a{user}", "u", reason="why") for user in range(number)]


def archivings(number: int) -> list[Operation]:
    return [Archive(room(n), reason="why") for n in range(number)]


def closings(number: int) -> list[Operation]:
    return [SetReadOnly(room(n), reason="why") for n in range(number)]


def passed(
    operations: list[Operation], known: Managed, scope: Scope = EVERYTHING, **limits: Any
) -> list[str]:
    """What the limits of one run are passed by."""
    plan = Plan(tuple(operations))
    return [one.code for one in breaches(plan, known, scope, Limits(**limits))]


RUN = {"memberships": "memberships/run", "accounts": "accounts/run", "channels": "channels/run"}


@pytest.mark.parametrize(
    ("what", "known", "of_number"),
    [
        ("memberships", site(members=100), removals),
        ("accounts", site(people=100), deactivations),
        ("channels", site(channels=100), archivings),
        ("channels", site(channels=100), closings),
    ],
)
def test_more_than_the_percentage_needs_a_person(what: str, known: Managed, of_number: Any) -> None:
    assert passed(of_number(30), known) == []
    assert passed(of_number(31), known) == [RUN[what]]


def test_less_than_the_minimum_needs_nobody() -> None:
    known = site(members=5)
    assert passed(removals(4), known, from_count=5) == []
    assert RUN["memberships"] in passed(removals(5), known, from_count=5)


def test_a_limit_of_100_percent_is_none() -> None:
    assert passed(deactivations(50), site(people=50), percent=100) == []


def test_each_thing_is_counted_on_its_own() -> None:
    known = site(people=100, channels=100, members=100)
    assert passed([*removals(30), *deactivations(30), *archivings(30)], known) == []


def test_several_limits_may_be_passed_at_once() -> None:
    known = site(people=10, members=10)
    codes = passed([*removals(6), *deactivations(6)], known)
    assert {RUN["memberships"], RUN["accounts"]} <= set(codes)


def test_people_added_by_hand_are_not_counted_as_managed() -> None:
    assert RUN["memberships"] in passed(removals(6), site(members=10, by_hand=1000))


def test_only_the_scope_is_counted_as_managed() -> None:
    elsewhere = dict.fromkeys(range(1000), OURS)
    here = dict.fromkeys(range(10), OURS)
    known = managed(
        channel_link(1000),
        channel_link(2000, course_id=3),
        members={1000: here, 2000: elsewhere},
    )
    course = Scope(courses=frozenset({2}))
    assert RUN["memberships"] not in passed(removals(6), known)
    assert RUN["memberships"] in passed(removals(6), known, course)


def test_what_gives_is_not_counted() -> None:
    operations: list[Operation] = [
        *(UnsetReadOnly(room(n), reason="why") for n in range(50)),
        *(CreateAccount(n, "u", "n", "e", reason="why") for n in range(50)),
    ]
    assert passed(operations, site(people=50, channels=50)) == []


def test_a_role_that_is_taken_is_not_counted_as_a_membership() -> None:
    role = RoomRole.MODERATOR
    taken: list[Operation] = [UnsetRoomRole(ROOM, n, "u", role, reason="why") for n in range(50)]
    assert passed(taken, site(members=50)) == []


def vanished(plan: Plan, known: Managed) -> list[str]:
    return [one.code for one in breaches(plan, known, EVERYTHING, Limits()) if "van" in one.code]


def test_many_vanished_channels_are_the_wrong_server() -> None:
    plan = Plan(missing_channels=tuple(range(1000, 1006)))
    assert vanished(plan, site(channels=10)) == ["vanished/channels"]


def test_many_accounts_to_be_made_again_are_the_wrong_server() -> None:
    again = tuple(CreateAccount(n, "u", "n", "e", reason="why") for n in range(6))
    plan = Plan(again, missing_accounts=tuple(range(6)))
    assert vanished(plan, site(people=10)) == ["vanished/accounts"]


def test_vanished_accounts_that_nobody_needs_do_not_hold_up_every_run_for_ever() -> None:
    assert vanished(Plan(missing_accounts=tuple(range(9))), site(people=10)) == []


def test_a_limit_says_how_much_of_what_and_how_much_is_allowed() -> None:
    found = breaches(Plan(tuple(deactivations(40))), site(people=100), EVERYTHING, Limits())
    assert str(found[0]) == (
        "40 of 100 managed accounts would be deactivated (40 %); the limit is 30 %"
    )


# ── A pass in parts ──────────────────────────────────────────────────────────────────────────────


def in_parts(
    operations: list[Operation], known: Managed, part: Scope, whole: WholePass, **limits: Any
) -> list[str]:
    plan = Plan(tuple(operations))
    found = breaches(plan, known, part, Limits(**limits), whole=whole)
    return [one.code for one in found if "course" not in one.code]


PART = Scope(courses=frozenset({2}))


def test_parts_of_a_pass_have_one_limit_for_accounts_together() -> None:
    """Each part sees all accounts, so that each would have the whole limit for itself."""
    known, four = site(people=100), deactivations(12)
    others = WholePass(EVERYTHING, {"accounts": 24})
    assert in_parts(four, known, PART, WholePass(EVERYTHING, {"accounts": 18})) == []
    assert in_parts(four, known, PART, others) == ["accounts/run"]


def test_parts_that_each_take_too_few_to_be_asked_about_are_asked_about_together() -> None:
    known = site(members=20)
    assert in_parts(removals(4), known, PART, WholePass(EVERYTHING)) == []
    together = WholePass(EVERYTHING, {"memberships": 4})
    assert in_parts(removals(4), known, PART, together) == ["memberships/run"]


def test_a_part_is_measured_by_what_the_whole_pass_is_about() -> None:
    here = {1000: dict.fromkeys(range(10), OURS)}
    there = {2000: dict.fromkeys(range(90), OURS)}
    channels = (channel_link(1000), channel_link(2000, course_id=3))
    known = managed(*channels, members=here | there)
    assert passed(removals(8), known, PART) == ["memberships/run", "memberships/course"]
    assert in_parts(removals(8), known, PART, WholePass(EVERYTHING)) == []


def test_a_part_that_takes_nothing_is_not_held_for_what_others_take() -> None:
    everything_goes = {"memberships": 20, "vanished/channels": 9, "accounts": 9}
    known = site(members=20, people=10)
    assert in_parts([], known, PART, WholePass(EVERYTHING, everything_goes)) == []


def test_what_other_parts_have_yet_to_take_counts_in_the_day() -> None:
    known = site(members=100)
    special = {(Removal.MEMBERSHIPS, Window.DAY): Limit(20, None)}
    others = WholePass(EVERYTHING, {"memberships": 15}, {"memberships": 5})
    assert in_parts(removals(10), known, PART, others, special=special) == []
    assert in_parts(removals(11), known, PART, others, special=special) == ["memberships/day"]


def test_what_other_parts_took_already_was_there_before_the_pass() -> None:
    """Of 20 memberships 3 are gone, so that 17 are left: 6 are 30 % of 20."""
    known = site(members=17)
    others = WholePass(EVERYTHING, {"memberships": 3}, {"memberships": 3})
    assert in_parts(removals(3), known, PART, others) == []
    assert in_parts(removals(4), known, PART, others) == ["memberships/run"]


def test_vanished_channels_are_counted_over_all_parts() -> None:
    plan = Plan(missing_channels=tuple(range(1000, 1003)))
    elsewhere = WholePass(EVERYTHING, {"vanished/channels": 3})
    found = breaches(plan, site(channels=10), PART, Limits(), whole=elsewhere)
    assert [(one.code, one.count, one.managed) for one in found] == [("vanished/channels", 6, 10)]


def test_a_part_tells_what_it_takes_without_what_was_approved() -> None:
    plan = Plan((*removals(3), *deactivations(2)), missing_channels=(1, 2))
    told = taking(plan, [removals(3)[0].key])
    assert told == {"memberships": 2, "accounts": 2, "vanished/channels": 2}


# ── Renames ──────────────────────────────────────────────────────────────────────────────────────


def renames(number: int, prefix: str = "New", courses: int = 2) -> list[Operation]:
    return [
        RenameChannel(
            replace(room(n), name=f"{prefix} {n}", course_id=2 + n % courses),
            f"Old {n}",
            reason="why",
        )
        for n in range(number)
    ]


def held_by(operations: list[Operation], approved: tuple[str, ...] = ()) -> list[Operation]:
    """What waits where the limit of renames is passed."""
    plan = Plan(tuple(operations))
    found = breaches(plan, site(channels=10), EVERYTHING, Limits(), approved)
    assert {one.blocks for one in found} == {Blocks.RENAMES}
    parts = split(plan, found, Limits(), approved)
    assert len(parts.go) + len(parts.held) == len(operations)
    return list(parts.held)


def test_more_renames_than_the_percentage_need_a_person() -> None:
    known = site(channels=100)
    assert passed(renames(30), known) == []
    assert passed(renames(31), known) == ["renames/run"]


def test_renames_below_the_minimum_need_nobody() -> None:
    assert passed(renames(4), site(channels=4)) == []
    assert passed(renames(5), site(channels=5)) == ["renames/run"]


def test_a_course_that_is_renamed_renames_its_channels_without_a_question() -> None:
    known = site(channels=10)
    assert passed(renames(10, courses=1), known) == []
    own = Limits(special={(Removal.RENAMES, Window.COURSE): Limit(50, None)})
    found = breaches(Plan(tuple(renames(10, courses=1))), known, EVERYTHING, own)
    assert "renames/course" in [one.code for one in found]


def test_the_limit_of_renames_says_how_many_channels() -> None:
    found = breaches(Plan(tuple(renames(40))), site(channels=100), EVERYTHING, Limits())
    assert [str(one) for one in found] == [
        "40 of 100 managed channels would be renamed (40 %); the limit is 30 %"
    ]


def test_renames_and_archivings_are_counted_apart() -> None:
    assert passed([*renames(30), *archivings(30)], site(channels=100)) == []


def test_a_name_given_up_for_a_while_does_not_count() -> None:
    steps: list[Operation] = [FreeName(room(n), f"Old {n}", reason="why") for n in range(50)]
    assert passed([*steps, *renames(30)], site(channels=100)) == []


def test_a_channel_that_is_found_or_has_its_name_is_not_renamed() -> None:
    found: list[Operation] = [AdoptChannel(room(n), created=True, reason="why") for n in range(9)]
    same = [RenameChannel(room(n), "A", reason="why") for n in range(9)]
    assert passed([*found, *renames(9)], site()) == []
    assert passed([*same], site(channels=10)) == []


def test_over_the_limit_only_the_renames_wait() -> None:
    others = [*removals(3), *archivings(2)]
    assert held_by([*others, *renames(6)]) == renames(6)


def test_over_both_limits_the_removals_decide_about_the_rest() -> None:
    add = CreateAccount(1, "u", "n", "e", reason="why")
    plan = Plan((*archivings(6), *renames(6), add))
    found = breaches(plan, site(channels=10), EVERYTHING, Limits())
    assert {one.blocks for one in found} == {Blocks.REMOVALS, Blocks.RENAMES}
    assert split(plan, found, Limits()).go == ()
    assert split(plan, found, Limits(additions_go_on=True)).go == (add,)


def test_a_name_that_is_not_given_up_is_given_to_nobody() -> None:
    step = FreeName(replace(room(0), name="moving-1000"), "Old 0", reason="why")
    new = ChannelRef(2000, 2, "old 0", None, True)
    made = CreateChannel(new, (), "", reason="why")
    role = SetRoomRole(new, 1, "u", RoomRole.MODERATOR, reason="why")
    other = CreateChannel(ChannelRef(2001, 2, "Other", None, True), (), "", reason="why")
    assert held_by([step, made, role, other, *renames(6)]) == [step, made, role, *renames(6)]


def test_an_approved_rename_waits_for_a_name_that_a_new_rename_keeps() -> None:
    taker = RenameChannel(replace(room(9), name="Old 0"), "Old 9", reason="why")
    held = held_by([taker, *renames(6)], (taker.key,))
    assert held == [taker, *renames(6)]


def test_the_approval_of_one_name_is_none_of_another() -> None:
    keys = tuple(one.key for one in renames(6))
    plan = Plan(tuple(renames(6)))
    assert breaches(plan, site(channels=10), EVERYTHING, Limits(), keys) == []
    assert held_by(renames(6, "Newer"), keys) == renames(6, "Newer")


def test_renames_of_a_day_count_together_where_a_limit_of_ones_own_says_so() -> None:
    known = replace(site(channels=100), removed_lately={"renames": 45})
    assert passed(renames(6), known) == []
    own = Limits(special={(Removal.RENAMES, Window.DAY): Limit(50, None)})
    codes = [one.code for one in breaches(Plan(tuple(renames(6))), known, EVERYTHING, own)]
    assert codes == ["renames/day"]


def test_parts_of_a_pass_have_one_limit_for_renames_together() -> None:
    known = site(channels=100)
    assert in_parts(renames(6), known, PART, WholePass(EVERYTHING, {"renames": 24})) == []
    others = WholePass(EVERYTHING, {"renames": 25})
    assert in_parts(renames(6), known, PART, others) == ["renames/run"]
    assert taking(Plan(tuple(renames(3)))) == {"renames": 3}
