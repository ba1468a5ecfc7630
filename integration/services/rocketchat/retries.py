"""When to call again, and when to give up."""

from collections.abc import Callable
from dataclasses import dataclass, field

from integration.domain.errors import TransientError, UnexpectedAnswer
from integration.services.rocketchat.errors import AnswerTooLarge, NotSent, RateLimited

REQUEST_ATTEMPTS = 4
AT_FIRST = 2  # attempts while nothing has answered yet: the address may be wrong, somebody waits
REFUSALS = 12  # a 429 costs nothing but time, and others behind our address share the limit
RETRY_FOR = 120.0  # seconds
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


@dataclass(slots=True)
class RetryBudget:
    """For one call: what is left of attempts and time. Pauses double and are spread by chance."""

    repeatable: bool
    clock: Callable[[], float]
    chance: Callable[[], float]
    attempts: int = 0
    refusals: int = 0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def pause_after(self, error: TransientError, *, reached: bool) -> float | None:
        """Seconds until the next attempt, None = give up. After a 429 the limiter knows how long.

        `reached`: the server has answered something before, so it will hardly stay away for long.
        """
        if isinstance(error, RateLimited):
            self.refusals += 1
            return 0.0 if self.refusals < REFUSALS else None
        self.attempts += 1
        if not (self.repeatable or isinstance(error, NotSent)):
            return None
        if self.attempts >= _attempts(error, reached) or self.clock() - self.started > RETRY_FOR:
            return None
        pause = min(FIRST_PAUSE * (1 << self.attempts), LONGEST_PAUSE)
        return pause * (0.5 + self.chance() / 2)


def _attempts(error: TransientError, reached: bool) -> int:
    """A page instead of JSON is rarely gone a moment later; too large an answer stays so."""
    if isinstance(error, AnswerTooLarge):
        return 1
    if isinstance(error, NotSent) and not reached:
        return min(AT_FIRST, REQUEST_ATTEMPTS)
    return 2 if isinstance(error, UnexpectedAnswer) else REQUEST_ATTEMPTS
