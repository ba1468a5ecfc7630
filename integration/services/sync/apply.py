"""Carries a plan out: wave after wave, the operations of a wave side by side on a few threads.

One failed operation does not stop the others; refused credentials, a server that is down and a
request to cancel do. The journal hears of every operation before and after it, in small batches.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

from integration.domain.errors import (
    RocketChatError,
    SyncError,
)
from integration.domain.operations import Operation
from integration.domain.outcomes import Result, RunCause
from integration.domain.state import Managed
from integration.services.sync.perform import Ids, Performer
from integration.services.sync.plan import Plan
from integration.services.sync.ports import Accounts, Journal, Writes
from integration.services.sync.report import Outcome
from integration.services.sync.stopping import StopRules
from integration.services.sync.workers import ResultBatcher, batches

logger = logging.getLogger(__name__)

BATCH_PER_WORKER = 16  # operations handed out ahead of the workers
STORE_SECONDS = 0.5  # seconds; so long an outcome may wait to be stored with others


@dataclass(slots=True)
class Applied:
    outcomes: list[Outcome] = field(default_factory=list)
    stopped_because: str = ""
    cause: RunCause = RunCause.NONE  # NONE too where the caller stopped it: it knows why


def apply_plan(
    plan: Plan,
    writes: Writes,
    managed: Managed,
    journal: Journal,
    *,
    accounts: Accounts | None = None,
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> Applied:
    """Carry out `plan`. Without `accounts` each account is asked for by itself.

    `should_stop` returns a reason to stop, "" to go on. It is asked before each operation and by
    several threads, so it has to be quick.
    """
    performer = Performer(writes, Ids.of(managed, plan), accounts)
    return _Run(performer, journal, workers, should_stop).run(plan)


class _Run:
    def __init__(
        self,
        performer: Performer,
        journal: Journal,
        workers: int,
        should_stop: Callable[[], str],
    ) -> None:
        self.performer = performer
        self.journal = journal
        self.workers = workers
        self.rules = StopRules(should_stop)
        self.outcomes: list[Outcome] = []
        self.done: ResultBatcher[Outcome] = ResultBatcher()
        self.running = 0  # operations handed out whose outcome was not taken in yet

    def run(self, plan: Plan) -> Applied:
        threads = ThreadPoolExecutor(self.workers, thread_name_prefix="rcsync-apply")
        with threads as pool:
            for _, wave in groupby(plan.operations, key=lambda o: o.wave):
                self._wave(pool, wave)
        return Applied(self.outcomes, self.rules.why, self.rules.cause)

    def _wave(self, pool: ThreadPoolExecutor, wave: Iterable[Operation]) -> None:
        """Keep the workers busy, but hand out little ahead: stopping takes effect at once."""
        for batch in batches(wave, self.workers * BATCH_PER_WORKER):
            if self.rules.must_stop():
                self._store([Outcome(operation, Result.NOT_TRIED) for operation in batch])
                continue
            self.journal.starting(batch)
            for operation in batch:
                pool.submit(self._one, operation).add_done_callback(self.done.put)
            self.running += len(batch)
            self._collect(leave=self.workers * BATCH_PER_WORKER)
        self._collect(leave=0)

    def _collect(self, leave: int) -> None:
        """Take outcomes in until only `leave` operations run. Together they are stored faster."""
        while self.running > leave:
            outcomes = self.done.take(self.running - leave, STORE_SECONDS)
            self.running -= len(outcomes)
            self._store(outcomes)

    def _store(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.result is Result.DONE:
                self.performer.ids.learn(outcome)
        self.outcomes.extend(outcomes)
        self.journal.finished(outcomes)

    # --- one operation, in a worker thread --------------------------------------------------------

    def _one(self, operation: Operation) -> Outcome:
        if self.rules.must_stop():
            return Outcome(operation, Result.NOT_TRIED)
        if hopeless := self.rules.hopeless(operation):
            return hopeless
        try:
            outcome = self.performer.perform(operation)
        except RocketChatError as error:
            self.rules.failed(operation, error)
            _log_failure(operation, error)
            return _failed(operation, error)
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


def _failed(operation: Operation, error: RocketChatError) -> Outcome:
    return Outcome(
        operation,
        Result.FAILED,
        error=error.message,
        hint=error.hint,
        endpoint=error.endpoint,
        status=error.status,
        code=error.code,
        answer=error.answer,
        in_doubt=error.may_have_happened,
    )
