"""Group patterns: what they match, how they are refused, and that they always come to an end."""

from dataclasses import replace

import pytest

from integration.domain import patterns
from integration.domain.errors import ConfigurationError, PatternTimeout
from integration.domain.patterns import Pattern, check, decide, lines_of, shown, understood
from tests.support.builders import group, moodle, operations, plan_for, policy

ORDINARY = (
    ".*",
    "^Group [A-Z]$",
    "(coach|tutor)",
    r"\bteam\b",
    "^(?!x)",
    "/all/",
    "/^seminar/i",
    r"^\s*(Gruppe|Group|Groupe)\s+\d+\s*$",
    r"(?i)seminar.*(ws|ss)\d+",
    r"\d{4}-\d{2}",
    r"^[^_].*[^_]$",
    r"Übung|Équipe|小组",
    r"^(.+)-(.+)-(.+)$",
    r"[[:alpha:]]+",
    "🐘",
    "/",
    "2024/25",
)
FOR_EVER = Pattern("(x|x)+$")
NAME = "x" * 200 + "!"


def chosen(name: str, *include: str, exclude: str = "") -> bool:
    lines = [Pattern(text) for text in include]
    if exclude:
        lines.append(Pattern(exclude, exclude=True))
    return decide(name, lines).chosen


def test_a_pattern_is_searched_anywhere_in_the_name() -> None:
    assert chosen("Our coaches of 2026", "coach")


def test_a_plain_pattern_heeds_the_case() -> None:
    assert not chosen("Coach", "coach")


def test_slashes_with_i_ignore_the_case() -> None:
    assert chosen("COACHES", "/coach/i")


def test_slashes_without_flags_are_not_part_of_the_pattern() -> None:
    assert chosen("coach", "/coach/")


def test_slashes_with_unknown_flags_are_meant_literally() -> None:
    assert chosen("2024/25", "/25")
    assert not chosen("abc", "/abc/q")


def test_an_escaped_slash_between_slashes_is_a_slash() -> None:
    assert chosen("A/B", r"/a\/b/i")


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("~lab~i", "/lab/i"),
        ("#^Group [A-Z]$#", "/^Group [A-Z]$/"),
        ("{sem(inar)?}i", "/sem(inar)?/i"),
        ("/lab/i", "/lab/i"),
        ("@lab@D", "/lab/"),
        ("(coach|tutor)", "(coach|tutor)"),
        ("[ab]", "[ab]"),
        ("#general", "#general"),
        ("2024/25", "2024/25"),
        (" lab ", " lab "),
    ],
)
def test_a_line_of_php_is_understood_and_a_plain_one_stays(line: str, pattern: str) -> None:
    assert understood(line) == pattern


@pytest.mark.parametrize("line", ["/lab/q", "~lab~e", "/a/b", "{lab}Z"])
def test_a_line_that_would_silently_match_nothing_is_refused_with_the_reason(line: str) -> None:
    with pytest.raises(ConfigurationError, match="which is not known"):
        understood(line)


def test_blanks_at_the_ends_are_made_visible() -> None:
    assert shown("  a b ") == "␣␣a b␣"
    assert shown("a b") == "a b"


def test_pasted_lines_are_patterns_without_the_empty_ones() -> None:
    assert lines_of("a\r\n\r\n b \n  \n") == ["a", " b "]


def test_without_an_include_pattern_no_group_is_chosen() -> None:
    assert not chosen("Group A", exclude="B")


def test_one_matching_include_pattern_of_several_is_enough() -> None:
    assert chosen("Group A", "^B", "A$")


def test_exclude_wins_over_include_whatever_their_order() -> None:
    assert not chosen("Group A", ".*", exclude="A$")


def test_a_decision_names_the_pattern_that_made_it() -> None:
    lines = (Pattern("B"), Pattern("A"), Pattern("x", exclude=True))
    assert decide("Group A", lines).by == Pattern("A")
    assert decide("x", lines).by == Pattern("x", exclude=True)
    assert decide("Group C", lines).by is None


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_patterns_are_accepted(text: str) -> None:
    check(text)


def test_a_pattern_that_may_take_too_many_steps_is_refused_with_a_name_and_a_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"10 million steps .* such as 'aaa") as caught:
        check("(a|aa)+$")
    assert "several ways" in caught.value.hint


def test_a_pattern_whose_steps_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too complex"):
        check("(a(?R)?b)")


