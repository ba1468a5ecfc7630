"""Each course is planned by its own policy: the site's, with what its categories and it say."""

from dataclasses import replace
from typing import Any

import pytest

from integration.domain.conflicts import ConflictKind
from integration.domain.errors import ConfigurationError
from integration.domain.levels import Level, LevelKind, OwnSettings
from integration.domain.operations import Archive, CreateChannel, RemoveMember, SetReadOnly
from integration.domain.patterns import Pattern
from integration.domain.policy import Cause, Policy
from integration.domain.state import Ending, NameRules, RoomRole, Scope
from integration.services.sync.desired import Desired, desire
from integration.services.sync.differences import DifferenceKind, remaining
from integration.services.sync.plan import Plan
from tests.support.builders import (
    OURS,
    STUDENT,
    TEACHER,
    Case,
    account,
    channel_link,
    course,
    enrolment,
    group,
    link,
    managed,
    moodle,
    operations,
    policy,
    remote,
    room,
)

ANNA, BEN = 7, 8
SCIENCE, FIRST_YEAR = 1, 2  # category 2 lies in 1


def of_category(number: int, **values: Any) -> OwnSettings:
    return OwnSettings(Level(LevelKind.CATEGORY, number, f"Category {number}"), values)


def of_course(number: int, **values: Any) -> OwnSettings:
    return OwnSettings(Level(LevelKind.COURSE, number, f"C{number}"), values)


def two_courses(**values: Any) -> Any:
    """Course 2 lies in Science / First year, course 3 in no category that has settings."""
    courses = [course(2, categories=(SCIENCE, FIRST_YEAR)), course(3, categories=(9,))]
    groups = [group(10, "A", [ANNA]), group(11, "B", [BEN], course_id=3)]
    return moodle(*groups, courses=courses, **values)


def desired(site: Policy, state: Any = None, **known: Any) -> Desired:
    return desire(state or two_courses(), site, NameRules(), managed(**known), Scope())


def test_a_category_names_the_channels_of_its_courses_only() -> None:
    site = policy(own=(of_category(SCIENCE, name_template="sci-{group}"),))
    names = {number: one.name for number, one in desired(site).channels.items()}
    assert names == {10: "sci-A", 11: "B"}


def test_a_course_goes_before_its_category_and_a_sub_category_before_its_parent() -> None:
    own: tuple[OwnSettings, ...] = (
        of_category(SCIENCE, name_template="sci-{group}", topic_template="Science"),
        of_category(FIRST_YEAR, name_template="y1-{group}"),
    )
    channel = desired(policy(own=own)).channels[10]
    assert (channel.name, channel.texts.topic) == ("y1-A", "Science")
    own = (*own, of_course(2, name_template="c-{group}"))
    assert desired(policy(own=own)).channels[10].name == "c-A"


def test_patterns_of_a_level_stand_in_place_of_those_that_are_inherited() -> None:
    none = (Pattern("^Z"),)
    site = policy(own=(of_category(SCIENCE, patterns=none),))
    assert set(desired(site).channels) == {11}
    site = policy(include=["^Z"], own=(of_course(2, patterns=(Pattern("^A$"),)),))
    assert set(desired(site).channels) == {10}


def test_roles_of_a_level_decide_who_is_a_member_and_what_they_are_there() -> None:
    state = two_courses(roles={(102, BEN): (TEACHER,)}, enrolments=[enrolment(2, BEN)])
    state = replace(state, group_members={10: (ANNA, BEN), 11: (BEN,)})
    site = policy(own=(of_course(2, roles={TEACHER: RoomRole.OWNER}),))
    found = desired(site, state)
    assert found.channels[10].members == {BEN: RoomRole.OWNER}
    assert found.channels[11].members == {BEN: RoomRole.MEMBER}
    assert "role editingteacher" in found.eligibility.why_member(state.groups[10], BEN)


def test_the_default_role_of_a_level_takes_everybody_of_its_courses_only() -> None:
    state = two_courses(default_role_id=7, roles={(102, ANNA): (), (103, BEN): ()})
    site = policy(own=(of_category(SCIENCE, roles={7: RoomRole.MEMBER}),))
    found = desired(site, state)
    assert found.channels[10].members == {ANNA: RoomRole.MEMBER}
    assert found.channels[11].members == {}


def plan(site: Policy, state: Any = None, **values: Any) -> Plan:
    return Case(state or two_courses(), policy=site, **values).plan()


