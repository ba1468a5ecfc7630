"""How long events are collected: not at all where one comes, never for more than five seconds."""

import random

import pytest

from integration.domain.event_window import LONGEST_SECONDS, seconds_to_wait


def test_a_single_event_does_not_wait() -> None:
    assert seconds_to_wait(1, 0) == 0
    assert seconds_to_wait(0, 0) == 0


@pytest.mark.parametrize(
    ("backlog", "since_first", "wait"),
    [(2, 0, 0.5), (5, 0, 2), (5, 2, 0), (6, 2, 0.5), (11, 0, 5), (11, 3, 2), (3000, 4, 1)],
)
def test_the_wait_grows_with_the_backlog_and_counts_from_the_first_event(
    backlog: int, since_first: float, wait: float
) -> None:
    assert seconds_to_wait(backlog, since_first) == wait


def test_nothing_waits_for_more_than_the_longest_window() -> None:
    for backlog in range(0, 5000, 7):
        for tenths in range(80):
            since = tenths / 10
            assert 0 <= seconds_to_wait(backlog, since) <= max(0, LONGEST_SECONDS - since)


def test_a_first_event_of_the_future_is_no_reason_to_wait() -> None:
    """Of two machines' clocks one is ahead: else each further event would postpone the run."""
    assert seconds_to_wait(3000, -0.1) == 0
    assert seconds_to_wait(3000, -3600) == 0


def test_whatever_comes_meanwhile_the_run_begins_within_the_longest_window() -> None:
    rng = random.Random(1)
    for _ in range(200):
        now, begins, backlog = 0.0, 0.0, 0
        while now <= begins:
            backlog += rng.randrange(1, 40)
            begins = max(begins, now + seconds_to_wait(backlog, now))
            now += rng.random()
        assert begins <= LONGEST_SECONDS
