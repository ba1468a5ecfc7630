"""A name leaves texts, sentences and JSON, and nothing else does."""

import pytest

from integration.domain.forgetting import Names, names_in
from integration.domain.messages import Message, msg

ANNA = Names(["anna", "Anna Smith", "anna.smith@school.org"], 7)
MEMBER = Names(["member", "bo", "李明", "José Núñez"], 7, ["member", "kept"])


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
    assert ANNA.replaced(text) == expected.replace("P", "person 7")


def test_a_sentence_stays_one_that_other_languages_have() -> None:
    inner = msg("{who} is a teacher", who="Anna Smith")
    new = ANNA.replaced(
        msg("remove {who} from {channel}: {why}", who="anna", channel="art", why=inner)
    )
    assert new == "remove person 7 from art: person 7 is a teacher"
    assert isinstance(new, Message)
    assert new.pattern == "remove {who} from {channel}: {why}"
    assert isinstance(new.values["why"], Message)


def test_json_keeps_its_form() -> None:
    given = {"username": "anna", "members": [7, 8], "joiners": [["anna", "x"]], "ok": True}
    assert ANNA.replaced(given) == {
        "username": "person 7",
        "members": [7, 8],
        "joiners": [["person 7", "x"]],
        "ok": True,
    }


def test_short_names_are_left_alone_and_no_name_changes_nothing() -> None:
    assert Names(["al", ""], 7).replaced("al and ala") == "al and ala"
    assert Names([], 7).replaced("anna") == "anna"


def test_where_a_name_stands_it_goes_whatever_its_length() -> None:
    assert MEMBER.replaced({"username": "bo"}) == {"username": "person 7"}
    assert MEMBER.replaced(msg("{who} stays", who="Bo")) == "person 7 stays"
    assert MEMBER.replaced({"username": "bob", "title": "bo"}) == {"username": "bob", "title": "bo"}


def test_a_name_of_two_signs_is_long_enough_where_signs_are_syllables() -> None:
    assert MEMBER.replaced("李明 stays, 李明明 too") == "person 7 stays, 李明明 too"


def test_a_name_is_found_however_its_accents_are_spelled() -> None:
    assert MEMBER.replaced("Jose\u0301 Nu\u0301n\u0303ez left") == "person 7 left"
    decomposed = Names(["Jose\u0301 Nu\u0301n\u0303ez"], 7)
    assert decomposed.replaced("José Núñez left") == "person 7 left"
    assert decomposed.replaced("Zoe\u0301 left") == "Zoe\u0301 left", (
        "others' texts stay as they are"
    )


def test_in_what_is_about_the_person_every_name_goes() -> None:
    account = {"username": "b", "name": "Unknown Until Now", "email": "", "active": True}
    gone = {"username": "person 7", "name": "person 7", "email": "", "active": True}
    assert MEMBER.replaced(account, own=True) == gone
    joiners = {"joiners": [{"user": 7, "username": "b"}, {"user": 8, "username": "b"}]}
    assert MEMBER.replaced(joiners) == {
        "joiners": [{"user": 7, "username": "person 7"}, {"user": 8, "username": "b"}]
    }
    assert MEMBER.replaced("bo left", own=True) == "person 7 left"


def test_a_channel_keeps_its_name() -> None:
    details = {"username": "x", "name": "maths-9a", "room_id": "r"}
    assert names_in(details) == {"x"}
    assert MEMBER.replaced(details, own=True) == {**details, "username": "person 7"}


@pytest.mark.parametrize("own", [False, True])
def test_our_own_words_are_no_names(own: bool) -> None:
    for value in ({"role": "member"}, ["kept", 3, "for a reason"], {"roles": ["member"]}):
        assert MEMBER.replaced(value, own=own) == value
    role = msg("make {who} {role}", who="member", role=msg("member"))
    assert MEMBER.replaced(role, own=own) == "make person 7 member"


def test_a_list_of_usernames_loses_the_persons() -> None:
    assert MEMBER.without_word("anna\nBO\nmember bob") == "anna\nbob"
    assert MEMBER.without_word("anna\n\nbob") == "anna\n\nbob"


# ── What is shown to the person ──────────────────────────────────────────────────────────────────


def test_of_a_list_only_the_elements_about_the_person_are_shown() -> None:
    details = {
        "name": "maths",
        "room_id": "r",
        "joiners": [{"user": 7, "username": "anna", "reason": ""}, {"user": 8, "username": "ben"}],
    }
    assert ANNA.part(details) == {"joiners": [{"user": 7, "username": "anna", "reason": ""}]}
    skips = [{"subject": "Anna Smith", "reason": "left"}, {"subject": "Ben", "reason": "anna"}]
    assert ANNA.part(skips) == [{"subject": "Anna Smith"}, {"reason": "anna"}]
    assert ANNA.part({"username": "ben"}) is None
    assert ANNA.part(7) is None


def test_of_a_sentence_others_are_left_out() -> None:
    sentence = msg(
        "{email} in {channel} is shared by {one}, {two} ({id}) and {none}: {why}",
        email="anna.smith@school.org",
        channel="maths",
        one="anna",
        two="ben",
        id=8,
        none="",
        why=msg("{who} came", who="Ben Jones"),
    )
    told = "anna.smith@school.org in maths is shared by anna, … (…) and : … came"
    assert ANNA.part(sentence) == told
    assert ANNA.part(msg("{who} left", who="ben")) is None
    assert ANNA.part(msg("{who} left", who="ben"), own=True) == "… left"


def test_of_free_text_only_the_name_is_shown() -> None:
    assert ANNA.part("asked by Anna Smith and Ben Jones, says anna") == "… Anna Smith … anna …"
    assert ANNA.part("anna") == "anna"
    assert ANNA.part("Ben Jones") is None


def test_json_about_the_person_is_shown_whole_but_for_others() -> None:
    given = {"username": "x", "joiners": [{"user": 7, "username": "x"}, {"user": 8}], "n": [1]}
    shown = {"username": "x", "joiners": [{"user": 7, "username": "x"}], "n": [1]}
    assert ANNA.part(given, own=True) == shown


def test_names_are_read_from_what_is_about_one_person() -> None:
    details = {"username": "anna", "old_name": "Anna Jones", "email": "", "room_id": "abc"}
    assert names_in(details) == {"anna", "Anna Jones"}
    assert names_in(None) == set()
