"""A name leaves texts, sentences and JSON, and nothing else does."""

import pytest

from integration.domain.forgetting import names_in, replacer
from integration.domain.messages import Message, msg

ANNA = replacer(["anna", "Anna Smith", "anna.smith@school.org"], 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("create account anna (Anna Smith, anna.smith@school.org)", "create account P (P, P)"),
        ("ANNA stays.", "P stays."),
        ("anna", "P"),
        ("'anna'", "'P'"),
        ("annabelle and susanna stay", "annabelle and susanna stay"),
        (
            "anna.jones and anna-lena and anna@home stay",
            "anna.jones and anna-lena and anna@home stay",
        ),
        ("joanna.smith@school.org stays", "joanna.smith@school.org stays"),
    ],
)
def test_a_name_leaves_a_text_where_it_is_a_whole_word(text: str, expected: str) -> None:
    assert ANNA(text) == expected.replace("P", "person 7")


def test_a_sentence_stays_one_that_other_languages_have() -> None:
    inner = msg("{who} is a teacher", who="Anna Smith")
    new = ANNA(msg("remove {who} from {channel}: {why}", who="anna", channel="art", why=inner))
    assert new == "remove person 7 from art: person 7 is a teacher"
    assert isinstance(new, Message)
    assert new.pattern == "remove {who} from {channel}: {why}"
    assert isinstance(new.values["why"], Message)


def test_json_keeps_its_form() -> None:
    given = {"username": "anna", "members": [7, 8], "joiners": [["anna", "x"]], "ok": True}
    assert ANNA(given) == {
        "username": "person 7",
        "members": [7, 8],
        "joiners": [["person 7", "x"]],
        "ok": True,
    }


def test_short_names_are_left_alone_and_no_name_changes_nothing() -> None:
    assert replacer(["al", ""], 7)("al and ala") == "al and ala"
    assert replacer([], 7)("anna") == "anna"


def test_names_are_read_from_what_is_about_one_person() -> None:
    details = {"username": "anna", "old_name": "Anna Jones", "email": "", "room_id": "abc"}
    assert names_in(details) == {"anna", "Anna Jones"}
    assert names_in(None) == set()
