"""Carries a plan out: wave after wave, the operations of a wave side by side on a few threads.

One failed operation does not stop the others; refused credentials, a server that is down and a
request to cancel do. The journal hears of every operation before and after it, in small batches.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby

from integration.domain.errors import (
    MadeElsewhere,
    RocketChatError,
    SyncError,
    TooSoonForPerson,
)
from integration.domain.messages import msg
from integration.domain.operations import Operation
from integration.domain.outcomes import Result, RunCause
from integration.services.sync.perform import Ids, Performer, refusal
from integration.services.sync.ports import Accounts, Journal, Writes
from integration.services.sync.report import Outcome, Tally
from integration.services.sync.stopping import StopRules
from integration.services.sync.workers import ResultBatcher, batches

logger = logging.getLogger(__name__)

BATCH_PER_WORKER = 16  # operations handed out ahead of the workers
PERSON_PAUSE_SECONDS = 61.0  # the server's limit for one account, and a little (reference 11)
STEP_SECONDS = 1.0  # of that pause: so soon a wish to stop is heard
STORE_SECONDS = 0.5  # seconds; so long an outcome may wait to be stored with others


@dataclass(slots=True)
class Applied:
    """`outcomes` are those that are kept (report.py), `tally` counts all."""

    outcomes: list[Outcome] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    stopped_because: str = ""
    cause: RunCause = RunCause.NONE  # NONE too where the caller stopped it: it knows why


def apply_plan(
    operations: Iterable[Operation],
    writes: Writes,
    ids: Ids,
    journal: Journal,
    *,
    seats: int = 0,
    accounts: Accounts | None = None,
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> Applied:
    """Carry out the operations of a plan, in its order. Without `accounts` each account is asked
    for by itself. `seats` is the number of those that take a seat of the licence.

    `should_stop` returns a reason to stop, "" to go on. It is asked before each operation and by
    several threads, so it has to be quick.
    """
    performer = Performer(writes, ids, accounts)
    return _Run(performer, journal, workers, StopRules(should_stop, seats)).run(operations)


class _Run:
    def __init__(
        self,
        performer: Performer,
        journal: Journal,
        workers: int,
        rules: StopRules,
    ) -> None:
        self.performer = performer
        self.journal = journal
        self.workers = workers
        self.rules = rules
        self.waiting: list[Operation] = []  # about people whom the server changes after a pause
        self.elsewhere: list[Operation] = []  # accounts that other runs are making
        self.applied = Applied()
        self.done: ResultBatcher[Outcome] = ResultBatcher()
        self.running = 0  # operations handed out whose outcome was not taken in yet

    def run(self, operations: Iterable[Operation]) -> Applied:
        threads = ThreadPoolExecutor(self.workers, thread_name_prefix="rcsync-apply")
        with threads as pool:
            for _, wave in groupby(operations, key=lambda o: o.wave):
                self._wave(pool, wave)
        self._those_who_wait()
        return replace(self.applied, stopped_because=self.rules.why, cause=self.rules.cause)

    def _wave(self, pool: ThreadPoolExecutor, wave: Iterable[Operation]) -> None:
        """What other runs are at comes last: most of it is done by then, and nobody waits."""
        self._hand_out(pool, wave)
        elsewhere, self.elsewhere = self.elsewhere, []
        self._hand_out(pool, sorted(elsewhere, key=lambda one: one.about.user_id or 0))

    def _hand_out(self, pool: ThreadPoolExecutor, wave: Iterable[Operation]) -> None:
        """Keep the workers busy, but hand out little ahead: stopping takes effect at once."""
        for batch in batches(wave, self.workers * BATCH_PER_WORKER):
            if self.rules.must_stop():
                self._store([Outcome(operation, Result.NOT_TRIED) for operation in batch])
                continue
            left = self.journal.starting(batch)
            why = msg("Another run has done this meanwhile.")
            self._store([Outcome(operation, Result.SKIPPED, error=why) for operation in left])
            names = set(map(id, left))
            sent = [operation for operation in batch if id(operation) not in names]
            for operation in sent:
                pool.submit(self._one, operation).add_done_callback(self.done.put)
            self.running += len(sent)
            self._collect(leave=self.workers * BATCH_PER_WORKER)
        self._collect(leave=0)

    def _collect(self, leave: int) -> None:
        """Take outcomes in until only `leave` operations run. Together they are stored faster."""
        while self.running > leave:
            outcomes = self.done.take(self.running - leave, STORE_SECONDS)
            self.running -= len(outcomes)
            waiting, elsewhere = set(map(id, self.waiting)), set(map(id, self.elsewhere))
            put_off = [one.operation for one in outcomes if id(one.operation) in elsewhere]
            if put_off:
                self.journal.put_off(put_off)
            left = waiting | elsewhere
            self._store([one for one in outcomes if id(one.operation) not in left])

    def _those_who_wait(self) -> None:
        """When everybody else is through: nobody waits for them."""
        waiting, self.waiting = self.waiting, []
        waited = 0.0
        while waiting and waited < PERSON_PAUSE_SECONDS and not self.rules.must_stop():
            self.performer.writes.pause(STEP_SECONDS)
            waited += STEP_SECONDS
        self._store([self._one(operation, again=True) for operation in waiting])

    def _store(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        for outcome in outcomes:
            if outcome.result is Result.DONE:
                self.performer.ids.learn(outcome)
        each = [*outcomes, *(person for outcome in outcomes for person in outcome.refused)]
        self.applied.tally.add(each)
        self.applied.outcomes += [outcome for outcome in each if outcome.is_kept]
        self.journal.finished(each)

    # --- one operation, in a worker thread --------------------------------------------------------

    def _one(self, operation: Operation, *, again: bool = False) -> Outcome:
        if self.rules.must_stop():
            return Outcome(operation, Result.NOT_TRIED)
        if hopeless := self.rules.hopeless(operation):
            return hopeless
        try:
            outcome = self.performer.perform(operation)
        except RocketChatError as error:
            if isinstance(error, TooSoonForPerson) and not again:
                self.waiting.append(operation)
                return Outcome(operation, Result.NOT_TRIED)
            self.rules.failed(operation, error)
            _log_failure(operation, error)
            return refusal(operation, error)
        except MadeElsewhere:
            self.elsewhere.append(operation)
            return Outcome(operation, Result.NOT_TRIED)
        except SyncError as error:
            return Outcome(operation, Result.SKIPPED, error=error.message, hint=error.hint)
        self.rules.done(operation)
        return outcome


def _log_failure(operation: Operation, error: RocketChatError) -> None:
    """Ids only: the server's words may hold names. They are in the operation's row."""
    logger.warning(
        "operation=%s failed error=%s call=%s status=%d code=%s user=%s group=%s",
        operation.kind,
        type(error).__name__,
        error.endpoint,
        error.status,
        error.code,
        operation.about.user_id,
        operation.about.group_id,
    )
