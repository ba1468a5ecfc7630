"""The limiter, with a clock of its own: waits happen, but take no time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from integration.services.rocketchat.limiter import (
    COOL_DOWN,
    LONGEST_WAIT,
    Concurrency,
    Limiter,
    pause_after_refusal,
    shared_limiter,
)

EPOCH = 1_800_000_000.0
ENDPOINT = "POST users.create"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return EPOCH + self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter_with(clock: Clock, *, connections: int = 8, rps: float | None = None) -> Limiter:
    return Limiter(connections, rps, clock=clock, wall=clock.wall, sleep=clock.sleep)


class Server:
    """Counts calls as Rocket.Chat does: so many in a window of 60 seconds, then refusals."""

    def __init__(self, clock: Clock, limit: int = 10) -> None:
        self.clock, self.limit = clock, limit
        self.begin, self.count, self.refusals = -1000.0, 0, 0

    def call(self) -> tuple[int, dict[str, str], str]:
        if self.clock() >= self.begin + 60:
            self.begin, self.count = self.clock(), 0
        self.count += 1
        left = max(0, self.limit - self.count)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int((EPOCH + self.begin + 60) * 1000)),
        }
        if self.count <= self.limit:
            return 200, headers, ""
        self.refusals += 1
        wait = int(self.begin + 60 - self.clock()) + 1
        return 429, headers, f"Error. You must wait {wait} seconds before trying this again."


def call(limiter: Limiter, server: Server, endpoint: str = ENDPOINT) -> int:
    with limiter.turn(endpoint, ignored) as turn:
        status, headers, msg = server.call()
        turn.answered(status, headers, msg, 0.01)
    return status


def ignored(_seconds: float) -> None:
    pass


def test_a_limited_account_waits_for_the_next_window_and_is_never_refused(clock: Clock) -> None:
    limiter, server = limiter_with(clock), Server(clock)
    begin = clock()
    assert {call(limiter, server) for _ in range(35)} == {200}
    assert server.refusals == 0
    assert 180 <= clock() - begin < 185  # 10 at once, then 10 a minute


def test_an_account_that_may_bypass_the_limit_never_waits(clock: Clock) -> None:
    limiter = limiter_with(clock)
    for _ in range(100):
        with limiter.turn(ENDPOINT, ignored) as turn:
            turn.answered(200, {}, "", 0.01)
    assert clock.pauses == []


def test_a_refusal_holds_up_this_endpoint_and_no_other(clock: Clock) -> None:
    limiter, server = limiter_with(clock), Server(clock, limit=1)
    with limiter.turn(ENDPOINT, ignored) as turn:
        turn.answered(429, {}, "You must wait 37 seconds before trying", None)
    call(limiter, server, "POST groups.invite")
    assert clock.pauses == []
    call(limiter, server)
    assert sum(clock.pauses) == pytest.approx(37, abs=0.2)


def test_waiting_is_reported_to_the_caller(clock: Clock) -> None:
    limiter, waits = limiter_with(clock), list[float]()
    with limiter.turn(ENDPOINT, waits.append) as turn:
        turn.answered(429, {}, "You must wait 5 seconds before trying", None)
    with limiter.turn(ENDPOINT, waits.append) as turn:
        turn.answered(200, {}, "", 0.01)
    assert sum(waits) == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize(
    ("words", "headers", "seconds"),
    [
        ("You must wait 37 seconds before trying this endpoint again.", {}, 37),
        ("", {"Retry-After": "12"}, 12),
        ("You must wait 99999 seconds before trying", {}, LONGEST_WAIT),
        ("", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        ("slow down", {}, 1),
        ("You must wait 0 seconds", {}, 1),
    ],
)
def test_no_server_makes_us_wait_for_ever_nor_not_at_all(
    words: str, headers: dict[str, str], seconds: float
) -> None:
    assert pause_after_refusal(words, headers) == seconds


def test_a_server_whose_clock_is_wrong_does_not_make_us_wait_longer(clock: Clock) -> None:
    """The reset time is the server's; its Date header tells how far off its clock is."""
    limiter, hour_ahead = limiter_with(clock), clock.wall() + 3600
    headers = {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int((hour_ahead + 20) * 1000)),
        "Date": format_datetime(datetime.fromtimestamp(hour_ahead, UTC), usegmt=True),
    }
    with limiter.turn(ENDPOINT, ignored) as turn:
        turn.answered(200, headers, "", 0.01)
    with limiter.turn(ENDPOINT, ignored) as turn:
        turn.answered(200, {}, "", 0.01)
    assert 20 <= sum(clock.pauses) <= 21.5


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Limit": "many"},
        {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "soon"},
        {"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
        {"X-RateLimit-Limit": "9" * 400, "X-RateLimit-Remaining": "9" * 400},
    ],
)
def test_senseless_headers_are_ignored(clock: Clock, headers: dict[str, str]) -> None:
    limiter = limiter_with(clock)
    for _ in range(2):
        with limiter.turn(ENDPOINT, ignored) as turn:
            turn.answered(200, headers, "", 0.01)
    assert clock.pauses == []


