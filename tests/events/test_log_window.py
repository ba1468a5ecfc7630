"""Rows of Moodle's log that appear late: what was read lately is remembered in little space."""

import json
import random

import pytest

from integration.services.events.log_window import WAIT_SECONDS, Window, restored, stored


def test_what_was_read_is_remembered_and_what_was_not_is_unread() -> None:
    window = Window(10)
    window.read([11, 14, 15], now=100)
    assert window.unread([11, 12, 14, 15]) == [12]
    assert [number for number in range(9, 17) if window.knows(number)] == [10, 11, 14, 15]


def test_what_was_passed_long_ago_is_settled() -> None:
    window = Window(0)
    window.read([1, 4], now=100)
    window.read([7], now=200)
    window.read([], now=100 + WAIT_SECONDS)
    assert (window.low, window.seen) == (4, [7])
    window.read([], now=200 + WAIT_SECONDS)
    assert (window.low, window.seen) == (7, [])


def test_rows_between_two_marks_wait_for_the_later_one() -> None:
    window = Window(0)
    window.read([1], now=100)
    window.read([2], now=105)
    window.read([], now=100 + WAIT_SECONDS)
    assert (window.low, window.seen) == (1, [2])
    window.read([], now=100 + 2 * WAIT_SECONDS)
    assert (window.low, window.seen) == (2, [])


@pytest.mark.parametrize("step", [1, 3, 7])
def test_no_number_of_rows_is_too_many(step: int) -> None:
    window = Window(5)
    window.read(range(8, 8 + 100_000 * step, step), now=100)
    text = json.dumps(stored(window))
    assert len(text) < 2000
    assert restored(json.loads(text), 0) == window


def test_uneven_steps_are_kept_too() -> None:
    window = Window(5)
    chance = random.Random(1)
    window.read(chance.sample(range(6, 90_000), 30_000), now=100)
    text = json.dumps(stored(window))
    assert len(text) < 40_000
    assert restored(json.loads(text), 0) == window


def test_nothing_stored_is_a_window_without_rows() -> None:
    assert restored({}, 77) == Window(77)
    assert restored(stored(Window(77)), 0) == Window(77)
