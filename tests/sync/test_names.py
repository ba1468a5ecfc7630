"""Names that Rocket.Chat accepts: legal, unique, and stable once given."""

import re

import pytest

from integration.domain.operations import CreateAccount, CreateChannel, RenameChannel
from integration.domain.state import NameRules
from integration.services.sync import names
from tests.support.builders import (
    Case,
    channel_link,
    course,
    group,
    managed,
    moodle,
    operations,
    person,
    policy,
    remote,
    room,
)

RULES = NameRules()
FREE = NameRules(free_channel_names=True)
ODD = (
    "🐘🐘🐘",
    "小组一",
    "Équipe d'été n° 1",
    "Seminar 01 / Room 2",
    "<b>Bold</b> & \"quoted\" 'name'",
    "{mlang en}Group{mlang}",
    "42",
    "n" * 254,
    "é" * 254,
    "مجموعة",
    "a\u202eb\u0000c",
    "..hidden..",
)


def new_names(*titles: str, rules: NameRules = RULES, **values: str) -> list[str]:
    """The names of new channels for groups of these titles, by group id."""
    groups = [group(10 + number, title) for number, title in enumerate(titles)]
    plan = Case(moodle(*groups), rules=rules, policy=policy(**values)).plan()
    return [one.name for one in operations(plan, CreateChannel)]


def renamed(title: str, known: str) -> list[str]:
    """New names for a channel that is called `known`, when Moodle's group 10 is called `title`."""
    case = Case(
        moodle(group(10, title)),
        remote(room("r10", known)),
        managed(channel_link(10, name=known)),
    )
    return [one.name for one in operations(case.plan(), RenameChannel)]


@pytest.mark.parametrize("title", ODD)
def test_every_name_is_legal_for_the_server(title: str) -> None:
    (name,) = new_names(title)
    assert re.fullmatch(RULES.channel_pattern, name)
    assert len(name) <= names.MAX_CHANNEL_NAME


@pytest.mark.parametrize("title", ODD)
@pytest.mark.parametrize("pattern", ["[0-9a-z_]+", "[a-z0-9.-]+", "[0-9a-zA-Z-_.]+"])
def test_names_are_legal_for_other_patterns_too(title: str, pattern: str) -> None:
    (name,) = new_names(title, rules=NameRules(channel_pattern=pattern))
    assert re.fullmatch(pattern, name)


def test_an_emoji_is_spelled_out() -> None:
    assert new_names("🐘") == ["elephant"]


def test_only_punctuation_becomes_group_and_its_id() -> None:
    assert new_names("///") == ["group-10"]


def test_names_that_are_equal_after_transliteration_become_two() -> None:
    assert new_names("Team X", "Team/X", "Team-X") == ["Team-X", "Team-X-11", "Team-X-12"]


def test_names_that_differ_only_in_case_become_two() -> None:
    assert new_names("Group A", "group a") == ["Group-A", "group-a-11"]


def test_equal_names_of_two_courses_become_two() -> None:
    state = moodle(group(10, "A", course_id=2), group(11, "A", course_id=3))
    plan = Case(state).plan()
    assert [one.name for one in operations(plan, CreateChannel)] == ["A", "A-11"]


def test_long_names_that_begin_alike_become_two() -> None:
    first, second = new_names("n" * 254, "n" * 253)
    assert first != second
    assert len(first) == len(second) == names.MAX_CHANNEL_NAME


def test_a_reserved_name_gets_the_id() -> None:
    assert new_names("all") == ["all-10"]


def test_a_name_that_a_suffix_would_take_is_avoided() -> None:
    assert new_names("Team-12", "Team", "Team") == ["Team-12", "Team", "Team-12-2"]


def test_the_template_may_hold_every_placeholder() -> None:
    template = "{course}.{course_id}.{group}.{group_id}.{course_fullname}"
    assert new_names("A", name_template=template) == ["C2.2.A.10.Course-2"]


def test_braces_in_a_group_name_are_no_placeholders() -> None:
    assert new_names("{course_id}{x}") == ["course_id-x"]


def test_free_names_keep_everything_printable() -> None:
    assert new_names("Équipe d'été 🐘 / 1", rules=FREE) == ["Équipe d'été 🐘 / 1"]


def test_free_names_lose_direction_marks_and_control_characters() -> None:
    assert new_names("A\u202eB\x00\n C", rules=FREE) == ["A B C"]


def test_a_rename_in_moodle_is_followed() -> None:
    assert renamed("New name", known="Old-name") == ["New-name"]


