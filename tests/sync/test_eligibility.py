"""Who counts (moodle_db.md section 2), and the same in words."""

from dataclasses import replace

import pytest

from integration.domain.state import MoodleState, Person, RoomRole
from integration.services.sync.eligibility import Eligibility
from tests.support.builders import (
    CATEGORY,
    NOW,
    STUDENT,
    SYSTEM,
    TEACHER,
    TUTOR,
    USER,
    EnrolmentOf,
    course,
    enrolment,
    group,
    moodle,
    person,
)

ANNA = 7
ROLES = {STUDENT: RoomRole.MEMBER, TEACHER: RoomRole.MODERATOR, TUTOR: RoomRole.LEADER}


def eligibility(state: MoodleState, roles: dict[int, RoomRole] | None = None) -> Eligibility:
    return Eligibility(state, ROLES if roles is None else roles)


def with_rows(*rows: EnrolmentOf) -> Eligibility:
    return eligibility(moodle(group(10, "Group A", [ANNA]), enrolments=rows))


def with_person(one: Person) -> Eligibility:
    return eligibility(moodle(group(10, "Group A", [ANNA]), people=[one]))


def with_roles(roles: dict[tuple[int, int], tuple[int, ...]]) -> Eligibility:
    return eligibility(moodle(group(10, "Group A", [ANNA]), roles=roles))


def counts(found: Eligibility) -> bool:
    return ANNA in found.members(found.moodle.groups[10])


def why_not(found: Eligibility) -> str:
    return found.why_not_member(10, ANNA)


# ── Enrolments ────────────────────────────────────────────────────────────────────────────────────


def test_an_active_enrolment_counts_and_the_reason_names_group_method_and_role() -> None:
    found = with_rows(enrolment(2, ANNA))
    assert counts(found)
    words = found.why_member(found.moodle.groups[10], ANNA)
    assert words == "member of group 'Group A'; active by manual enrolment; role student"


def test_group_membership_alone_proves_nothing() -> None:
    state = moodle(group(10, "Group A", [ANNA]), enrolments=[enrolment(3, ANNA)])
    found = eligibility(moodle(group(10, "Group A"), people=[person(ANNA)]))
    assert state.group_members[10] == (ANNA,)
    found = eligibility(
        MoodleState(**{f: getattr(state, f) for f in state.__slots__} | {"enrolments": {2: {}}})
    )
    assert not counts(found)
    assert why_not(found) == "not enrolled in the course any more"


def test_a_suspended_enrolment_does_not_count() -> None:
    found = with_rows(enrolment(2, ANNA, status=1))
    assert not counts(found)
    assert why_not(found) == "the manual enrolment is suspended"


def test_an_ended_enrolment_does_not_count() -> None:
    found = with_rows(enrolment(2, ANNA, timeend=NOW - 1))
    assert not counts(found)
    assert why_not(found) == "the manual enrolment ended on 2026-11-22"


def test_an_enrolment_ends_in_the_second_of_its_end() -> None:
    assert not counts(with_rows(enrolment(2, ANNA, timeend=NOW)))
    assert counts(with_rows(enrolment(2, ANNA, timeend=NOW + 1)))


def test_an_enrolment_begins_after_the_second_of_its_begin() -> None:
    assert not counts(with_rows(enrolment(2, ANNA, timestart=NOW)))
    assert counts(with_rows(enrolment(2, ANNA, timestart=NOW - 1)))


def test_an_enrolment_to_come_does_not_count_yet() -> None:
    found = with_rows(enrolment(2, ANNA, timestart=NOW + 86400))
    assert why_not(found) == "the manual enrolment begins on 2026-11-23"


@pytest.mark.parametrize("timeend", [0, 2147483647])
def test_no_end_and_the_columns_default_mean_for_ever(timeend: int) -> None:
    assert counts(with_rows(enrolment(2, ANNA, timeend=timeend)))


@pytest.mark.parametrize("second", [2**62, 10**12])
def test_a_begin_that_no_calendar_has_is_named_by_its_second(second: int) -> None:
    found = with_rows(enrolment(2, ANNA, timestart=second))
    assert why_not(found) == f"the manual enrolment begins on second {second}"


def test_a_method_that_is_switched_off_takes_everybody_out() -> None:
    found = with_rows(enrolment(2, ANNA, "self", method_status=1))
    assert why_not(found) == "the enrolment method 'self' is switched off"


def test_one_active_enrolment_of_several_is_enough() -> None:
    assert counts(with_rows(enrolment(2, ANNA, status=1), enrolment(2, ANNA, "self")))


def test_all_active_methods_are_named() -> None:
    found = with_rows(enrolment(2, ANNA, "self"), enrolment(2, ANNA, "cohort"))
    words = found.why_member(found.moodle.groups[10], ANNA)
    assert "active by cohort and self enrolment" in words


def test_several_enrolments_none_of_them_good_are_all_named() -> None:
    found = with_rows(enrolment(2, ANNA, timeend=1), enrolment(2, ANNA, "self", status=1))
    assert why_not(found) == (
        "the manual enrolment ended on 1970-01-01; the self enrolment is suspended"
    )


def test_a_suspension_in_one_course_says_nothing_about_another() -> None:
    state = moodle(
        group(10, "A", [ANNA]),
        group(11, "B", [ANNA], course_id=3),
        enrolments=[enrolment(2, ANNA, status=1)],
    )
    found = eligibility(state)
    assert ANNA not in found.members(state.groups[10])
    assert ANNA in found.members(state.groups[11])
    assert found.is_active_somewhere(ANNA)


def test_an_enrolment_in_a_course_that_is_not_integrated_keeps_nobody_active() -> None:
    state = moodle(group(10, "A", [ANNA]), integrated=[3])
    assert not eligibility(state).is_active_somewhere(ANNA)