@pytest.mark.parametrize("text", ["", "   ", "//", "/ /i"])
def test_an_empty_pattern_is_refused_with_what_matches_everything(text: str) -> None:
    with pytest.raises(ConfigurationError, match="empty") as caught:
        check(text)
    assert ".*" in caught.value.hint


@pytest.mark.parametrize("text", ["(a", "[", "*", "/(a/i", "a{2,1}"])
def test_an_invalid_pattern_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"not valid: \w"):
        check(text)


def test_256_characters_are_too_many() -> None:
    with pytest.raises(ConfigurationError, match="256 characters"):
        check("a" * 256)


def test_255_characters_are_accepted() -> None:
    check("a" * 255)


def test_a_stored_pattern_that_may_take_too_many_steps_is_neither_yes_nor_no() -> None:
    for name in (NAME, "a short name"):
        with pytest.raises(PatternTimeout, match="steps"):
            decide(name, [FOR_EVER])


def test_a_stored_pattern_that_may_take_too_many_steps_never_reaches_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Engine:
        def search(self, *_: object, **__: object) -> None:
            raise AssertionError

    monkeypatch.setattr(patterns, "_compile", lambda _text: Engine())
    with pytest.raises(PatternTimeout):
        decide(NAME, [FOR_EVER])


def test_a_match_that_takes_too_long_all_the_same_is_neither_yes_nor_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Engine:
        def search(self, *_: object, timeout: float) -> None:
            raise TimeoutError

    monkeypatch.setattr(patterns, "_compile", lambda _text: Engine())
    with pytest.raises(PatternTimeout, match="timed out"):
        decide(NAME, [Pattern("x")])


def test_an_undecided_exclude_pattern_leaves_the_group_undecided() -> None:
    with pytest.raises(PatternTimeout):
        decide(NAME, [Pattern(".*"), replace(FOR_EVER, exclude=True)])


def test_the_channel_of_an_undecided_group_is_neither_made_nor_changed_and_that_is_said() -> None:
    state = moodle(group(10, NAME, [1]), group(11, "Group B", [2]))
    plan = plan_for(state, policy=policy(include=["B", FOR_EVER.text]))
    assert {one.group_id for one in operations(plan, object) if hasattr(one, "group_id")} == {11}
    assert [skip.subject for skip in plan.skips] == ["group 10"]
    assert "million steps" in plan.skips[0].reason


# ── Lines of the Moodle plugin local_rocketchat: PHP's PCRE ──────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "converted", "matches", "not_this"),
    [
        ("/all/", "/all/", "Wall", "Group A"),
        ("/coach group [a-z][0-9]/", "/coach group [a-z][0-9]/", "coach group a1", "coach"),
        ("#^seminar#i", "/^seminar/i", "Seminar 1", "A seminar"),
        ("~a/b~", "/a/b/", "a/b", "ab"),
        (r"#c\#1#", r"/c\#1/", "c#1", "c1"),
        (r"/a\/b/", r"/a\/b/", "a/b", "ab"),
        ("(^(x|y)$)", "/^(x|y)$/", "x", "z"),
        ("{^a{2}$}iu", "/^a{2}$/iu", "AA", "aaa"),
        ("[[ab]c]", "/[ab]c/", "bc", "b"),
        ("<tutor>", "/tutor/", "a tutor", "coach"),
        ("  /x/", "/x/", "x", "y"),
        ("//", "/.*/", "anything", None),
        ("/team/A", r"/\A(?:team)/", "team x", "the team"),
        ("/^x$/DUSXJ", "/^x$/", "x", "y"),
    ],
)
def test_a_line_of_the_plugin_matches_what_php_let_it_match(
    line: str, converted: str, matches: str, not_this: str | None
) -> None:
    assert patterns.from_pcre(line) == converted
    assert decide(matches, [Pattern(converted)]).chosen
    assert not_this is None or not decide(not_this, [Pattern(converted)]).chosen


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "no delimiters"),
        ("coach", "no delimiters"),
        (r"\x\\", "no delimiters"),
        ("éxé", "no delimiters"),
        ("/coach", "second delimiter is missing"),
        (r"/coach\/", "second delimiter is missing"),
        ("(a", "second delimiter is missing"),
        ("/a/\r\n/b/", "the flag /"),
        ("/a/e", "the flag e"),
        ("/(a/", "not valid"),
        ("/(a|aa)+$/", "million steps"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(line: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        patterns.from_pcre(line)
