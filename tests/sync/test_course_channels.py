"""A channel for everybody in a course: planned like that of a group that Moodle has no row of."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.errors import ConfigurationError
from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.operations import (
    AddMembers,
    Archive,
    CreateChannel,
    RemoveMember,
    RenameChannel,
    SetRoomRole,
)
from integration.domain.policy import Cause, Policy
from integration.domain.state import Ending, RoomRole, Scope
from integration.services.sync.course_groups import course_group_id
from integration.services.sync.names import check_course_template
from tests.support.builders import (
    OURS,
    TEACHER,
    Case,
    account,
    channel_link,
    course,
    enrolment,
    group,
    kinds,
    link,
    managed,
    moodle,
    operations,
    policy,
    remote,
    room,
)

ANNA, BEN, CARA = 7, 8, 9
EVERYBODY = course_group_id(2)


def state(**values: Any) -> Any:
    """Anna is in a group, Ben in none; Cara's enrolment is suspended. Anna teaches."""
    return moodle(
        group(10, "A", [ANNA]),
        enrolments=[
            enrolment(2, ANNA),
            enrolment(2, BEN),
            enrolment(2, CARA, status=1),
        ],
        roles={(102, ANNA): (TEACHER,)},
        **values,
    )


def whole(**values: Any) -> Policy:
    return policy(whole_course=True, **values)


def made(case: Case) -> dict[int, CreateChannel]:
    return {one.channel.group_id: one for one in operations(case.plan(), CreateChannel)}


def test_without_the_setting_a_course_has_no_channel_of_its_own() -> None:
    assert set(made(Case(state()))) == {10}


def test_everybody_with_an_active_enrolment_and_a_role_is_in_it() -> None:
    channel = made(Case(state(), policy=whole()))[EVERYBODY]
    assert channel.channel.name == "C2"
    assert {one.user_id for one in channel.people} == {ANNA, BEN}
    assert str(channel.reason) == "course C2 should have a channel for everybody"
    assert channel.people[1].reason == "in course C2; active by manual enrolment; role student"


def test_its_name_has_a_template_of_its_own_and_its_roles_are_those_of_the_policy() -> None:
    plan = Case(state(), policy=whole(course_name_template="all-{course_id}")).plan()
    names = {one.channel.name for one in operations(plan, CreateChannel)}
    assert names == {"A", "all-2"}
    moderators = {
        one.channel.group_id
        for one in operations(plan, SetRoomRole)
        if one.role is RoomRole.MODERATOR and one.user_id == ANNA
    }
    assert moderators == {10, EVERYBODY}


def test_a_name_of_which_nothing_is_left_says_that_it_is_a_course() -> None:
    site = whole(course_name_template="///")
    assert made(Case(state(), policy=site))[EVERYBODY].channel.name == "course-2"


def test_it_takes_no_pattern_but_a_role() -> None:
    assert set(made(Case(state(), policy=whole(include=[])))) == {EVERYBODY}
    assert made(Case(state(), policy=whole(roles={}))) == {}


def test_a_level_decides_which_courses_have_one() -> None:
    own = OwnSettings(Level(LevelKind.COURSE, 3), {"whole_course": True})
    both = moodle(group(10, "A", [ANNA]), courses=[course(2), course(3)])
    site = policy(own=(own,), empty_channels=True)
    assert set(made(Case(both, policy=site))) == {10, course_group_id(3)}


def test_only_courses_of_the_scope_are_looked_at() -> None:
    both = moodle(group(10, "A", [ANNA]), courses=[course(2), course(3)])
    case = Case(both, policy=whole(), scope=Scope(courses=frozenset({2})))
    assert set(made(case)) == {10, EVERYBODY}


