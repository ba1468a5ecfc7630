"""Random nonsense from Moodle, from Rocket.Chat and at the event door: nothing breaks, nothing
goes.
"""

import json
import os
import random
import string
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from demo.standin.web.call import Reply, Request
from integration.models import SyncRun
from integration.services.events import webhook
from tests.support.school import School

pytestmark = [
    pytest.mark.django_db(databases=["default", "moodle"]),
    pytest.mark.usefixtures("no_pauses"),
]
FEW = 25  # in every run of the suite
MANY = int(os.environ.get("RCSYNC_EXAMPLES", "150"))  # more for a night of looking
EXAMPLES = pytest.mark.parametrize("number", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


def examples(number: int) -> Any:
    """So many cases, the same ones each time, each as slow as it likes."""
    return hypothesis.settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\u202egnirts\u202c",  # right to left
    "\u200b\u200d\ufeff",  # nothing to see
    "а\u0430dmin",  # Cyrillic letters that look like ours
    "ａｄｍｉｎ",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE mdl_user; --",
    "{course}{group_id}{0}{__class__}",
    "%s%n%x",
    "\x00\x01\x1b[31m",
    "a" * 100,
    "🐘" * 60,
    "e" + "\u0301" * 60,
    "../../etc/passwd",
    "@all",
    "${jndi:ldap://x}",
    " ",
    "\r\nX-Header: 1",
    "$where",
)


# ── Moodle ───────────────────────────────────────────────────────────────────────────────────────

words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=100),
)
people = st.lists(st.tuples(st.integers(1000, 1009), words, words, words), max_size=4)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_of_a_group_or_person_is_only_a_name(school: School, name: str) -> None:
    plain = name.replace("\x00", "")
    school.moodle.change_group(101, name=plain)
    school.moodle.change_person(1000, firstname=plain, lastname=plain)
    run = school.run()
    assert run.status == SyncRun.Status.DONE, run.message
    assert len(school.members(101)) == 5
    shown = (
        school.site.room_of(101)["name"] + school.site.account("person1000@example.invalid")["name"]
    )
    assert shown.isprintable()
    assert "<" not in shown
    assert school.run().planned == {}


@EXAMPLES
def test_random_rows_of_moodle_never_break_a_run(
    school: School, number: int, note: Callable[[str], None]
) -> None:
    cases = 0

    @examples(number)
    @given(people, st.lists(st.tuples(st.sampled_from([101, 102, 111, 112]), words), max_size=3))
    def fuzz(persons: list[tuple[int, str, str, str]], groups: list[tuple[int, str]]) -> None:
        nonlocal cases
        cases += 1
        for user_id, first, last, email in persons:
            school.moodle.change_person(user_id, firstname=first, lastname=last, email=email[:90])
        for group_id, name in groups:
            school.moodle.change_group(group_id, name=name)
        run = school.run()
        assert run.status in (SyncRun.Status.DONE, SyncRun.Status.FAILED), run.message
        assert "remove_member" not in run.applied
        assert "deactivate" not in run.applied
        for user in school.chat.state()["users"]:
            assert user["name"].isprintable()

    fuzz()
    note(f"fuzzing of Moodle's rows: {cases} cases and {len(HOSTILE)} hostile names")
    assert cases >= 20


# ── Rocket.Chat ──────────────────────────────────────────────────────────────────────────────────

nonsense = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def damaged(value: Any, choose: random.Random, part: Any) -> Any:
    """The value with one part of it, somewhere, replaced or taken away."""
    if isinstance(value, dict) and value and choose.random() < 0.9:
        key = choose.choice(sorted(value))
        if choose.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: damaged(value[key], choose, part)}
    if isinstance(value, list) and value and choose.random() < 0.9:
        place = choose.randrange(len(value))
        if choose.random() < 0.2:
            return value[:place] + value[place + 1 :]
        return [*value[:place], damaged(value[place], choose, part), *value[place + 1 :]]
    return part


@EXAMPLES
def test_random_answers_of_rocketchat_never_break_a_run_or_remove_anybody(
    school: School, number: int, note: Callable[[str], None]
) -> None:
    honest = school.chat.application.reply
    before = {group: school.members(group) for group in (101, 102, 111, 112)}
    active = {name for name, is_active in school.users().items() if is_active}
    cases = 0

    @examples(number)
    @given(st.integers(0, 2**32), nonsense, st.booleans())
    def fuzz(seed: int, part: Any, full_check: bool) -> None:
        nonlocal cases
        cases += 1
        choose = random.Random(seed)

        def reply(request: Request) -> Reply:
            answer = honest(request)
            if answer.status != 200 or choose.random() < 0.3:
                return answer
            body = json.dumps(damaged(json.loads(answer.body), choose, part)).encode()
            return replace(answer, body=body)

        school.chat.application.reply = reply  # type: ignore[method-assign]
        run = school.run(full_check=full_check)
        school.chat.application.reply = honest  # type: ignore[method-assign]
        assert run.status != SyncRun.Status.RUNNING
        assert run.status == SyncRun.Status.DONE or run.message or run.failed_count
        assert {group: school.members(group) for group in before} == before
        assert active <= {name for name, is_active in school.users().items() if is_active}

    fuzz()
    note(f"fuzzing of Rocket.Chat's answers: {cases} runs")
    assert cases >= 20


# ── The event door ───────────────────────────────────────────────────────────────────────────────

SECRET = "the-door-secret"
ANSWERS = {200, 202, 400, 403, 404, 405, 409, 413, 429}
bodies = st.one_of(
    nonsense.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
    st.fixed_dictionaries(
        {}, optional={"courses": nonsense, "users": nonsense, "delete": nonsense}
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 15_000, b"{" * 15_000, b'{"courses":' * 1000, b"9" * 15_000]),
)


def push(client: Client, body: bytes, *, signed: bool, timestamp: str = "") -> int:
    timestamp = timestamp or str(int(time.time()))
    given_signature = webhook.signature(SECRET, timestamp, body) if signed else "0" * 64
    return client.post(
        "/events/moodle",
        data=body,
        content_type="application/json",
        headers={"X-Rcsync-Timestamp": timestamp, "X-Rcsync-Signature": given_signature},
    ).status_code


@EXAMPLES
def test_random_calls_at_the_event_door_are_answered_and_change_nothing_but_where_to_look(
    school: School,
    number: int,
    client: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    note: Callable[[str], None],
) -> None:
    settings.EVENT_SECRET = SECRET
    monkeypatch.setattr(webhook, "MOST_PER_MINUTE", 10**9)
    before = school.chat.state()
    cases = 0

    @examples(number * 2)
    @given(bodies, st.booleans(), st.text(string.printable.strip(), max_size=12))
    def fuzz(body: bytes, signed: bool, timestamp: str) -> None:
        nonlocal cases
        cases += 1
        assert push(client, body, signed=signed) in ANSWERS
        assert push(client, body, signed=True, timestamp=timestamp or "0") in ANSWERS - {202}

    fuzz()
    assert school.chat.state() == before
    note(f"fuzzing of the event door: {2 * cases} calls")


def test_an_unsigned_call_is_refused(school: School, client: Client, settings: Any) -> None:
    settings.EVENT_SECRET = SECRET
    assert push(client, b'{"courses": [10]}', signed=False) == 403
