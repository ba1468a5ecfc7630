"""The benchmark's own arithmetic."""

import pytest

from benchmarks.bounds import (
    Bound,
    Size,
    ceiling_verdict,
    exponent,
    fewest,
    least_seconds,
    plugin,
)
from benchmarks.measure import covered

SIZE = Size(people=300, channels=10, memberships=300, roles=5)


def test_a_broken_bound_says_so() -> None:
    bound = Bound("no change: requests", 5, 4)
    assert not bound.holds
    assert str(bound).startswith("BROKEN")


def test_a_whole_number_is_told_as_one() -> None:
    assert str(Bound("requests", 593151, 593151.0)) == "holds   requests: 593,151 (at most 593,151)"
    assert "1.043 (at most 1.05)" in str(Bound("exponent", 1.0427, 1.05))


def test_without_latency_nothing_is_said_about_times_that_come_of_it() -> None:
    assert ceiling_verdict(6000, latency_ms=0, connections=8).holds
    assert not ceiling_verdict(500, latency_ms=20, connections=8).holds


def test_a_bound_that_is_not_promised_for_this_size_breaks_nothing() -> None:
    assert Bound("time", 3.0, 1.3, judged=False).holds


def test_the_fewest_requests_of_a_first_sync_are_one_for_each_thing_and_two_reads() -> None:
    assert fewest("sync", SIZE, {}, by_import=False) == 300 + 10 + 5 + 2


def test_the_import_takes_the_accounts_out_of_the_bound() -> None:
    assert fewest("sync", SIZE, {}, by_import=True) == 2 + 6 + 10 + 5


def test_the_plugins_formula_gives_what_was_measured() -> None:
    assert plugin("sync", Size(300, 10, 300, 0)) == 1831
    assert plugin("nochange", Size(40, 5, 40, 0)) == 166


def test_the_last_requests_take_a_whole_latency() -> None:
    assert least_seconds(9, latency_ms=20, connections=8) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("intervals", "length"),
    [([], 0), ([(0, 1), (2, 3)], 2), ([(0, 2), (1, 3)], 3), ([(0, 5), (1, 2)], 5)],
)
def test_waiting_counts_every_moment_once(
    intervals: list[tuple[float, float]], length: float
) -> None:
    assert covered(intervals) == length


def test_twice_the_time_for_twice_the_size_is_linear() -> None:
    assert exponent([(1000, 2.0), (2000, 4.0)]) == pytest.approx(1.0)