def existing(policy_: Policy, moodle_: Any = None, **values: Any) -> Case:
    """The channel is there with Anna, Ben and Cara, whom rcsync put in."""
    people = [link(user) for user in (ANNA, BEN, CARA)]
    known = managed(
        *people,
        channel_link(EVERYBODY, "r2", name="C2", course_id=2, **values),
        channel_link(10, name="A"),
        members={EVERYBODY: {ANNA: replace_role(), BEN: OURS, CARA: OURS}, 10: {ANNA: OURS}},
    )
    there = remote(
        *(account(f"a{user}") for user in (ANNA, BEN, CARA)),
        room("r2", "C2", ["a7", "a8", "a9"]),
        room("r10", "A", ["a7"]),
    )
    return Case(moodle_ or state(), there, known, policy_)


def replace_role() -> Any:
    return OURS._replace(role=RoomRole.MODERATOR)


def test_who_does_not_count_any_more_leaves_it_with_the_reason() -> None:
    removed = [
        one
        for one in operations(existing(whole()).plan(), RemoveMember)
        if one.channel.group_id == EVERYBODY
    ]
    assert [(one.user_id, str(one.reason)) for one in removed] == [
        (CARA, "the manual enrolment is suspended")
    ]


def test_the_causes_that_keep_members_of_groups_keep_them_here_too() -> None:
    site = whole(members_kept=frozenset({Cause.UNENROLLED}))
    assert operations(existing(site).plan(), RemoveMember) == []
    gone = replace(state(), enrolments={2: {ANNA: (enrolment(2, ANNA).row,)}})
    assert operations(existing(site, gone).plan(), RemoveMember) == []


def test_somebody_who_is_new_in_the_course_joins_it() -> None:
    dora = 11
    more = replace(
        state(),
        enrolments={2: {**state().enrolments[2], dora: (enrolment(2, dora).row,)}},
        people={
            **state().people,
            dora: state()
            .people[BEN]
            ._replace(user_id=dora, username="user11", email="user11@uni.invalid"),
        },
        roles={102: {**state().roles[102], dora: (5,)}},
    )
    joined = [
        one
        for one in operations(existing(whole(), more).plan(), AddMembers)
        if one.channel.group_id == EVERYBODY
    ]
    assert [joiner.user_id for one in joined for joiner in one.people] == [dora]


def test_it_follows_the_name_of_the_course() -> None:
    renamed = replace(state(), courses={2: course(2, shortname="BIO")})
    (one,) = operations(existing(whole(), renamed).plan(), RenameChannel)
    assert (one.channel.group_id, one.channel.name) == (EVERYBODY, "BIO")


def test_switched_off_it_ends_as_where_no_pattern_matches() -> None:
    assert operations(existing(policy()).plan(), Archive) == []
    site = policy(on_pattern_unmatched=Ending.ARCHIVE)
    (one,) = operations(existing(site).plan(), Archive)
    assert one.channel.group_id == EVERYBODY
    assert str(one.reason) == "by the settings, the whole course has no channel"


def test_a_deleted_course_ends_it_as_the_settings_say() -> None:
    gone = replace(state(), courses={}, groups={}, group_members={}, enrolments={2: {}})
    site = whole(on_course_deleted=Ending.ARCHIVE)
    archived = {one.channel.group_id for one in operations(existing(site, gone).plan(), Archive)}
    assert archived == {10, EVERYBODY}


def test_in_step_nothing_is_planned() -> None:
    fine = replace(
        state(), enrolments={2: {user: (enrolment(2, user).row,) for user in (ANNA, BEN, CARA)}}
    )
    case = existing(whole(), fine)
    plan = replace(
        case,
        managed=replace(case.managed, members={**case.managed.members, 10: {ANNA: replace_role()}}),
    ).plan()
    assert kinds(plan) == []


@pytest.mark.parametrize("template", ["all", "{group}", "{curse}", "{course"])
def test_a_template_that_tells_no_courses_apart_is_refused(template: str) -> None:
    with pytest.raises(ConfigurationError):
        check_course_template(template)


def test_the_usual_template_of_a_course_is_accepted() -> None:
    check_course_template(Policy().course_name_template)
