"""The ledger of a run that shares people, courses and the server with others."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from integration.domain.actor import Actor, acting
from integration.domain.operations import Operation
from integration.domain.outcomes import Result
from integration.domain.state import Managed, Scope
from integration.models import SyncRun
from integration.services.ledger import retry
from integration.services.ledger.claims import Claims
from integration.services.ledger.journal import RunLedger
from integration.services.ledger.past_runs import pause_courses
from integration.services.runs import pacing
from integration.services.runs.bulk_accounts import ImportedAccounts
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome


class SharedLedger(RunLedger):
    """Claims the people whose accounts are about to be made, and tries again after a deadlock.

    Before a plan that writes is begun: the hour is checked (`start_rules`), the courses of an undo
    leave the automatic sync, and accounts are made in bulk (`imported`). None: not in this run.
    """

    def __init__(
        self,
        run: SyncRun,
        scope: Scope,
        on_progress: Callable[[int, int], None],
        claims: Claims,
        *,
        start_rules: pacing.StartRules | None,
        imported: ImportedAccounts | None,
    ) -> None:
        super().__init__(run, scope, on_progress)
        self._claims = claims
        self._start_rules = start_rules
        self._imported = imported

    def managed(self, scope: Scope, *, part: bool = False) -> Managed:
        managed = super().managed(scope, part=part)
        self._claims.learn(managed)
        return managed

    def planned(self, plan: Plan, held: Collection[Operation] = ()) -> Iterable[Operation]:
        if self._start_rules is not None:
            self._start_rules.check(len(plan.operations) - len(held))
        to_do = super().planned(plan, held)
        if self.run.pauses and len(plan.operations) > len(held):
            with acting(Actor("person", self.run.actor)):
                pause_courses(self.scope)
        if self._imported is not None:
            self._imported.run(self.going(plan, held), self.starting, self._claims.holds)
        return to_do

    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        self._claims.take(operations)
        return super().starting(operations)

    def finished(self, outcomes: Sequence[Outcome]) -> None:
        outcomes = [self._doubted(outcome) for outcome in outcomes]
        store = super().finished
        retry.retry_on_deadlock(lambda: store(outcomes), self._effects.forget_keys)
        self._claims.stored([outcome.operation for outcome in outcomes])

    def _doubted(self, outcome: Outcome) -> Outcome:
        """What the import made is ours, also where the run was stopped before it was linked."""
        imported, not_tried = self._imported, outcome.result is Result.NOT_TRIED
        if not_tried and imported is not None and imported.may_have_made(outcome.operation):
            return replace(outcome, in_doubt=True)
        return outcome
