"""Wires one run together, from its order to its stored report."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from integration.domain.errors import Busy, SyncError
from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.domain.request_id import belonging_to
from integration.domain.state import Scope
from integration.models import SyncRun
from integration.services.ledger import (
    counters,
    heartbeat,
    leases,
    past_runs,
    pauses,
    retry,
    runs,
    server_facts,
)
from integration.services.ledger.claims import ClaimedAccounts, Claims
from integration.services.ledger.managed import integrated_courses
from integration.services.ledger.pass_lists import PassLists, fingerprint
from integration.services.ledger.past_runs import past_operations
from integration.services.ledger.policy import load_policy, missing_choices_in_words
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat import RocketChatRemote, connect
from integration.services.rocketchat.client import Stats
from integration.services.rocketchat.connection import Connection
from integration.services.runs import connection_test, lease_renewal, pacing
from integration.services.runs.bulk_accounts import ImportedAccounts
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.runs.kept_login import kept_login
from integration.services.runs.lease_renewal import LeaseRenewer
from integration.services.runs.order import Order
from integration.services.runs.shared_ledger import SharedLedger
from integration.services.sync.carry_out import Terms
from integration.services.sync.perform import DirectAccounts
from integration.services.sync.ports import Accounts
from integration.services.sync.reconcile import reconcile
from integration.services.sync.report import RunReport
from integration.services.sync.undo import undo_run

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Finished:
    """A run that has ended. `report` is None when it could not do its work; `run` says why."""

    run: SyncRun
    report: RunReport | None
    seconds: float
    notes: list[str] = field(default_factory=list)
    stats: Stats | None = None  # None where no connection was made


def begin(order: Order) -> SyncRun:
    """The run's row, for whoever has to know its number before `execute` does the work."""
    return runs.begin(worker=heartbeat.process_name(), **order.columns())


def execute(
    order: Order,
    on_progress: Callable[[int, int], None] = lambda *_counts: None,
    run: SyncRun | None = None,
    *,
    seconds: float | None = None,
) -> Finished:
    """Run `order` and store the result.

    SyncErrors are stored in the row, not raised; a queued run raises Busy so that it can be
    requeued. After `seconds` no more work is handed out, and the run ends as stopped.
    """
    run = run or begin(order)
    with belonging_to(run.request_id or f"run-{run.pk}"):
        return _carried_out(order, on_progress, run, seconds)


def _carried_out(
    order: Order, on_progress: Callable[[int, int], None], run: SyncRun, seconds: float | None
) -> Finished:
    started = time.monotonic()
    finished = Finished(run, None, 0.0)
    try:
        _execute(order, run, finished, on_progress, seconds)
    except SyncError as error:
        if isinstance(error, Busy) and run.attempts:
            raise
        logger.warning("run=%d could not run: %s", run.pk, error)
        runs.fail(run, error, order.scope)
    except BaseException:
        if not run.attempts:  # one from the queue is tried again, or given up, by whoever took it
            runs.fail(run, UNEXPECTED, order.scope)
        raise
    finished.seconds = time.monotonic() - started
    counters.count_run(run, finished.report, finished.stats, finished.seconds)
    logger.info(
        "run=%d kind=%s trigger=%s status=%s seconds=%.1f",
        run.pk,
        run.kind,
        run.trigger,
        run.status,
        finished.seconds,
    )
    return finished


UNEXPECTED = SyncError(
    msg("The run ended with an unexpected error."),
    hint=msg("See the log for details, and report it."),
)


