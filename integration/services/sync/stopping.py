"""When to stop a run, or one kind of operation. Pure; threads share it."""

from collections import defaultdict
from collections.abc import Callable

from integration.domain.errors import (
    AuthenticationError,
    MailRefused,
    NoSeatLeft,
    PermissionMissing,
    RocketChatError,
    TransientError,
)
from integration.domain.messages import counted, joined, msg
from integration.domain.operations import Operation
from integration.domain.outcomes import Result, RunCause
from integration.services.sync.report import Outcome

GIVE_UP_AFTER = 10  # transient failures in a row: the server is down, trying on would only hurt it
GIVE_UP_KIND_AFTER = 3  # operations of a kind that are not permitted, before one ever worked


class StopRules:
    """`why` is the reason for which no more is begun, "" while there is none."""

    def __init__(self, should_stop: Callable[[], str], seats_wanted: int = 0) -> None:
        """`should_stop` returns a reason to stop, "" to go on. `seats_wanted`: how many operations
        of the plan take a seat of the licence.
        """
        self._should_stop = should_stop
        self._seats_wanted = seats_wanted
        self._no_seat: NoSeatLeft | None = None
        self.why = ""
        self.cause = RunCause.NONE
        self._transient_in_a_row = 0
        self._forbidden: dict[str, list[RocketChatError]] = defaultdict(list)
        self._allowed: set[str] = set()  # kinds of operations of which one was done

    def must_stop(self) -> bool:
        """Never takes a reason back: another thread may find one while this one is asking."""
        if not self.why and (reason := self._should_stop()):
            self.why = reason
        return bool(self.why)

    def done(self, operation: Operation) -> None:
        self._transient_in_a_row = 0
        self._allowed.add(operation.kind)
        self._seats_wanted -= operation.takes_seat

    def failed(self, operation: Operation, error: RocketChatError) -> None:
        if isinstance(error, PermissionMissing | MailRefused):
            self._forbidden[operation.kind].append(error)
        if isinstance(error, NoSeatLeft):
            self._no_seat = error
        if isinstance(error, AuthenticationError):
            self.why, self.cause = error.text, RunCause.REFUSED
        elif not isinstance(error, TransientError):
            self._transient_in_a_row = 0
        else:
            self._transient_in_a_row += 1
            if self._transient_in_a_row >= GIVE_UP_AFTER:
                self.why = msg(
                    "Rocket.Chat failed {n} times in a row, last: {error}",
                    n=GIVE_UP_AFTER,
                    error=error.text,
                )
                self.cause = RunCause.CHAT_AWAY

    def hopeless(self, operation: Operation) -> Outcome | None:
        """Whatever lacks a permission every time is not asked for hundreds of times more, and where
        one account found no seat, no other will.
        """
        if self._no_seat is not None and operation.takes_seat:
            return self._without_seat(operation, self._no_seat)
        errors = self._forbidden[operation.kind]
        tried_enough = len(errors) >= GIVE_UP_KIND_AFTER and operation.kind not in self._allowed
        in_rooms = any(permission.in_room for permission in operation.permissions)
        if not tried_enough or in_rooms:  # in one room the bot may have a right, in the next not
            return None
        why = msg("Not tried, because this failed {n} times before.", n=len(errors))
        error = joined(" ", (why, errors[0].message))
        return Outcome(operation, Result.SKIPPED, error=error, hint=errors[0].hint)

    def _without_seat(self, operation: Operation, error: NoSeatLeft) -> Outcome:
        n = self._seats_wanted
        waiting = counted("{n} account waits for a seat.", "{n} accounts wait for a seat.", n)
        words = joined(" ", (error.message, waiting))
        return Outcome(operation, Result.SKIPPED, error=words, hint=error.hint)
