"""Records one run: every operation before and after it, and its effects on rcsync's tables."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from integration.domain.chunks import chunks
from integration.domain.messages import msg
from integration.domain.operations import (
    JoinOperation,
    Operation,
    SendPasswordMail,
    Stored,
    kinds,
)
from integration.domain.outcomes import Result
from integration.domain.state import Managed, Scope
from integration.models import AccountLink, SyncOperation, SyncRun
from integration.services.ledger import audit_trail, managed_part, pass_parts, password_mails
from integration.services.ledger.bulk import insert
from integration.services.ledger.effects import Effects
from integration.services.ledger.managed import integrated_courses, known_by, load_managed
from integration.services.ledger.reading import rows_by
from integration.services.sync.guard import WholePass
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome

LONG = 5_000  # operations: of a plan with more, only those at hand are in memory
AT_ONCE = 2_000  # of those
ROW = (
    "run_id",
    "position",
    "kind",
    "key",
    "moodle_user_id",
    "moodle_group_id",
    "moodle_course_id",
    "description",
    "reason",
    "details",
)


class RunLedger:
    """The ledger of one run (ports.Ledger). Writes in batches: a few statements each."""

    def __init__(
        self,
        run: SyncRun,
        scope: Scope,
        on_progress: Callable[[int, int], None],
    ) -> None:
        """`on_progress` hears the number of finished and of all operations after every batch."""
        self.run = run
        self.scope = scope
        self._on_progress = on_progress
        self._finished = 0
        self._positions: dict[int, int] = {}  # id(operation) -> position of its row in the run
        self._next = 0  # position
        self._effects = Effects(Managed())
        self._people: list[Operation] = []
        self._plan = Plan()
        self._to_mail: set[int] = set()  # Moodle ids of people who get a mail by this plan
        self._mails_of_ours: set[int] = set()  # those for whom this run asks for one
        self._to_do = 0
        self._read_at = timezone.now()  # what is managed, and what went lately
        self._looked = False  # a plan was made and is being carried out

    def managed(self, scope: Scope, *, part: bool = False) -> Managed:
        self._read_at = timezone.now()
        managed = load_managed(scope, self.run.pk, part=part)
        self._effects = Effects(managed)
        return managed

    def integrated(self) -> set[int]:
        return integrated_courses()

    def known_by(self, managed: Managed, **asked: Collection[str]) -> Managed:
        return known_by(managed, **asked)

    def counted(self, managed: Managed) -> Managed:
        return managed_part.counted(managed)

    def share_limits(self, taking: Mapping[str, int]) -> WholePass | None:
        return pass_parts.share_limits(self.run, taking, self._read_at)

    def planned(self, plan: Plan, held: Collection[Operation] = ()) -> Iterable[Operation]:
        """Store every operation of the plan as a row, in the plan's order. `held` ones wait for a
        person. The others are the answer (ports.Ledger).
        """
        self._plan = plan.without_operations()
        self._to_mail = {
            one.user_id for one in plan.operations if isinstance(one, SendPasswordMail)
        }
        self._looked = True
        if self.run.kind == SyncRun.Kind.APPLY:
            self._effects.store_refreshed(plan.refreshed)  # before the operations change it again
            self._effects.store_identities(plan.identities)
        SyncRun.objects.filter(pk=self.run.pk).update(
            planned=dict(plan.counts), digest=plan.digest, alive_at=timezone.now()
        )
        insert(
            SyncOperation, ROW, (self._row(*numbered) for numbered in enumerate(plan.operations))
        )
        self._positions = {id(operation): n for n, operation in enumerate(plan.operations)}
        self._next = len(plan.operations)
        for part in chunks(list(held), 500):
            self._rows(part).update(status=SyncOperation.Status.HELD)
        self._to_do = len(plan.operations) - len(held)
        if len(plan.operations) > LONG:
            return self._read_back()
        return self.going(plan, held)

    @staticmethod
    def going(plan: Plan, held: Collection[Operation]) -> list[Operation]:
        """Those that do not wait for a person."""
        waiting = set(map(id, held))
        return [operation for operation in plan.operations if id(operation) not in waiting]

    def _read_back(self) -> Iterator[Operation]:
        """What is to be done, some at a time: of a long plan nothing else is in memory."""
        self._positions.clear()
        known = kinds()
        rows = SyncOperation.objects.filter(run=self.run, position__lt=self._next)
        rows = rows.exclude(status=SyncOperation.Status.HELD)
        columns = ("position", "kind", "moodle_user_id", "moodle_group_id", "moodle_course_id")
        rows = rows.values_list(*columns, "reason", "details")
        for position, *stored in rows_by(rows, "position", AT_ONCE, key=itemgetter(0)):
            operation = known[stored[0]].restored(Stored(*stored))
            self._positions[id(operation)] = position
            yield operation

    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        taken = password_mails.claim(operations, self._mails_of_ours)
        self._rows(operations).update(status=SyncOperation.Status.STARTED)
        return taken

    def put_off(self, operations: Sequence[Operation]) -> None:
        """Nothing was asked for that a crash would leave in doubt."""
        self._rows(operations).update(status=SyncOperation.Status.PLANNED)

    def finished(self, outcomes: Sequence[Outcome]) -> None:
        """Store outcomes together with what they change: both or neither."""
        now = timezone.now()
        planned = sum(id(outcome.operation) in self._positions for outcome in outcomes)
        with transaction.atomic():
            self._note_single_people(outcomes)
            self._effects.store([o for o in outcomes if o.result is Result.DONE])
            password_mails.note_due([o for o in outcomes if o.result is Result.DONE], self._to_mail)
            password_mails.give_back(outcomes, self._mails_of_ours)
            self._effects.doubt([o for o in outcomes if o.result is Result.FAILED])
            self._effects.leave_alone([o for o in outcomes if o.result is Result.LEFT_ALONE])
            self._store_results(outcomes, now)
            audit_trail.record_outcomes(self.run, outcomes)
            SyncRun.objects.filter(pk=self.run.pk).update(
                alive_at=now, done_count=F("done_count") + planned
            )
        for outcome in outcomes:
            if not outcome.is_kept:
                del self._positions[id(outcome.operation)]  # which another may get now
        self._finished += planned
        self._on_progress(self._finished, self._to_do)

    def confirmed(self, operations: Sequence[Operation]) -> None:
        self._set_unconfirmed(operations, value=False)

    def suspected(self, operations: Sequence[Operation]) -> None:
        self._set_unconfirmed(operations, value=True)

    def _set_unconfirmed(self, operations: Sequence[Operation], *, value: bool) -> None:
        for part in chunks(operations, 500):
            self._rows(part).update(unconfirmed=value)

    def _note_single_people(self, outcomes: Sequence[Outcome]) -> None:
        """Rows of people for whom a list was refused: nobody knew of them when it was planned."""
        for operation in (one.operation for one in outcomes):
            if id(operation) not in self._positions:
                self._positions[id(operation)] = self._next
                self._next += 1
                self._people.append(operation)  # an id is its own while the operation is kept
        people = {id(operation) for operation in self._people}
        single = [one.operation for one in outcomes if id(one.operation) in people]
        insert(SyncOperation, ROW, (self._row(self._positions[id(one)], one) for one in single))

    def close(self) -> None:
        """Store what was observed and settle what earlier runs left open.

        A run for single people does not settle, because it did not look at everything in its
        courses.
        """
        with transaction.atomic():
            self._effects.store_observed(self._plan.observed)
            if not self._looked or self.scope.users is not None:
                return
            confirmed = SyncOperation.objects.filter(pk__in=self._plan.confirmed)
            confirmed.update(unconfirmed=False)
            self._settle_earlier()

    def _settle_earlier(self) -> None:
        """Clear the doubt from earlier operations that this run compared and, where needed,
        carried out.
        """
        earlier = SyncOperation.objects.filter(run_id__lt=self.run.pk)
        open_rows = list(
            earlier.filter(Q(in_doubt=True) | Q(status=SyncOperation.Status.STARTED)).values_list(
                "pk", "key", "moodle_group_id", "moodle_user_id", "moodle_course_id"
            )
        )
        if not open_rows:
            return
        left = self.run.operations.exclude(status=SyncOperation.Status.DONE)
        undone = set(left.values_list("key", flat=True).iterator(2000))
        linked = set(AccountLink.objects.values_list("moodle_user_id", flat=True))
        settled = [
            pk
            for pk, key, group_id, user_id, course_id in open_rows
            if key not in undone
            and (
                user_id in linked if group_id is None else self._compared(key, group_id, course_id)
            )
        ]
        for keys in chunks(settled, 500):
            rows = SyncOperation.objects.filter(pk__in=keys)
            rows.filter(in_doubt=True).update(in_doubt=False)
            rows.filter(status=SyncOperation.Status.STARTED).update(
                status=SyncOperation.Status.NOT_TRIED,
                error=msg("The run was interrupted here; a later run checked and resolved it."),
            )

    def _compared(self, key: str, group_id: int, course_id: int | None) -> bool:
        if key.startswith(f"{JoinOperation.subject}/"):
            return group_id in self._plan.compared
        return course_id is not None and self.scope.has_course(course_id)

    def _store_results(self, outcomes: Sequence[Outcome], now: Any) -> None:
        for later in (True, False):
            plain = [
                outcome.operation
                for outcome in outcomes
                if _is_plain(outcome) and outcome.operation.seen_later is later
            ]
            done = SyncOperation.Status.DONE
            self._rows(plain).update(status=done, finished_at=now, unconfirmed=later)
        for outcome in outcomes:
            if not _is_plain(outcome):
                row = self._rows([outcome.operation])
                row.update(finished_at=now, **_result_columns(outcome))

    def _rows(self, operations: Iterable[Operation]) -> QuerySet[SyncOperation]:
        """By position: MySQL does not tell the primary keys of rows that were inserted in bulk."""
        positions = [self._positions[id(operation)] for operation in operations]
        return SyncOperation.objects.filter(run=self.run, position__in=positions)

    def _row(self, number: int, operation: Operation) -> tuple[Any, ...]:
        """In the order of ROW."""
        return (
            self.run.pk,
            number,
            operation.kind,
            operation.key,
            *operation.about,
            operation.describe(),
            operation.reason,
            operation.details(),
        )


def _is_plain(outcome: Outcome) -> bool:
    return outcome.result is Result.DONE and not outcome.dropped


def _result_columns(outcome: Outcome) -> Mapping[str, Any]:
    error = outcome.error
    if outcome.dropped and not error:
        error = msg(
            "Without the people {people}: see their own rows.", people=_ids(outcome.dropped)
        )
    return {
        "status": outcome.result.value,
        "error": error,
        "hint": outcome.hint,
        "answer": _answer(outcome),
        "in_doubt": outcome.in_doubt,
        "unconfirmed": outcome.result is Result.DONE and outcome.operation.seen_later,
    }


def _answer(outcome: Outcome) -> str:
    if not outcome.endpoint:
        return ""
    place = f"{outcome.endpoint}: {outcome.status or 'no answer'}"
    return " ".join(
        part for part in (place, outcome.code and f"[{outcome.code}]", outcome.answer) if part
    )


def _ids(user_ids: Iterable[int]) -> str:
    return ", ".join(map(str, user_ids))
