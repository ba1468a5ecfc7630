"""The plan as a value: its order, its digest, and that chance has no part in it."""

from dataclasses import replace

import pytest

from integration.domain.conflicts import Conflict, ConflictKind, one_of_each
from integration.domain.state import Ending
from integration.services.sync.plan import Plan
from tests.support.builders import (
    OURS,
    TEACHER,
    Case,
    account,
    channel_link,
    disturbed,
    group,
    link,
    managed,
    moodle,
    person,
    policy,
    remote,
    room,
)

CASE = Case(
    moodle(
        group(10, "A", [1, 2, 3]),
        group(11, "B", [4, 5]),
        group(12, "C", [2, 6]),
        people=[person(1, lastname="New"), person(6, suspended=True)],
        roles={(102, 2): (TEACHER,)},
    ),
    remote(
        *(account(f"a{number}") for number in (1, 2, 6, 7)),
        room("r10", "Old", ["a1", "a7"]),
        room("r12", "C", archived=True),
        room("r13", "D"),
    ),
    managed(
        *(link(number) for number in (1, 2, 6)),
        channel_link(10, name="Old"),
        channel_link(12, name="C", ended=Ending.ARCHIVE),
        channel_link(13, name="D"),
        members={10: {1: OURS, 6: OURS}, 12: {6: OURS}},
    ),
    policy(topic_template="{group}"),
)


def test_operations_are_in_the_order_of_their_waves() -> None:
    waves = [one.wave for one in CASE.plan().operations]
    assert waves == sorted(waves)
    assert len(set(waves)) >= 6


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    plan, other = CASE.plan(), disturbed(CASE, seed).plan()
    assert other == plan
    assert other.digest == plan.digest


def test_the_digest_changes_with_any_operation_and_with_its_reason() -> None:
    (first, *rest) = CASE.plan().operations
    digests = {
        Plan((first, *rest)).digest,
        Plan(tuple(rest)).digest,
        Plan((replace(first, reason="another"), *rest)).digest,
        Plan(tuple(reversed((first, *rest)))).digest,
    }
    assert len(digests) == 4


def test_the_digest_does_not_change_with_what_is_not_done() -> None:
    plan = CASE.plan()
    assert replace(plan, skips=(), conflicts=(), observed=()).digest == plan.digest


def test_the_digest_of_an_empty_plan_is_a_digest_too() -> None:
    assert len(Plan().digest) == 64


def test_counts_are_by_kind() -> None:
    plan = CASE.plan()
    assert sum(plan.counts.values()) == len(plan.operations)
    assert plan.counts["create_channel"] == 1


def test_every_operation_has_a_reason() -> None:
    assert all(one.reason for one in CASE.plan().operations)


def test_every_operation_can_be_described_in_one_line() -> None:
    lines = [one.describe() for one in CASE.plan().operations]
    assert all(line and "\n" not in line for line in lines)
    assert len(set(lines)) == len(lines)


def test_an_operation_knows_whom_it_is_about() -> None:
    for one in CASE.plan().operations:
        assert one.about.user_id or one.about.group_id
        assert (one.about.course_id is None) == (one.about.group_id is None)


def test_conflicts_are_in_a_stable_order() -> None:
    people = [person(number, email="") for number in (3, 1, 2)]
    state = moodle(group(10, "A", [3, 1, 2]), people=people)
    assert [one.user_id for one in Case(state).plan().conflicts] == [1, 2, 3]


def test_several_conflicts_of_one_kind_about_the_same_thing_are_one() -> None:
    """The inbox has one row for each kind and thing: a second one would end every run."""
    sides = ("the name is not kept", "the topic is not kept", "the name is not kept")
    found = [Conflict(ConflictKind.NOT_KEPT, None, 10, "m", side, "r", "a") for side in sides]
    other = Conflict(ConflictKind.NOT_KEPT, None, 9, "m", "x", "r", "a")
    one, both = one_of_each([*found, other])
    assert one == other
    assert str(both.rocketchat_side) == "the name is not kept; the topic is not kept"
