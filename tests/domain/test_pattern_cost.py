"""How many steps a pattern may need: counted, so that the same pattern has the same verdict."""

import pytest
import regex

from integration.domain.pattern_cost import NAME_LENGTH, worst_name
from integration.domain.pattern_paths import TooComplex, paths_of

ONE_WAY = (
    r"(ab|a)*c",
    r"(a|b|c)*d",
    r"(\w+\s)*",
    r"^\S+(\s\S+)*$",
    r"^(?:\w+[ -])*\w+$",
    r"^((ab)+c)*$",
    r"(\d+[,;]?\s)*\d+$",
    r"^(Kurs|Gruppe|Group|Groupe|Équipe)( \d+)*$",
    r"(?i)^(ws|ss)\d{2,4}(/\d{2})?$",
    r"[A-Z]{2,5}-\d{1,3}",
    r".{1,255}",
    r"(.)\1",
    r"^(?!.*(test|alt)).*$",
    r"^(?=.*\d)(?=.*[A-Z]).+$",
    r"\b\w+\b \b\w+\b",
)
REMEMBERED_BY_THE_ENGINE = (
    r".*-.*-.*-.*-.*$",
    r"(.+)-(.+)-(.+)-(.+)$",
    r".*Group.*Seminar.*WS.*",
    r"\d+\d+\d+\d+$",
    r"(.*a){12}$",
)
DOUBLES_WITH_EVERY_LETTER = (
    r"(a+)+$",
    r"(a|a)*$",
    r"(a|aa)+$",
    r"(x|x)+y$",
    r"(ab|ab)+c",
    r"(foo|foo)+bar",
    r"(x+x+)+y",
    r"([a-z]+)*$",
    r"^(\w+\s?)*$",
    r"^(\w+|\d+)+$",
    r"^(\w+|-)*$",
    r"(\d{2}|\d{4})+$",
    r"(a{1,3})+$",
    r"(ab|bc|a|c)*$",
    r"^(a|ä|.)+$",
    r"(?i)(a|A)+$",
    r"(?x) ( a | a ) + $",
    r"(?>(a|a)*)b",
    r"(?!(a|a)+$)b",
    r"(?<=(a|a)+)b$",
    r"((a|a)*)\1x",
)
WITHOUT_AN_OPEN_REPEAT = (
    r"(a?){30}a{30}",
    r"(a|a){40}$",
    r"(?:(?:a|aa){1,30}){1,30}$",
)
A_HIGH_POWER = (r".*?-.*?-.*?-.*?-.*?$", r"(.*)(.*)(.*)\1\2x")
HARMLESS = (*ONE_WAY, *REMEMBERED_BY_THE_ENGINE)
EVIL = (*DOUBLES_WITH_EVERY_LETTER, *WITHOUT_AN_OPEN_REPEAT, *A_HIGH_POWER)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_pattern_with_few_ways_through_every_name_is_harmless(text: str) -> None:
    assert worst_name(text, 0) is None


@pytest.mark.parametrize("text", EVIL)
def test_a_pattern_with_too_many_ways_through_a_name_is_found_with_the_name(text: str) -> None:
    name = worst_name(text, 0)
    assert name is not None
    assert len(name) == NAME_LENGTH


def test_a_repeat_that_can_never_fail_is_harmless() -> None:
    assert worst_name("(a|a)*", 0) is None
    assert worst_name("(a|a)*$", 0) is not None


def test_the_flag_for_the_case_counts() -> None:
    assert worst_name("(a|A)+$", 0) is None
    assert worst_name("(a|A)+$", regex.I) is not None


def test_blanks_are_read_as_the_flags_say() -> None:
    assert worst_name("(a |a)+$", 0) is None
    assert worst_name("(a |a)+$", regex.X) is not None


def test_a_word_too_long_to_be_repeated_often_is_harmless() -> None:
    word = "bcdefghijklmnopqrstuvwxyz"
    assert worst_name(f"((a|a){word})*$", 0) is None
    assert worst_name("((a|a)bcd)*$", 0) is not None


@pytest.mark.parametrize("text", [r"(a(?R)?b)", r"(?:abcde){e<=2}", r"(?:\w{250}){5}"])
def test_what_cannot_be_counted_is_said(text: str) -> None:
    with pytest.raises(TooComplex):
        worst_name(text, 0)


@pytest.mark.parametrize("text", [*HARMLESS, *EVIL])
def test_the_positions_are_those_of_the_engine(text: str) -> None:
    """The parser is the engine's own, and private: a release that changes it fails here."""
    assert paths_of(text, 0).letters