def test_a_change_of_case_in_moodle_is_followed() -> None:
    assert renamed("TEAM", known="Team") == ["TEAM"]


def test_a_rename_to_a_longer_name_is_followed_also_from_a_name_with_a_suffix() -> None:
    assert renamed("Team Blue", known="Team-10") == ["Team-Blue"]


@pytest.mark.parametrize("known", ["Team", "Team-10", "Team-10-2"])
def test_a_name_once_given_stays_while_moodle_stays_the_same(known: str) -> None:
    assert renamed("Team", known) == []


@pytest.mark.parametrize("title", ["room 10 b", "room 1012", "a-10-10", "10", "x" * 254])
def test_a_name_with_a_suffix_stays_even_where_the_title_holds_the_same_number(title: str) -> None:
    base = names.channel_name(title, RULES)
    known = names.unique(base, "group", 10, lambda name: name != base, names.MAX_CHANNEL_NAME)
    assert renamed(title, known) == []


def test_two_groups_that_swap_their_names_do_not_wait_for_each_other() -> None:
    case = Case(
        moodle(group(10, "B"), group(11, "A")),
        remote(room("r10", "A"), room("r11", "B")),
        managed(channel_link(10, name="A"), channel_link(11, name="B")),
    )
    new = [one.name for one in operations(case.plan(), RenameChannel)]
    assert new == ["B-10", "A-11"]


def test_names_stay_where_renames_are_not_followed() -> None:
    case = Case(
        moodle(group(10, "New")),
        remote(room("r10", "Old")),
        managed(channel_link(10, name="Old")),
        policy(follow_renames=False),
    )
    assert case.plan().operations == ()


def test_a_course_rename_changes_names_that_carry_it() -> None:
    case = Case(
        moodle(group(10, "A"), courses=[course(2, shortname="FR-É3")]),
        remote(room("r10", "FR-E2-A")),
        managed(channel_link(10, name="FR-E2-A")),
        policy(name_template="{course}-{group}"),
    )
    assert [one.name for one in operations(case.plan(), RenameChannel)] == ["FR-E3-A"]


# ── People ────────────────────────────────────────────────────────────────────────────────────────


def usernames(*given: str) -> list[str]:
    """Of new accounts, for people with these usernames in Moodle, by Moodle id."""
    people = [person(1 + number, username=one) for number, one in enumerate(given)]
    state = moodle(group(10, "A", range(1, 1 + len(given))), people=people)
    return [one.username for one in operations(Case(state).plan(), CreateAccount)]


@pytest.mark.parametrize("given", ["anna.berg", "j.s-m_ith", "20260042", "ANNA"])
def test_a_legal_username_stays_as_it_is(given: str) -> None:
    assert usernames(given) == [given]


def test_an_address_as_username_becomes_legal() -> None:
    assert usernames("john.smith@uni.invalid") == ["john.smith-uni.invalid"]


def test_the_same_username_on_two_mnet_hosts_becomes_two() -> None:
    assert usernames("anna.berg", "anna.berg") == ["anna.berg", "anna.berg-2"]


def test_usernames_that_differ_in_case_become_two() -> None:
    assert usernames("Anna", "anna") == ["Anna", "anna-2"]


def test_a_username_of_nothing_legal_becomes_user_and_the_id() -> None:
    assert usernames("@@@") == ["user-1"]


def test_a_reserved_username_gets_the_id() -> None:
    assert usernames("admin") == ["admin-1"]


def test_long_usernames_that_begin_alike_become_two() -> None:
    first, second = usernames("u" * 100, "u" * 99)
    assert first != second
    assert len(first) == len(second) == names.MAX_USERNAME


def test_a_display_name_loses_what_the_server_refuses() -> None:
    assert names.display_name(person(1, firstname="<b>A", lastname="B\\/C")) == "b A B C"


def test_a_display_name_keeps_letters_of_every_script() -> None:
    assert names.display_name(person(1, firstname="王", lastname="Ünal")) == "王 Ünal"


def test_a_display_name_loses_direction_marks() -> None:
    assert names.display_name(person(1, firstname="A\u202e", lastname="B")) == "A B"


def test_a_person_without_a_printable_name_is_called_by_the_username() -> None:
    assert names.display_name(person(1, firstname="<", lastname=">")) == "user1"


def test_a_person_without_any_printable_name_is_called_by_the_id() -> None:
    odd = person(1, firstname="<", lastname=">", username="<>")
    assert names.display_name(odd) == "User 1"
