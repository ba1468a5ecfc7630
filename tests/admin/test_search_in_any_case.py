"""Whoever types "anna" finds Anna.Schmidt and ANNA, by an index, on every engine that rcsync's own
database may be.
"""

from typing import Any

import pytest

from tests.support.own_database import ENGINES, MigratedDatabases, told_by

SCRIPT = """
import json
import django
django.setup()
from django.db import connection
from integration.models import AccountLink
from integration.services.admin import account_search

NAMES = [
    ("Anna.Schmidt", "a.schmidt", "a.schmidt@example.org"),
    ("ANNA", "a2", "a2@example.org"),
    ("aNNalena", "a3", "a3@example.org"),
    ("u-4", "Anna4", "u-4@example.org"),
    ("u-5", "u-5", "ANNA.5@Example.org"),
    ("joanna", "joanna", "joanna@example.org"),
    ("bert", "bert", "bert@example.org"),
    ("an%na", "x1", ""),
    ("an_na", "x2", ""),
    ("AN*na", "x3", ""),
    ("Émile", "emile", "emile@example.org"),
    *((f"u{n}", f"m{n}", f"e{n}@example.org") for n in range(4000)),
]
AccountLink.objects.bulk_create(
    AccountLink(
        moodle_user_id=number,
        rocketchat_user_id=f"r{number}",
        username=username,
        moodle_username=moodle_username,
        moodle_email=email,
    )
    for number, (username, moodle_username, email) in enumerate(NAMES)
)
with connection.cursor() as cursor:
    cursor.execute({
        "sqlite": "ANALYZE",
        "mysql": "ANALYZE TABLE integration_accountlink",
        "postgresql": "ANALYZE integration_accountlink",
    }[connection.vendor])
    cursor.fetchall() if connection.vendor == "mysql" else None

def found(word):
    rows = account_search.called([word], 100)
    return sorted(rows.values_list("username", flat=True), key=str.casefold)

WORDS = ("anna", "Anna", "ANNA", "aNNa", "an%", "AN_", "an*", "émile", "u-5@example.org", "anna.5@")
print(json.dumps({
    "found": {word: found(word) for word in WORDS},
    "plan": AccountLink.objects.filter(account_search.own("anna")).order_by().explain(),
}))
"""


@pytest.fixture(scope="module", params=ENGINES)
def answer(
    request: pytest.FixtureRequest,
    migrated_databases: MigratedDatabases,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    url = migrated_databases.copy(request.param, tmp_path_factory.mktemp("own"))
    return {"engine": request.param, **told_by(SCRIPT, url)}


def test_a_beginning_is_found_in_any_case_and_what_has_it_in_the_middle_is_not(
    answer: dict[str, Any],
) -> None:
    found: dict[str, list[str]] = answer["found"]
    for typed in ("anna", "Anna", "ANNA", "aNNa"):
        assert found[typed] == ["ANNA", "Anna.Schmidt", "aNNalena", "u-4", "u-5"], typed
    assert found["anna.5@"] == ["u-5"]


def test_signs_that_a_database_takes_for_any_letter_are_taken_as_they_are(
    answer: dict[str, Any],
) -> None:
    found = answer["found"]
    assert (found["an%"], found["AN_"], found["an*"]) == (["an%na"], ["an_na"], ["AN*na"])


def test_letters_beyond_ascii_are_found_in_any_case_too(answer: dict[str, Any]) -> None:
    assert "Émile" in answer["found"]["émile"]


def test_the_search_takes_an_index_of_each_column(answer: dict[str, Any]) -> None:
    plan = answer["plan"]
    if answer["engine"] == "mariadb":
        assert "index_merge" in plan, plan
        assert not [name for name in ("username", "moodle_use", "moodle_ema") if name not in plan]
    else:
        names = ("username_begin", "moodle_name_begin", "email_begin")
        assert not [name for name in names if f"account_by_{name}" not in plan], plan