def test_a_level_decides_whether_its_new_channels_are_public() -> None:
    site = policy(own=(of_category(SCIENCE, private_channels=False),))
    made = operations(plan(site), CreateChannel)
    assert {one.channel.group_id: one.channel.private for one in made} == {10: False, 11: True}


@pytest.mark.parametrize(("private", "said"), [(False, [11]), (True, [10])])
def test_a_public_channel_is_drift_where_its_level_wants_private_ones(
    private: bool, said: list[int]
) -> None:
    own = of_category(SCIENCE, private_channels=private)
    found = plan(
        policy(own=(own,), private_channels=not private),
        managed=managed(channel_link(10, name="A"), channel_link(11, name="B", course_id=3)),
        remote=remote(room("r10", "A", private=False), room("r11", "B", private=False)),
    )
    kind = ConflictKind.CHANNEL_PUBLIC
    assert [one.group_id for one in found.conflicts if one.kind is kind] == said


def hidden(**values: Any) -> Any:
    """Both courses are hidden, and have channels with their members."""
    state = two_courses()
    courses = {number: replace(one, visible=False) for number, one in state.courses.items()}
    people = [link(ANNA), link(BEN)]
    rooms = [channel_link(10, name="A"), channel_link(11, name="B", course_id=3)]
    members = {10: {ANNA: OURS}, 11: {BEN: OURS}}
    accounts, there = [account("a7"), account("a8")], [room("r10", "A", ["a7"])]
    there.append(room("r11", "B", ["a8"]))
    return {
        "state": replace(state, courses=courses, **values),
        "managed": managed(*people, *rooms, members=members),
        "remote": remote(*accounts, *there),
    }


def test_a_level_decides_what_becomes_of_its_channels() -> None:
    site = policy(own=(of_category(SCIENCE, on_course_hidden=Ending.ARCHIVE),))
    found = plan(site, **hidden())
    assert [one.channel.group_id for one in operations(found, Archive)] == [10]
    site = policy(
        on_course_hidden=Ending.READ_ONLY, own=(of_category(SCIENCE, on_course_hidden=None),)
    )
    found = plan(site, **hidden())
    assert [one.channel.group_id for one in operations(found, SetReadOnly)] == [11]
    assert operations(found, Archive) == []


@pytest.mark.parametrize("field", ["on_course_deleted", "on_course_removed"])
def test_a_course_says_what_it_leaves_when_it_is_gone(field: str) -> None:
    site = policy(own=(of_course(2, **{field: Ending.READ_ONLY}),))
    state = replace(
        two_courses(),
        courses={},
        groups={},
        group_members={},
        integrated=frozenset({2, 3} if field == "on_course_deleted" else ()),
    )
    case = hidden()
    found = plan(site, state, managed=case["managed"], remote=case["remote"])
    assert [one.channel.group_id for one in operations(found, SetReadOnly)] == [10]


def test_a_course_without_a_choice_keeps_its_channels_and_is_not_in_step() -> None:
    site = policy(include=[], own=(of_course(3, patterns=(Pattern("."),)),))
    case = hidden()
    found = plan(site, managed=case["managed"], remote=case["remote"])
    assert operations(found, RemoveMember) == []
    left = remaining(Scope(), two_courses(), desired(site), Plan(), ())
    assert [one.kind for one in left.courses[2]] == [DifferenceKind.NO_CHOICE]
    assert left.courses[3] == ()


def test_nobody_is_deactivated_for_a_role_that_nobody_chose_for_the_course() -> None:
    """The site has no role, one course has: whoever is in another course keeps the account."""
    own = (of_course(3, roles={TEACHER: RoomRole.MEMBER}),)
    site = policy(roles={}, own=own, accounts_kept=frozenset[Cause]())
    found = desire(two_courses(), site, NameRules(), managed(link(ANNA), link(BEN)), Scope())
    assert found.accounts[ANNA].active is True
    assert found.accounts[BEN].active is False


def test_a_role_of_a_level_that_moodle_does_not_have_is_named_with_its_level() -> None:
    site = policy(own=(of_category(SCIENCE, roles={STUDENT: "member", 77: "member"}),))
    with pytest.raises(ConfigurationError) as found:
        desired(site)
    assert "77" in str(found.value)
    assert "category 'Category 1'" in str(found.value)
