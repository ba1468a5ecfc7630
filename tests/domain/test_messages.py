"""Sentences that are made in English and said in the reader's language."""

import copy
import pickle

import pytest
from django.utils import translation

from integration.domain.errors import ConfigurationError
from integration.domain.messages import Message, counted, joined, listed, msg, packed, unpacked
from integration.fields import MessageField, MessageJSONField
from integration.models import SyncOperation, SyncRun
from integration.services.ledger import bulk
from integration.translation import in_words, local

WHO = "anna {x} \x1f <b>"
NESTED = msg("{who} stays: {why}", who="anna", why=msg("suspended in Moodle"))
SENTENCES = [
    msg("suspended in Moodle"),
    msg("{who} is protected", who=WHO),
    NESTED,
    counted("{n} person", "{n} people", 1),
    counted("{n} person of {group}", "{n} people of {group}", 3, group="A"),
    joined("; ", [msg("suspended in Moodle"), "x", NESTED]),
]


def test_it_is_the_english_text() -> None:
    assert NESTED == "anna stays: suspended in Moodle"
    assert counted("{n} person", "{n} people", 1) == "1 person"
    assert counted("{n} person", "{n} people", 0) == "0 people"
    assert joined(", ", []) == ""
    assert msg("{who} is protected", who=WHO) == f"{WHO} is protected", "braces mean nothing"


@pytest.mark.parametrize("text", SENTENCES)
def test_what_is_stored_is_read_back_with_what_it_is_made_of(text: Message) -> None:
    again = unpacked(packed(text))
    assert isinstance(again, Message)
    assert again == text
    assert again.pattern == text.pattern
    assert (again.plural, again.values.keys()) == (text.plural, text.values.keys())


def test_a_plain_text_stays_a_plain_text() -> None:
    assert type(unpacked(packed("plain"))) is str
    assert packed("a\x1fb\x1f{}") == "a b {}", "nobody can smuggle a pattern in"


def test_a_long_list_is_stored_in_little_more_than_its_own_length() -> None:
    names = listed([f"name{number}" for number in range(30)])
    assert unpacked(packed(names)) == names
    assert len(packed(names)) < 30 * len(names)


@pytest.mark.parametrize("text", SENTENCES)
def test_copies_are_whole(text: Message) -> None:
    for again in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (again, again.pattern, again.values) == (text, text.pattern, text.values)


def test_a_page_says_it_in_the_language_of_its_reader() -> None:
    with translation.override("de"):
        assert local(msg("suspended in Moodle")) == "in Moodle gesperrt"
        assert local(msg("{who}: {why}", who="a", why=msg("suspended in Moodle"))) == (
            "a: in Moodle gesperrt"
        )
        assert local("plain") == "plain"
        assert local(msg("")) == ""
    with translation.override("en"):
        assert local(NESTED) == NESTED


def test_an_error_is_said_with_its_hint() -> None:
    error = ConfigurationError(msg("suspended in Moodle"), hint=msg("suspended in Moodle"))
    with translation.override("de"):
        assert in_words(error) == "in Moodle gesperrt in Moodle gesperrt"
    assert str(error) == "suspended in Moodle suspended in Moodle"


@pytest.mark.django_db
def test_our_tables_keep_it_however_it_is_stored() -> None:
    run = SyncRun.objects.create(kind="apply", trigger="command", message=NESTED)
    details = {"joiners": [{"user": 1, "reason": NESTED}], "name": "plain"}
    SyncOperation.objects.create(
        run=run, position=0, kind="archive", description=NESTED, reason="plain", details=details
    )
    columns = ("run_id", "position", "kind", "description", "reason", "details")
    bulk.insert(SyncOperation, columns, [(run.pk, 1, "archive", NESTED, "plain", details)])
    assert isinstance(SyncRun.objects.get().message, Message)
    for row in SyncOperation.objects.all():
        assert (row.description, row.reason, row.details) == (NESTED, "plain", details)
        assert isinstance(row.description, Message)
        assert isinstance(row.details["joiners"][0]["reason"], Message)
    assert SyncOperation.objects.filter(description__contains="anna").count() == 2
    assert {type(SyncOperation._meta.get_field(n)) for n in ("reason", "details")} == {
        MessageField,
        MessageJSONField,
    }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "the self enrolment ended on 29 Mar 2026"),
        ("de", "die Einschreibung über self endete am 29. März 2026"),
        ("fr", "l’inscription self a pris fin le 29 mars 2026"),
        ("es", "la matriculación self terminó el 29 Mar 2026"),
    ],
)
def test_days_in_sentences_are_written_as_the_reader_writes_them(language: str, said: str) -> None:
    reason = msg("the {method} enrolment ended on {day}", method="self", day="2026-03-29")
    with translation.override(language):
        assert local(reason) == said


def test_days_and_times_in_sentences_are_written_alike() -> None:
    log = msg("on, its newest entry is of {time}", time="2026-03-29 06:48")
    assert local(log) == "on, its newest entry is of 29 Mar 2026, 06:48"


def test_what_is_no_day_stays_as_it_is() -> None:
    far = msg("the course begins on {day}", day=msg("second {n}", n=9**20))
    named = msg("{who} stays", who="2026-03-29")
    assert local(far) == f"the course begins on second {9**20}"
    assert local(named) == "2026-03-29 stays"