def _execute(
    order: Order,
    run: SyncRun,
    finished: Finished,
    on_progress: Callable[[int, int], None],
    seconds: float | None,
) -> None:
    if order.writes:
        pauses.check()
    owner, claims = leases.owner_of(run), Claims(run.worker)
    start_rules = pacing.start_rules_of(run) if order.writes else None
    courses = _lease(owner, order.scope) if order.writes else set()
    try:
        source = MoodleReader()
        policy = load_policy(source.roles())
        finished.notes = missing_choices_in_words(policy)
        connection = rocketchat_connection()
        known = server_facts.recall(connection.url)
        with (
            LeaseRenewer(run, owner, courses, seconds) as renewer,
            connect(connection, known, kept_login(connection), _lists(run, connection)) as remote,
        ):
            finished.stats = remote.stats
            accounts, imported = _accounts(remote, claims, start_rules)
            ledger = SharedLedger(
                run,
                order.scope,
                on_progress,
                claims,
                start_rules=start_rules,
                imported=imported,
            )
            terms = Terms(
                dry_run=not order.writes,
                force=order.force,
                approval=past_runs.approval_of(order.approves),
                expect_digest=order.expect_digest,
                accounts=accounts,
                workers=connection.max_connections,
                should_stop=renewer.why_stop if order.writes else lambda: "",
            )
            report = _planned_and_carried_out(order, policy, source, remote, ledger, terms)
            cause = lease_renewal.CAUSES.get(report.stopped_because, report.cause)
            report = replace(report, cause=cause)
            if order.writes and not report.doubtful:
                server_facts.confirm(remote.reader.server_id)
            server_facts.remember(None if report.failed else remote.facts(time.time()))
        _store(order, finished, report, ledger, remote.stats)
        if report.applied and not report.failed:
            connection_test.it_works(connection)
    finally:
        claims.release()
        leases.release(owner)


def _lists(run: SyncRun, connection: Connection) -> PassLists | None:
    """Where the lists are shared with the other parts of the pass; None: the run is no part."""
    if run.parent_id is None:
        return None
    who = connection.credentials.user_id or connection.credentials.username
    return PassLists(run, fingerprint(connection.url, who))


def _accounts(
    remote: RocketChatRemote, claims: Claims, start_rules: pacing.StartRules | None
) -> tuple[Accounts, ImportedAccounts | None]:
    """How accounts are made: never twice, and in bulk where the settings say so."""
    accounts: Accounts = DirectAccounts(remote.writes)
    imported = None
    if start_rules is not None and start_rules.bulk_import:
        accounts = imported = ImportedAccounts(remote.bulk_import, accounts)
    return ClaimedAccounts(claims, accounts, remote.writes.find_account), imported


def _planned_and_carried_out(
    order: Order,
    policy: Policy,
    source: MoodleReader,
    remote: RocketChatRemote,
    ledger: SharedLedger,
    terms: Terms,
) -> RunReport:
    if order.undoes is None:
        full_check = order.full_check
        return reconcile(order.scope, policy, source, remote, ledger, terms, full_check=full_check)
    past = past_operations(order.undoes, order.chosen)
    reason = msg("undo of run {run}", run=order.undoes)
    return undo_run(order.scope, policy, past, remote, ledger, terms, reason=reason)


def _store(
    order: Order, finished: Finished, report: RunReport, ledger: SharedLedger, stats: Stats
) -> None:
    run, requests = finished.run, {"total": stats.total, "by_endpoint": dict(stats.by_endpoint)}
    if not order.writes:
        finished.notes += pacing.remarks(report.plan)
        if order.keep_plan:
            ledger.planned(report.plan)
    if order.undoes is None and (report.tried or order.writes):
        ledger.close()
    runs.name_courses(report.courses)
    retry.retry_on_deadlock(lambda: runs.finish(run, report, order.scope, requests, finished.notes))
    finished.report = report


def _lease(owner: str, scope: Scope) -> set[int]:
    courses = integrated_courses(scope)
    busy = leases.acquire(owner, courses)
    if busy and leases.take_from_the_dead(courses):
        busy = leases.acquire(owner, courses)
    if busy:
        raise Busy(
            msg(
                "Another run is working on {courses}.",
                courses=", ".join(busy[:5]) + (" …" if len(busy) > 5 else ""),
            ),
            hint=msg(
                "Wait until it has finished, or cancel it. After a crash its courses are "
                "free again within {seconds} seconds.",
                seconds=leases.LEASE_SECONDS,
            ),
        )
    return courses
