"""Settings of categories and courses: the nearest level wins, field by field (hypothesis)."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain.course_policies import CoursePolicies, resolve, variants
from integration.domain.levels import FOR_ALL, FOR_COURSES, SITE, Level, LevelKind, OwnSettings
from integration.domain.patterns import Pattern
from integration.domain.policy import Policy
from integration.domain.state import Ending, RoomRole
from tests.support.builders import course

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name_template": st.sampled_from(["{group}", "{course}", "x"]),
    **dict.fromkeys(
        ("topic_template", "description_template", "announcement_template"),
        st.sampled_from(["", "{group}"]),
    ),
    "private_channels": st.booleans(),
    "whole_course": st.booleans(),
    "course_name_template": st.sampled_from(["{course}", "all"]),
    "patterns": st.sampled_from([(), (Pattern("a"),), (Pattern("b", exclude=True),)]),
    "roles": st.sampled_from([{}, {5: RoomRole.MEMBER}, {3: RoomRole.OWNER}]),
    **dict.fromkeys(
        ("on_group_deleted", "on_pattern_unmatched", "on_group_hidden", *FOR_COURSES),
        st.sampled_from(Ending),
    ),
    **dict.fromkeys(
        ("on_course_hidden", "on_course_ended", "on_category_hidden"),
        st.sampled_from([None, *Ending]),
    ),
    "on_course_not_begun": st.sampled_from([None, Ending.READ_ONLY]),
}
PATH = (1, 2, 3)  # category 1 holds 2, which holds 3
COURSE = 7


@st.composite
def own_settings(draw: Any, kind: LevelKind, number: int) -> OwnSettings:
    names = FOR_ALL if kind is LevelKind.CATEGORY else (*FOR_ALL, *FOR_COURSES)
    chosen = draw(st.sets(st.sampled_from(names)))
    return OwnSettings(Level(kind, number), {name: draw(VALUES[name]) for name in chosen})


@st.composite
def policies(draw: Any) -> Policy:
    """Of up to three categories, of the course, and of levels that have nothing to do with it."""
    levels = [own_settings(LevelKind.CATEGORY, number) for number in (*PATH, 99)]
    levels += [own_settings(LevelKind.COURSE, number) for number in (COURSE, 1)]
    there = draw(st.lists(st.sampled_from(range(len(levels))), unique=True))
    return Policy(own=tuple(draw(levels[number]) for number in there))


def nearest(site: Policy, name: str) -> tuple[Any, Level]:
    """The rule, said in another way than the product does."""
    keys = [(LevelKind.COURSE, COURSE)]
    keys += [(LevelKind.CATEGORY, number) for number in reversed(PATH)]
    for key in keys:
        for own in site.own:
            if own.level.key == key and name in own.values:
                return own.values[name], own.level
    return getattr(site, name), SITE


@given(policies())
def test_the_nearest_level_wins_field_by_field(site: Policy) -> None:
    found = resolve(site, PATH, COURSE)
    for field in fields(Policy):
        value, level = nearest(site, field.name)
        assert getattr(found.policy, field.name) == value
        assert found.origin(field.name) == level


@given(policies())
def test_a_category_that_nobody_knows_inherits_from_its_known_parents(site: Policy) -> None:
    assert resolve(site, (*PATH, 12345), None) == resolve(site, PATH, None)
    assert resolve(site, (0, *PATH), COURSE) == resolve(site, PATH, COURSE)


@given(policies())
def test_settings_of_other_levels_change_nothing(site: Policy) -> None:
    ours = [own for own in site.own if own.level.number != 99 and own.level.key != ("course", 1)]
    alone = resolve(Policy(own=tuple(ours)), PATH, COURSE)
    found = resolve(site, PATH, COURSE)
    assert found.origins == alone.origins
    assert all(
        getattr(found.policy, name) == getattr(alone.policy, name)
        for name in (*FOR_ALL, *FOR_COURSES)
    )


@given(policies())
def test_the_order_of_the_rows_does_not_matter(site: Policy) -> None:
    turned = Policy(own=tuple(reversed(site.own)))
    found, other = resolve(site, PATH, COURSE), resolve(turned, PATH, COURSE)
    assert found.origins == other.origins


@given(policies())
def test_all_that_can_come_of_a_policy_is_among_its_variants(site: Policy) -> None:
    found = resolve(site, PATH, COURSE).policy
    possible = list(variants(site))
    for name in (*FOR_ALL, *FOR_COURSES):
        assert any(getattr(one, name) == getattr(found, name) for one in possible)


def test_without_own_settings_every_course_has_the_policy_of_the_site() -> None:
    site = Policy()
    known = CoursePolicies(site, {2: course(2, categories=(1, 2))})
    assert known.of(2) is site
    assert known.of(3) is site
    assert known.own_roles() == {}


def test_a_course_that_moodle_does_not_have_still_has_its_own_settings() -> None:
    own = OwnSettings(Level(LevelKind.COURSE, 9), {"on_course_deleted": Ending.KEEP})
    assert CoursePolicies(Policy(own=(own,)), {}).of(9).on_course_deleted is Ending.KEEP


def test_only_courses_with_other_roles_than_the_site_are_named() -> None:
    roles = {3: RoomRole.OWNER}
    own = OwnSettings(Level(LevelKind.CATEGORY, 4), {"roles": roles})
    courses = {2: course(2, categories=(1, 4)), 3: course(3, categories=(1,))}
    assert CoursePolicies(Policy(own=(own,)), courses).own_roles() == {2: roles}


@pytest.mark.parametrize("name", ["limits", "accounts_for", "own", *FOR_COURSES])
def test_a_category_has_no_settings_that_are_the_sites_or_a_courses(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        OwnSettings(Level(LevelKind.CATEGORY, 1), {name: None})