def test_who_left_the_group_is_told_so() -> None:
    state = moodle(group(10, "Group A"), enrolments=[enrolment(2, ANNA)])
    assert why_not(eligibility(state)) == "no longer in group 'Group A'"


def test_who_left_the_group_and_the_course_is_told_both() -> None:
    state = moodle(group(10, "Group A"), people=[person(ANNA)])
    assert why_not(eligibility(state)) == (
        "no longer in group 'Group A'; not enrolled in the course any more"
    )


def test_a_group_that_is_gone_is_the_reason() -> None:
    state = moodle(people=[person(ANNA)])
    assert why_not(eligibility(state)) == "the group does not exist any more"


def test_a_person_without_a_row_is_the_reason() -> None:
    assert why_not(eligibility(moodle(group(10)))) == "not found in Moodle"


@pytest.mark.parametrize(
    ("zone", "hour", "day"),
    [
        ("UTC", 2, "2026-11-22"),
        ("America/Lima", 2, "2026-11-21"),
        ("Pacific/Auckland", 12, "2026-11-23"),
    ],
)
def test_days_are_those_of_the_sites_time_zone(zone: str, hour: int, day: str) -> None:
    midnight = 1_795_305_600  # 2026-11-22, 00:00 UTC
    found = with_rows(enrolment(2, ANNA, timeend=midnight + hour * 3600))
    found.moodle = replace(found.moodle, time_zone=zone)
    assert why_not(found) == f"the manual enrolment ended on {day}"


# ── Accounts ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"deleted": True}, "deleted in Moodle"),
        ({"suspended": True}, "suspended in Moodle"),
        ({"confirmed": False}, "not confirmed in Moodle"),
        ({"auth": "nologin"}, "may not log in to Moodle (authentication 'nologin')"),
        ({"guest": True}, "the guest user"),
    ],
)
def test_an_account_that_moodle_would_not_let_in_does_not_count(
    values: dict[str, bool], reason: str
) -> None:
    found = with_person(person(ANNA, **values))
    assert not counts(found)
    assert not found.is_active_somewhere(ANNA)
    assert why_not(found) == reason


@pytest.mark.parametrize("auth", ["manual", "oauth2", "ldap", "mnet"])
def test_every_way_to_log_in_counts(auth: str) -> None:
    assert counts(with_person(person(ANNA, auth=auth)))


def test_a_deleted_person_is_called_deleted_even_when_also_suspended() -> None:
    assert why_not(with_person(person(ANNA, deleted=True, suspended=True))) == "deleted in Moodle"


# ── Roles ─────────────────────────────────────────────────────────────────────────────────────────


def test_without_any_role_nobody_counts_and_that_is_said() -> None:
    found = with_roles({(102, ANNA): ()})
    assert not counts(found)
    assert why_not(found) == "holds no included role (has: none)"


def test_a_role_that_is_not_included_does_not_count_and_is_named() -> None:
    found = with_roles({(102, ANNA): (USER,)})
    assert why_not(found) == "holds no included role (has: user)"


@pytest.mark.parametrize("context", [SYSTEM, CATEGORY])
def test_a_role_of_the_category_or_the_site_counts_for_the_enrolled(context: int) -> None:
    assert counts(with_roles({(102, ANNA): (), (context, ANNA): (TUTOR,)}))


def test_a_role_in_another_context_does_not_count() -> None:
    assert not counts(with_roles({(102, ANNA): (), (999, ANNA): (TEACHER,)}))


def test_a_role_without_an_enrolment_makes_nobody_a_member() -> None:
    state = moodle(group(10), people=[person(ANNA)], roles={(CATEGORY, ANNA): (TEACHER,)})
    assert eligibility(state).members(state.groups[10]) == {}


def test_one_included_role_of_several_is_enough() -> None:
    assert counts(with_roles({(102, ANNA): (USER, STUDENT)}))


@pytest.mark.parametrize("order", [(STUDENT, TEACHER, TUTOR), (TEACHER, TUTOR, STUDENT)])
def test_of_several_roles_the_strongest_counts(order: tuple[int, ...]) -> None:
    found = with_roles({(102, ANNA): order})
    assert found.members(found.moodle.groups[10]) == {ANNA: RoomRole.MODERATOR}


def test_of_roles_in_several_contexts_the_strongest_counts() -> None:
    found = with_roles({(102, ANNA): (STUDENT,), (CATEGORY, ANNA): (TEACHER,)})
    assert found.members(found.moodle.groups[10]) == {ANNA: RoomRole.MODERATOR}


def test_everybody_holds_the_default_role() -> None:
    found = eligibility(
        moodle(group(10, "A", [ANNA]), roles={(102, ANNA): ()}, default_role_id=USER),
        {USER: RoomRole.MEMBER},
    )
    assert counts(found)


def test_the_default_role_counts_where_it_is_the_stronger_one() -> None:
    found = eligibility(
        moodle(group(10, "A", [ANNA]), default_role_id=USER),
        {STUDENT: RoomRole.MEMBER, USER: RoomRole.LEADER},
    )
    assert found.members(found.moodle.groups[10]) == {ANNA: RoomRole.LEADER}


def test_without_an_included_role_nobody_counts() -> None:
    assert not counts(eligibility(moodle(group(10, "A", [ANNA])), {}))


def test_the_roles_of_one_course_do_not_count_in_another() -> None:
    state = moodle(
        group(10, "A", [ANNA]),
        group(11, "B", [ANNA], course_id=3),
        courses=[course(3, context_ids=(SYSTEM, 103))],
        roles={(102, ANNA): (), (103, ANNA): (STUDENT,)},
    )
    assert eligibility(state).members(state.groups[10]) == {}
    assert ANNA in eligibility(state).members(state.groups[11])
