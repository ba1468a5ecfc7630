"""What should be true in Rocket.Chat, from Moodle and the settings."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.errors import ConfigurationError
from integration.domain.patterns import Pattern
from integration.domain.policy import AccountsFor, Deactivation, Policy
from integration.domain.state import (
    EVERYTHING,
    Ending,
    Managed,
    ManagedAccount,
    MoodleState,
    NameRules,
    RoomRole,
    Scope,
)
from integration.services.sync.desired import Desired, desire
from tests.support.builders import (
    STUDENT,
    TEACHER,
    channel_link,
    course,
    enrolment,
    group,
    link,
    managed,
    moodle,
    person,
    policy,
)

ANNA, BEN = 7, 8
NOTHING = Managed()


def desired(
    state: MoodleState,
    rules: Policy | None = None,
    known: Managed = NOTHING,
    scope: Scope = EVERYTHING,
) -> Desired:
    return desire(state, rules or policy(), NameRules(), known, scope)


def ending(state: MoodleState, rules: Policy, group_id: int = 10) -> tuple[Ending, str] | None:
    """Of the managed channel of group 10 in course 2."""
    found = desired(state, rules, managed(channel_link(group_id))).endings.get(group_id)
    return (found.ending, found.reason) if found else None


# ── Channels ──────────────────────────────────────────────────────────────────────────────────────


def test_a_group_that_a_pattern_chooses_gets_a_channel_with_its_members() -> None:
    (channel,) = desired(moodle(group(10, "A", [ANNA]))).channels.values()
    assert (channel.group_id, channel.course_id, channel.name) == (10, 2, "A")
    assert channel.members == {ANNA: RoomRole.MEMBER}


def test_without_an_include_pattern_there_is_no_channel() -> None:
    assert desired(moodle(group(10)), policy(include=[])).channels == {}


def test_an_excluded_group_gets_no_channel() -> None:
    state = moodle(group(10, "A"), group(11, "B"))
    assert desired(state, policy(exclude=["A"])).channels.keys() == {11}


@pytest.mark.parametrize(("visibility", "chosen"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_group_whose_members_are_hidden_gets_no_channel(visibility: int, chosen: bool) -> None:
    state = moodle(group(10, visibility=visibility))
    assert bool(desired(state).channels) is chosen


def test_hidden_member_lists_may_be_shown_by_the_settings() -> None:
    state = moodle(group(10, visibility=3))
    assert desired(state, policy(hidden_member_lists=True)).channels


def test_an_empty_group_gets_its_channel() -> None:
    assert desired(moodle(group(10))).channels


def test_an_empty_group_gets_none_where_the_settings_say_so() -> None:
    assert not desired(moodle(group(10)), policy(empty_channels=False)).channels


def test_a_channel_that_became_empty_stays_wanted() -> None:
    known = managed(channel_link(10))
    assert desired(moodle(group(10)), policy(empty_channels=False), known).channels


def test_only_courses_of_the_scope_are_looked_at() -> None:
    state = moodle(group(10), group(11, course_id=3))
    scope = Scope(courses=frozenset({3}))
    assert desired(state, scope=scope).channels.keys() == {11}


def test_the_topic_is_filled_in_from_the_template() -> None:
    state = moodle(group(10, "A"), courses=[course(fullname="Biology\n101")])
    rules = policy(topic_template="{group} · {course_fullname}")
    assert desired(state, rules).channels[10].texts.topic == "A · Biology 101"


def test_an_included_role_that_moodle_does_not_have_stops_the_run() -> None:
    rules = policy(roles={99: RoomRole.MEMBER})
    with pytest.raises(ConfigurationError, match="no role with the id 99") as caught:
        desired(moodle(), rules)
    assert "Included roles" in caught.value.hint


# ── Endings ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", list(Ending))
def test_a_deleted_group_ends_its_channel_by_the_settings(kind: Ending) -> None:
    found = ending(moodle(courses=[course()]), policy(on_group_deleted=kind))
    assert found == (kind, "the group was deleted in Moodle")


@pytest.mark.parametrize("kind", list(Ending))
def test_a_deleted_course_ends_its_channels_by_the_settings(kind: Ending) -> None:
    found = ending(moodle(integrated=[2]), policy(on_course_deleted=kind))
    assert found == (kind, "the course was deleted in Moodle")


@pytest.mark.parametrize("kind", list(Ending))
def test_a_pattern_that_no_longer_matches_ends_the_channel_by_the_settings(kind: Ending) -> None:
    rules = policy(include=["B"], on_pattern_unmatched=kind)
    assert ending(moodle(group(10, "A")), rules) == (kind, "no include pattern matches the name")


def test_the_excluding_pattern_is_the_reason_of_an_ending() -> None:
    found = ending(moodle(group(10, "A")), policy(exclude=["^A"]))
    assert found is not None
    assert found[1] == "matches the exclude pattern ^A"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"roles": {}}, "no role is included"),
        ({"patterns": ()}, "there is no include pattern"),
        ({"patterns": (Pattern("x", exclude=True),)}, "there is no include pattern"),
    ],
)
def test_without_any_choice_nothing_ends_and_nobody_leaves(
    rules: dict[str, Any], reason: str
) -> None:
    found = desired(
        moodle(group(10, "A", [ANNA]), group(11, "B")),
        replace(policy(on_pattern_unmatched=Ending.ARCHIVE), **rules),
        managed(channel_link(10)),
    )
    assert found.channels == {}
    assert [(end.ending, end.reason) for end in found.endings.values()] == [(Ending.KEEP, reason)]


@pytest.mark.parametrize("kind", list(Ending))
def test_a_hidden_course_ends_its_channels_where_the_settings_say_so(kind: Ending) -> None:
    state = moodle(group(10), courses=[course(visible=False)])
    assert ending(state, policy(on_course_hidden=kind)) == (kind, "the course is hidden")


def test_a_hidden_course_goes_on_as_before_otherwise() -> None:
    state = moodle(group(10, "A", [ANNA]), courses=[course(visible=False)])
    assert desired(state).channels[10].members


def test_a_course_that_is_not_integrated_any_more_keeps_its_channels() -> None:
    found = ending(moodle(courses=[course()], integrated=[]), policy())
    assert found == (Ending.KEEP, "the course is not integrated any more")


def test_a_course_outside_the_scope_ends_nothing() -> None:
    known = managed(channel_link(10, course_id=3))
    found = desired(moodle(), known=known, scope=Scope(courses=frozenset({2})))
    assert found.endings == {}


def test_an_undecided_group_ends_nothing() -> None:
    state = moodle(group(10, "x" * 200 + "!"))
    found = desired(state, policy(include=["(x|x)+$"]), managed(channel_link(10)))
    assert found.endings == {}
    assert found.channels == {}
    assert found.undecided.keys() == {10}


# ── Accounts ──────────────────────────────────────────────────────────────────────────────────────


def test_members_of_channels_are_to_have_accounts() -> None:
    state = moodle(group(10, "A", [ANNA]), enrolments=[enrolment(2, BEN)])
    assert desired(state).accounts.keys() == {ANNA}


def test_everybody_enrolled_may_be_to_have_one() -> None:
    state = moodle(group(10, "A", [ANNA]), enrolments=[enrolment(2, BEN)])
    found = desired(state, policy(accounts_for=AccountsFor.ENROLLED))
    assert found.accounts.keys() == {ANNA, BEN}


def test_enrolled_without_an_included_role_is_not_enough() -> None:
    state = moodle(courses=[course()], enrolments=[enrolment(2, BEN)], roles={(102, BEN): ()})
    assert not desired(state, policy(accounts_for=AccountsFor.ENROLLED)).accounts


def test_a_person_outside_the_scope_is_left_out() -> None:
    state = moodle(group(10, "A", [ANNA, BEN]))
    assert desired(state, scope=Scope(users=frozenset({BEN}))).accounts.keys() == {BEN}


def activity(kind: Deactivation, state: MoodleState) -> tuple[bool | None, str]:
    found = desired(state, policy(deactivation=kind), managed(link(ANNA))).accounts[ANNA]
    return found.active, found.reason


SUSPENDED = moodle(group(10, "A", [ANNA]), people=[person(ANNA, suspended=True)])
GONE = moodle(courses=[course()], people=[person(ANNA)])
ELSEWHERE = moodle(
    group(10, "A", [ANNA]),
    group(11, "B", [ANNA], course_id=3),
    enrolments=[enrolment(2, ANNA, status=1)],
)


@pytest.mark.parametrize(
    ("kind", "state", "active"),
    [
        (Deactivation.NEVER, SUSPENDED, True),
        (Deactivation.NEVER, GONE, True),
        (Deactivation.MOODLE_ACCOUNT, SUSPENDED, False),
        (Deactivation.MOODLE_ACCOUNT, GONE, True),
        (Deactivation.ENROLMENT, SUSPENDED, False),
        (Deactivation.ENROLMENT, GONE, False),
        (Deactivation.ENROLMENT, ELSEWHERE, True),
    ],
)
def test_an_account_is_deactivated_by_the_settings(
    kind: Deactivation, state: MoodleState, active: bool
) -> None:
    assert activity(kind, state)[0] is active


NO_ROLE = moodle(group(10, "A", [ANNA]), roles={(102, ANNA): ()})
WATCHED = policy(accounts_kept=frozenset())


@pytest.mark.parametrize(
    ("rules", "scope", "known", "active"),
    [
        (policy(), EVERYTHING, link(ANNA), True),
        (WATCHED, EVERYTHING, link(ANNA), False),
        (WATCHED, Scope(users=frozenset({ANNA})), link(ANNA), False),
        (WATCHED, Scope(courses=frozenset(), users=frozenset({ANNA})), link(ANNA), False),
        (WATCHED, Scope(courses=frozenset({2})), link(ANNA), None),
        (WATCHED, Scope(courses=frozenset({2})), link(ANNA, deactivated=True), None),
        (replace(WATCHED, deactivation=Deactivation.MOODLE_ACCOUNT), EVERYTHING, link(ANNA), True),
        (replace(WATCHED, roles={}), EVERYTHING, link(ANNA), True),
    ],
)
def test_losing_every_role_deactivates_only_where_wanted_and_where_all_roles_were_read(
    rules: Policy, scope: Scope, known: ManagedAccount, active: bool | None
) -> None:
    assert desired(NO_ROLE, rules, managed(known), scope).accounts[ANNA].active is active


def test_the_reason_of_a_deactivation_is_in_words() -> None:
    assert activity(Deactivation.ENROLMENT, SUSPENDED)[1] == "suspended in Moodle"
    words = "has no active enrolment in any integrated course"
    assert activity(Deactivation.ENROLMENT, GONE)[1] == words


def test_activity_is_decided_over_all_courses_whatever_the_scope() -> None:
    rules = policy(roles={STUDENT: RoomRole.MEMBER, TEACHER: RoomRole.MODERATOR})
    found = desired(ELSEWHERE, rules, managed(link(ANNA)), Scope(courses=frozenset({2})))
    assert found.accounts[ANNA].active
