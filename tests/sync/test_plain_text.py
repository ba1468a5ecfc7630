"""Multilang names and HTML entities, as people read them in Moodle."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.domain.room_texts import TEXTS
from integration.domain.state import MoodleState, NameRules, Scope
from integration.services.sync.desired import Desired, desire
from integration.services.sync.plain_text import plain
from tests.support.builders import course, group, managed, moodle, person, policy

SPANS = (
    '<span lang="en" class="multilang">Tutorial</span>'
    '<span class="multilang" lang="de">Übung</span>'
)
TOPIC = "{group} · {course_fullname}"


@pytest.mark.parametrize(
    ("text", "language", "shown"),
    [
        (SPANS, "en", "Tutorial"),
        (SPANS, "de", "Übung"),
        (SPANS, "de_du", "Übung"),
        (SPANS, "fr", "Tutorial"),
        (f"BIO {SPANS} 1", "de", "BIO Übung 1"),
        ("<span lang='EN' class='multilang'>A</span>\n <lang lang=fr>B</lang>", "fr", "B"),
        ("<lang lang='en'>A</lang> and <lang lang='de'>B</lang>", "de", "A and B"),
        ("{mlang en}Tutorial{mlang}{mlang de}Tutorium{mlang}", "de", "Tutorium"),
        ("{mlang en}A{mlang} {mlang other}B{mlang}", "fr", "B"),
        ("{mlang en,de-ch}A{mlang}{mlang fr}B{mlang}", "de_ch", "A"),
        ("{mlang en}A{mlang}{mlang fr}B{mlang} 1 {mlang en}C{mlang}", "fr", "B 1 C"),
        ('<span lang="en">only a span</span>', "en", '<span lang="en">only a span</span>'),
        ("<b>Bold</b> & co", "en", "<b>Bold</b> & co"),
        ("{mlang en}cut of", "en", "{mlang en}cut of"),
        ("R&amp;D", "en", "R&D"),
        ("R&amp;amp;D", "en", "R&amp;D"),
        ("O&#039;Brien &lt;3 &#x1F418;", "en", "O'Brien <3 🐘"),
        ("AT&T, a &lt b, &copy, Q&notes", "en", "AT&T, a &lt b, &copy, Q&notes"),
        ("&lt;lang lang='en'&gt;A&lt;/lang&gt;", "en", "<lang lang='en'>A</lang>"),
        ("{group} {mlang}", "en", "{group} {mlang}"),
    ],
)
def test_a_name_is_shown_in_the_sites_language(text: str, language: str, shown: str) -> None:
    assert plain(text, language) == shown


@given(st.text("<>{}/&;#= \"'mlangspan enxclass"), st.sampled_from(["en", "", "de_du"]))
def test_no_name_breaks_it(text: str, language: str) -> None:
    assert len(plain(text, language)) <= len(text)


def desired(state: MoodleState, *patterns: str, **values: Any) -> Desired:
    values = {
        "name_template": "{course}-{group}",
        **{f"{name}_template": TOPIC for name in TEXTS},
        **values,
    }
    rules = NameRules(free_channel_names=True)
    return desire(state, policy(include=patterns or [".*"], **values), rules, managed(), Scope())


STATE = moodle(
    group(10, "{mlang en}Group A{mlang}{mlang de}Gruppe A{mlang}", [7]),
    courses=[course(2, shortname="R&amp;D", fullname=SPANS)],
    people=[person(7, firstname="Anna &amp; Co", lastname="Berg")],
)


def test_channels_topics_and_people_get_plain_names() -> None:
    found = desired(STATE)
    assert found.channels[10].name == "R&D-Group A"
    assert set(found.channels[10].texts) == {"Group A · Tutorial"}
    assert found.accounts[7].name == "Anna & Co Berg"


def test_the_setting_takes_names_as_they_are_stored() -> None:
    found = desired(STATE, plain_names=False)
    assert found.channels[10].name.startswith("R&amp;D-{mlang en}")
    assert found.accounts[7].name == "Anna &amp; Co Berg"


def test_patterns_see_what_moodle_stores() -> None:
    assert desired(STATE, r"^\{mlang").channels
    assert not desired(STATE, "^Group A$").channels