def test_threads_together_keep_to_the_limit_of_one_endpoint(clock: Clock) -> None:
    """Calls that still run count as used, so the threads do not overrun what the header allows."""
    limiter, server, lock = limiter_with(clock), Server(clock), threading.Lock()
    call(limiter, server)
    statuses: list[int] = []

    def work() -> None:
        for _ in range(3):
            with limiter.turn(ENDPOINT, ignored) as turn, lock:
                status, headers, msg = server.call()
                turn.answered(status, headers, msg, 0.01)
                statuses.append(status)

    run_threads(work, 8)
    assert statuses == [200] * 24


def test_no_more_requests_a_second_than_the_politeness_setting_allows(clock: Clock) -> None:
    limiter = limiter_with(clock, rps=5)
    begin = clock()
    for _ in range(26):
        with limiter.turn(ENDPOINT, ignored) as turn:
            turn.answered(200, {}, "", 0.01)
    assert clock() - begin == pytest.approx(5.0)


def test_a_process_has_one_limiter_for_a_server() -> None:
    one = shared_limiter("https://one.example.org", 8, None)
    assert shared_limiter("https://one.example.org", 4, 10.0) is one
    assert one.concurrency.places == 4
    assert one.max_rps == 10.0
    assert shared_limiter("https://two.example.org", 8, None) is not one


# ── How many at once ─────────────────────────────────────────────────────────────────────────────


def strain(concurrency: Concurrency) -> None:
    concurrency.enter()
    concurrency.leave(ENDPOINT, None, strained=True)


def succeed(concurrency: Concurrency, seconds: float = 0.02, times: int = 1) -> None:
    for _ in range(times):
        concurrency.enter()
        concurrency.leave(ENDPOINT, seconds, strained=False)


def test_strain_halves_the_requests_at_once_and_success_brings_them_back(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    strain(concurrency)
    assert concurrency.places == 4
    succeed(concurrency, times=5)
    assert concurrency.places == 5
    succeed(concurrency, times=100)
    assert concurrency.places == 8


def test_several_failures_of_one_moment_count_once(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    for _ in range(8):
        strain(concurrency)
    assert concurrency.places == 4
    clock.now += COOL_DOWN
    strain(concurrency)
    assert concurrency.places == 2


def test_one_request_always_remains(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    for _ in range(20):
        strain(concurrency)
        clock.now += COOL_DOWN
    assert concurrency.places == 1


def test_a_server_that_becomes_slow_gets_fewer_requests(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    succeed(concurrency, 0.1, times=20)
    assert concurrency.places == 8
    for _ in range(20):
        succeed(concurrency, 3.0)
        clock.now += COOL_DOWN
    assert concurrency.places == 1


def test_a_server_that_was_always_slow_is_not_held_for_strained(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    succeed(concurrency, 3.0, times=50)
    assert concurrency.places == 8


def test_bulk_reads_say_nothing_about_strain(clock: Clock) -> None:
    concurrency = Concurrency(8, clock)
    succeed(concurrency, 0.01, times=20)
    concurrency.enter()
    concurrency.leave(ENDPOINT, None, strained=False)
    assert concurrency.places == 8


def test_no_more_than_the_places_are_taken_at_once(clock: Clock) -> None:
    concurrency, lock = Concurrency(3, clock), threading.Lock()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            concurrency.enter()
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            concurrency.leave(ENDPOINT, 0.001, strained=False)

    run_threads(work, 8)
    assert 1 <= most <= 3
    assert inside == 0


def test_a_request_that_fails_gives_its_place_back(clock: Clock) -> None:
    limiter = limiter_with(clock, connections=1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), limiter.turn(ENDPOINT, ignored):
            raise OSError("gone")
    with limiter.turn(ENDPOINT, ignored) as turn:
        turn.answered(200, {}, "", 0.01)
    assert limiter.concurrency.places == 1


def run_threads(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
