"""Whether a stored number still means who or what it meant, and what changes without a question."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.conflicts import ConflictKind
from integration.domain.identities import CourseIdentity, GroupIdentity, PersonIdentity
from integration.domain.state import EVERYTHING, Managed
from integration.services.sync.identity import Identities, check_identities
from tests.support.builders import (
    OURS,
    Case,
    account,
    channel_link,
    course,
    group,
    kinds,
    link,
    managed,
    moodle,
    person,
    policy,
    remote,
    room,
)

MADE = 1_700_000_000
ANNA: dict[str, Any] = {
    "timecreated": MADE,
    "username": "anna",
    "email": "anna@uni.invalid",
    "idnumber": "M-7",
}
OTHER: dict[str, Any] = {
    "timecreated": MADE + 9,
    "username": "ben",
    "email": "ben@uni.invalid",
    "idnumber": "M-8",
}


def people(now: dict[str, Any], *others: Any, stored: dict[str, Any] | None = ANNA) -> Identities:
    """Person 7 as they are `now`, whose link was made when they were `stored`."""
    identity = PersonIdentity(**stored) if stored is not None else None
    managed = Managed(accounts={7: link(7, identity=identity)})
    return check_identities(managed, moodle(people=[person(7, **now), *others]), EVERYTHING)


@pytest.mark.parametrize("same", ["timecreated", "username", "email", "idnumber"])
def test_one_thing_that_agrees_makes_the_same_person(same: str) -> None:
    now = OTHER | {same: ANNA[same]}
    found = people(now)
    assert found.held_people == frozenset()
    assert found.conflicts == ()
    assert found.people == {7: PersonIdentity(**now)}


def test_a_number_that_means_somebody_else_is_held_with_both_sides() -> None:
    found = people(OTHER)
    (conflict,) = found.conflicts
    assert found.held_people == {7}
    assert found.people == {}
    assert (conflict.kind, conflict.user_id) == (ConflictKind.PERSON_CHANGED, 7)
    assert "ben" in conflict.moodle_side
    assert "anna" in conflict.rocketchat_side


def test_a_married_name_with_a_new_address_passes_without_a_question() -> None:
    now = ANNA | {"username": "anna.new", "email": "anna.new@uni.invalid", "idnumber": ""}
    assert people(now).conflicts == ()


@pytest.mark.parametrize("empty", [{"timecreated": 0}, {"idnumber": ""}, {"email": ""}])
def test_an_empty_value_proves_nothing(empty: dict[str, Any]) -> None:
    assert people(OTHER | empty, stored=ANNA | empty).held_people == {7}


@pytest.mark.parametrize("same", ["email", "idnumber"])
def test_what_two_people_share_proves_nothing(same: str) -> None:
    sharer = person(8, **{same: ANNA[same]})
    assert people(OTHER | {same: ANNA[same]}, sharer).held_people == {7}


def test_the_case_of_an_address_does_not_count() -> None:
    assert people(OTHER | {"email": "ANNA@uni.invalid"}).conflicts == ()


def test_a_link_from_before_identities_is_believed_once_and_stored() -> None:
    found = people(OTHER, stored=None)
    assert found.conflicts == ()
    assert found.people == {7: PersonIdentity(**OTHER)}


def test_a_deleted_person_is_no_question_of_identity() -> None:
    """Moodle gives the row another username and address."""
    gone = {"deleted": True, "username": "anna.1700000001", "email": "0" * 32, "timecreated": 0}
    found = people(OTHER | gone)
    assert (found.conflicts, found.people) == ((), {})


# --- courses and groups ---------------------------------------------------------------------------

BIOLOGY = CourseIdentity(MADE, "BIO", "C-1")
FIELDS = ("timecreated", "shortname", "idnumber")


def course_now(values: tuple[Any, ...]) -> Identities:
    row = course(2, **dict(zip(FIELDS, values, strict=True)))
    managed = Managed(courses={2: BIOLOGY}, channels={10: channel_link(10)})
    return check_identities(managed, moodle(group(10), courses=[row]), EVERYTHING)


@pytest.mark.parametrize("place", range(3))
def test_one_thing_that_agrees_makes_the_same_course(place: int) -> None:
    now: list[Any] = [MADE + 9, "PHY", "C-2"]
    now[place] = BIOLOGY[place]
    found = course_now(tuple(now))
    assert found.held_courses == frozenset()
    assert found.courses == {2: CourseIdentity(*now)}


def test_a_number_that_means_another_course_is_held_with_all_its_groups() -> None:
    found = course_now((MADE + 9, "PHY", ""))
    (conflict,) = found.conflicts
    assert found.held_courses == {2}
    assert (conflict.kind, conflict.course_id) == (ConflictKind.COURSE_CHANGED, 2)
    assert found.groups == {}
    assert found.holds_group(group(10).group)


def groups(
    now: dict[str, Any], *others: Any, stored: GroupIdentity | None, course_id: int = 2
) -> Identities:
    managed = Managed(channels={10: channel_link(10, identity=stored)})
    row = group(10, course_id=course_id)
    values: dict[str, Any] = {"timecreated": MADE + 9, "name": "B", "idnumber": ""} | now
    changed = replace(row, group=replace(row.group, **values))
    return check_identities(managed, moodle(changed, *others), EVERYTHING)


TUTORIAL = GroupIdentity(MADE, "A", "G-1")


@pytest.mark.parametrize("same", [{"timecreated": MADE}, {"name": "A"}, {"idnumber": "G-1"}])
def test_one_thing_that_agrees_makes_the_same_group(same: dict[str, Any]) -> None:
    assert groups(same, stored=TUTORIAL).conflicts == ()


def test_a_number_that_means_another_group_is_held() -> None:
    found = groups({}, stored=TUTORIAL)
    (conflict,) = found.conflicts
    assert found.held_groups == {10}
    assert (conflict.kind, conflict.group_id) == (ConflictKind.GROUP_CHANGED, 10)


@pytest.mark.parametrize("same", [{"name": "A"}, {"idnumber": "G-1"}])
def test_name_and_idnumber_of_a_group_prove_nothing_in_another_course(
    same: dict[str, Any],
) -> None:
    assert groups(same, stored=TUTORIAL, course_id=3).held_groups == {10}


def test_a_name_that_two_groups_of_the_course_have_proves_nothing() -> None:
    found = groups({"name": "A"}, group(11, "A"), stored=TUTORIAL)
    assert found.held_groups == {10}


# --- what is planned meanwhile --------------------------------------------------------------------

STRANGER = person(7, **OTHER)
KNOWN = link(7, identity=PersonIdentity(**ANNA))


def test_nothing_is_planned_for_a_number_that_means_somebody_else() -> None:
    """Not renamed, not re-addressed, not joined, not adopted, not removed, not deactivated."""
    case = Case(
        moodle(group(10, "A", [7]), group(11, "B"), people=[STRANGER]),
        remote(
            account("a7", "anna", ANNA["email"]),
            room("r10", "A"),
            room("r11", "B", members=["a7"]),
        ),
        managed(
            KNOWN,
            channel_link(10, name="A"),
            channel_link(11, name="B"),
            members={11: {7: OURS}},
        ),
        policy(update_adopted_accounts=True),
    )
    plan = case.plan()
    assert kinds(plan) == []
    assert [one.kind for one in plan.conflicts] == [ConflictKind.PERSON_CHANGED]


def test_the_account_of_a_held_number_is_not_given_to_somebody_else() -> None:
    """A second row of Moodle has the address that the held account has."""
    anna_again = person(8, username="anna", email=ANNA["email"])
    case = Case(
        moodle(group(10, "A", [8]), people=[STRANGER, anna_again]),
        remote(account("a7", "anna", ANNA["email"]), room("r10", "A")),
        managed(KNOWN, channel_link(10, name="A")),
    )
    assert kinds(case.plan()) == []


def test_nothing_is_planned_for_a_group_whose_number_means_another_group() -> None:
    """Not renamed, not archived, not unarchived, nobody put in or taken out."""
    changed = group(10, "B", [8])
    case = Case(
        moodle(replace(changed, group=replace(changed.group, timecreated=MADE + 9))),
        remote(account("a7"), account("a8"), room("r10", "A", members=["a7"])),
        managed(
            link(7),
            link(8),
            channel_link(10, name="A", identity=GroupIdentity(MADE, "A", "")),
            members={10: {7: OURS}},
        ),
    )
    plan = case.plan()
    assert kinds(plan) == []
    assert [one.kind for one in plan.conflicts] == [ConflictKind.GROUP_CHANGED]


def test_no_channel_is_made_in_a_course_whose_number_means_another_course() -> None:
    case = Case(
        moodle(group(10, "A", [7]), courses=[course(2, timecreated=MADE + 9, shortname="PHY")]),
        managed=managed(courses={2: BIOLOGY}),
    )
    plan = case.plan()
    assert "create_channel" not in kinds(plan)
    assert [one.kind for one in plan.conflicts] == [ConflictKind.COURSE_CHANGED]
