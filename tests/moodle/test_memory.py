"""What is kept in memory of a large Moodle, counted by tracemalloc."""

import time
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from demo.sample_moodle.scale import create_scaled_moodle
from demo.sample_moodle.tables import writable
from integration.domain.state import EVERYTHING, Enrolment
from integration.services.moodle.reader import MoodleReader
from moodle.models import Course

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "moodle"])

PEOPLE = 2_000
MOST = 1_300  # bytes a person, each in three courses


@pytest.fixture
def moodle(tmp_path: Path, moodle_alias: Callable[..., AbstractContextManager[Any]]) -> Any:
    path = tmp_path / "scaled.sqlite3"
    with writable(path) as connection:
        create_scaled_moodle(connection, PEOPLE, int(time.time()))
    with moodle_alias(f"sqlite:///{path}"):
        yield set(Course.objects.using("moodle").exclude(category=0).values_list("id", flat=True))


def test_rows_that_say_the_same_are_in_memory_once(moodle: set[int]) -> None:
    reader = MoodleReader()
    reader.read(EVERYTHING, integrated=set(list(moodle)[:1]), linked_users=())  # compiles queries
    tracemalloc.start()
    try:
        state = reader.read(EVERYTHING, integrated=moodle, linked_users=())
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(state.people) == PEOPLE
    rows: dict[Enrolment, set[int]] = {}
    for of_course in state.enrolments.values():
        for theirs in of_course.values():
            for row in theirs:
                rows.setdefault(row, set()).add(id(row))
    assert {len(copies) for copies in rows.values()} == {1}
    assert len(rows) < 10
    assert kept / PEOPLE < MOST
    assert peak / PEOPLE < 2 * MOST
