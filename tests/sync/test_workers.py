"""Results of worker threads, taken in many at a time."""

import threading
from concurrent.futures import Future

import pytest

from integration.services.sync.workers import ResultBatcher, batches


def result(value: int) -> "Future[int]":
    future: Future[int] = Future()
    future.set_result(value)
    return future


def test_no_more_is_taken_than_was_asked_for() -> None:
    done: ResultBatcher[int] = ResultBatcher()
    for number in range(3):
        done.put(result(number))
    assert done.take(2, seconds=30) == [0, 1]
    assert done.take(1, seconds=30) == [2]


def test_as_soon_as_there_is_enough_it_is_taken() -> None:
    done: ResultBatcher[int] = ResultBatcher()
    for number in range(2):
        threading.Timer(0.02, done.put, [result(number)]).start()
    assert sorted(done.take(2, seconds=30)) == [0, 1]


def test_work_that_takes_long_does_not_keep_back_what_others_did() -> None:
    done: ResultBatcher[int] = ResultBatcher()
    threading.Timer(0.05, done.put, [result(7)]).start()
    assert done.take(2, seconds=0.01) == [7]


def test_what_a_worker_raised_is_raised() -> None:
    done: ResultBatcher[int] = ResultBatcher()
    broken: Future[int] = Future()
    broken.set_exception(ValueError("a bug"))
    done.put(broken)
    with pytest.raises(ValueError, match="a bug"):
        done.take(1, seconds=30)


def test_batches_hold_everything_in_order() -> None:
    assert list(batches(range(5), 2)) == [(0, 1), (2, 3), (4,)]
