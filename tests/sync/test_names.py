"""Names that Rocket.Chat accepts: legal, unique, and stable once given."""

import re

import pytest

from integration.domain.operations import CreateAccount, CreateChannel, FreeName, RenameChannel
from integration.domain.state import NameRules
from integration.services.sync import names
from tests.support.builders import (
    Case,
    account,
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
    base = names.channel_name("{group}", course(), group(10, title).group, RULES)
    known = names.unique(base, "group", 10, lambda name: name != base, names.MAX_CHANNEL_NAME)
    assert renamed(title, known) == []


def renames(case: Case) -> list[tuple[str, str]]:
    """(old name, new name) in the order in which they are carried out."""
    plan = case.plan()
    assert plan.conflicts == ()
    return [(one.old_name, one.name) for one in operations(plan, RenameChannel)]


def test_two_groups_that_swap_their_names_do_so_in_one_run() -> None:
    case = Case(
        moodle(group(10, "B"), group(11, "A")),
        remote(room("r10", "A"), room("r11", "B")),
        managed(channel_link(10, name="A"), channel_link(11, name="B")),
    )
    steps = [("A", "moving-10"), ("B", "moving-11"), ("A", "B"), ("B", "A")]
    assert renames(case) == steps


def test_a_new_group_gets_the_name_that_another_one_gives_up_in_the_same_run() -> None:
    case = Case(
        moodle(group(10, "Old"), group(11, "A")),
        remote(room("r10", "A")),
        managed(channel_link(10, name="A")),
    )
    plan = case.plan()
    assert [type(one) for one in plan.operations] == [FreeName, CreateChannel, RenameChannel]
    assert [one.name for one in operations(plan, CreateChannel)] == ["A"]


def test_names_that_move_on_in_a_chain_move_in_one_run() -> None:
    case = Case(
        moodle(group(10, "B"), group(11, "C")),
        remote(room("r10", "A"), room("r11", "B")),
        managed(channel_link(10, name="A"), channel_link(11, name="B")),
    )
    assert renames(case) == [("B", "moving-11"), ("A", "B"), ("B", "C")]


def test_a_channel_that_cannot_get_its_new_name_keeps_the_old_one() -> None:
    case = Case(
        moodle(group(10, "B"), group(11, "C")),
        remote(room("r10", "A"), room("r11", "B"), room("r12", "C")),
        managed(channel_link(10, name="A"), channel_link(11, name="B")),
    )
    plan = case.plan()
    assert operations(plan, RenameChannel) == []
    assert [conflict.group_id for conflict in plan.conflicts] == [10, 11]


def test_a_cut_off_run_that_left_a_channel_without_its_name_is_finished_by_the_next() -> None:
    case = Case(
        moodle(group(10, "B")),
        remote(room("r10", "moving-10")),
        managed(channel_link(10, name="moving-10")),
    )
    assert renames(case) == [("moving-10", "B")]


def test_a_rename_to_the_technical_name_takes_a_step_in_between() -> None:
    case = Case(
        moodle(group(10, "Uebung-1")),
        remote(room("r10", "Übung 1", slug="Uebung-1")),
        managed(channel_link(10, name="Übung 1")),
        rules=FREE,
    )
    (rename,) = operations(case.plan(), RenameChannel)
    assert (rename.via, rename.name, rename.requests) == ("moving-10", "Uebung-1", 2)


def test_a_channel_is_not_renamed_to_the_name_of_a_person() -> None:
    case = Case(
        moodle(group(10, "Anna")),
        remote(room("r10", "Old"), account("a1", username="anna")),
        managed(channel_link(10, name="Old")),
    )
    plan = case.plan()
    assert operations(plan, RenameChannel) == []
    assert "an account has this name" in plan.conflicts[0].rocketchat_side


def test_a_long_course_name_is_cut_so_that_the_group_stays() -> None:
    long = course(2, fullname="Introduction to " + "very " * 40 + "long names")
    state = moodle(group(10, "Group 1"), group(11, "Group 2"), courses=[long])
    for rules, ends in ((RULES, ("Group-1", "Group-2")), (FREE, ("Group 1", "Group 2"))):
        plan = Case(state, rules=rules, policy=policy(name_template="{course_fullname} {group}"))
        found = [one.name for one in operations(plan.plan(), CreateChannel)]
        assert all(len(name) <= names.MAX_CHANNEL_NAME for name in found)
        assert tuple(name[-7:] for name in found) == ends
        assert found[0].startswith("Introduction")


@pytest.mark.parametrize("title", ["🐘🐘🐘", "///", ".", "---", "\u0301\u0301", "!?"])
def test_a_free_name_of_which_the_server_would_keep_nothing_becomes_group_and_its_id(
    title: str,
) -> None:
    assert new_names(title, rules=FREE) == ["group-10"]


@pytest.mark.parametrize("title", ["小组一", "مجموعة", "Ж"])
def test_a_free_name_of_letters_stays(title: str) -> None:
    assert new_names(title, rules=FREE) == [title]


def test_free_names_that_differ_only_in_how_they_are_encoded_become_two() -> None:
    composed, decomposed = "\u00dcbung 1", "U\u0308bung 1"
    assert new_names(composed, decomposed, rules=FREE) == [composed, f"{composed}-11"]


def test_a_free_name_whose_technical_name_is_reserved_gets_the_id() -> None:
    assert new_names("Admin!", rules=FREE) == ["Admin!-10"]


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


@pytest.mark.parametrize(
    ("first", "shown"), [("100 %", "100 ％ M"), ("%3Cb", "％3Cb M"), ("%E4%", "％E4％ M")]
)
def test_a_percent_sign_in_a_name_becomes_the_wide_one(first: str, shown: str) -> None:
    assert names.display_name(person(1, firstname=first, lastname="M")) == shown


def test_a_display_name_keeps_letters_of_every_script() -> None:
    assert names.display_name(person(1, firstname="王", lastname="Ünal")) == "王 Ünal"


def test_a_display_name_loses_direction_marks() -> None:
    assert names.display_name(person(1, firstname="A\u202e", lastname="B")) == "A B"


def test_a_person_without_a_printable_name_is_called_by_the_username() -> None:
    assert names.display_name(person(1, firstname="<", lastname=">")) == "user1"


def test_a_person_without_any_printable_name_is_called_by_the_id() -> None:
    odd = person(1, firstname="<", lastname=">", username="<>")
    assert names.display_name(odd) == "User 1"
