"""Carries a plan out, whoever made it: digest, guard, record, apply, report.

A sync and an undo differ in how they make their plan, and in nothing that follows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from integration.domain.errors import StalePlan
from integration.domain.messages import msg
from integration.domain.operations import Operation
from integration.domain.outcomes import Result, RunStatus
from integration.domain.policy import Limits
from integration.domain.state import Course, Managed, Scope
from integration.services.sync.apply import Applied, apply_plan
from integration.services.sync.grace import Waiting
from integration.services.sync.guard import (
    NOTHING_APPROVED,
    Approval,
    Blocks,
    Breach,
    WholePass,
    another_server,
    breaches,
    split,
    taking,
)
from integration.services.sync.perform import Ids
from integration.services.sync.plan import Plan
from integration.services.sync.ports import Accounts, Ledger, Remote
from integration.services.sync.refresh import Refreshed
from integration.services.sync.report import RunReport
from integration.services.sync.second_look import second_look
from integration.services.sync.sizes import Size, shrunk
from integration.services.sync.vanished import NO_EVIDENCE, Evidence


def _never() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms plans are carried out: everything that differs between the callers.

    `force` passes the safety guard; `approval` is what a person let pass of an earlier run.
    `expect_digest` is the digest of the plan that a person reviewed, "" where nobody did.
    `accounts` makes accounts, None: one by one. `should_stop` returns a reason to stop, "" to go
    on; threads ask it before each operation.
    """

    dry_run: bool
    force: bool = False
    approval: Approval = NOTHING_APPROVED
    expect_digest: str = ""
    accounts: Accounts | None = None
    workers: int = 8
    should_stop: Callable[[], str] = _never


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and what it is judged by.

    `managed` is the ledger that it was made from. `waiting` has days of grace and is not in the
    plan. `sizes` and `courses` are those that Moodle told of, None and nothing where it was not
    read. `server_id` is the id of the workspace that was read, `evidence` what Moodle itself tells
    of the plan's removals. Of what was read, nothing else is kept while the plan is carried out.
    """

    plan: Plan
    managed: Managed
    scope: Scope
    limits: Limits
    waiting: tuple[Waiting, ...] = ()
    sizes: Mapping[int, Size] | None = None
    courses: Mapping[int, Course] = field(default_factory=dict)
    server_id: str = ""
    evidence: Evidence = NO_EVIDENCE
    checks_joins: bool = False


def carry_out(proposal: Proposal, remote: Remote, ledger: Ledger, terms: Terms) -> RunReport:
    """Carry the plan out as far as the guard lets it, or only report it (`dry_run`).

    Raises StalePlan when the plan is not the reviewed one any more; then nothing was written.
    """
    plan = proposal.plan
    if terms.expect_digest and plan.digest != terms.expect_digest:
        raise StalePlan(
            msg("The plan has changed since it was shown."),
            hint=msg("Review the new plan and confirm that one."),
        )
    if proposal.managed.site is not None and taking(plan):
        proposal = replace(proposal, managed=ledger.counted(proposal.managed))
    if terms.dry_run:
        return _report(proposal, _breaches(proposal, terms.approval, None))
    work = _recorded(proposal, ledger, terms)
    del proposal, plan  # with all operations: those of a long plan are read back some at a time
    return _finished(work, remote, ledger, terms)


@dataclass(frozen=True, slots=True)
class _Work:
    """A plan that is stored, and its operations, which can be gone through once. `report` is what
    there is to say before the first of them; its plan, and `plan`, are without operations.
    """

    report: RunReport
    plan: Plan
    managed: Managed
    operations: Iterable[Operation]
    seats: int
    waits: bool
    checks_joins: bool


def _recorded(proposal: Proposal, ledger: Ledger, terms: Terms) -> _Work:
    """Ask the guard, and store what goes on and what is held."""
    plan = proposal.plan
    whole = ledger.share_limits(taking(plan, terms.approval.operations))
    passed = _breaches(proposal, terms.approval, whole)
    stopping = tuple(one for one in passed if one.final or not terms.force)
    report = _report(replace(proposal, plan=plan.without_operations()), passed)
    if any(one.final for one in stopping):
        plan = replace(
            plan, observed=(), refreshed=Refreshed(), confirmed=frozenset()
        )  # was learnt of another server
    parts = split(plan, stopping, proposal.limits, terms.approval.operations)
    return _Work(
        replace(report, held=parts.held),
        plan.without_operations(),
        proposal.managed,
        ledger.planned(plan, held=parts.held),
        sum(operation.takes_seat for operation in parts.go),
        bool(parts.held) or any(breach.blocks is Blocks.EVERYTHING for breach in stopping),
        proposal.checks_joins,
    )


def _report(proposal: Proposal, passed: tuple[Breach, ...]) -> RunReport:
    return RunReport(
        proposal.plan,
        RunStatus.PLANNED,
        breaches=passed,
        waiting=proposal.waiting,
        sizes=proposal.sizes or {},
        courses=proposal.courses,
    )


def _finished(work: _Work, remote: Remote, ledger: Ledger, terms: Terms) -> RunReport:
    applied = apply_plan(
        work.operations,
        remote.writes,
        Ids(work.managed, work.plan),
        ledger,
        seats=work.seats,
        accounts=terms.accounts,
        workers=terms.workers,
        should_stop=terms.should_stop,
    )
    if not applied.stopped_because:
        joins = work.checks_joins
        second_look(work.plan, applied.outcomes, work.managed, remote, ledger, joins=joins)
    return replace(
        work.report,
        status=_status_of(applied, waits=work.waits),
        outcomes=tuple(applied.outcomes),
        tally=applied.tally,
        stopped_because=applied.stopped_because,
        cause=applied.cause,
    )


def _breaches(
    proposal: Proposal, approval: Approval, whole: WholePass | None
) -> tuple[Breach, ...]:
    """What was approved does not count."""
    managed, scope, limits = proposal.managed, proposal.scope, proposal.limits
    found = [
        *breaches(
            proposal.plan,
            managed,
            scope,
            limits,
            approval.operations,
            proposal.evidence.explained,
            whole,
            _course_names(proposal),
        ),
        *proposal.evidence.breaches,
    ]
    if proposal.sizes is not None:
        found = [*shrunk(proposal.sizes, managed.sizes, scope, limits), *found]
    found = [*another_server(managed, proposal.server_id), *found]
    return tuple(breach for breach in found if not approval.covers(breach))


def _course_names(proposal: Proposal) -> dict[int, str]:
    """As Moodle says; where it was not read, as in an undo, as the ledger knows them."""
    courses = proposal.managed.courses if proposal.sizes is None else proposal.courses
    return {number: one.shortname for number, one in courses.items()}


def _status_of(applied: Applied, *, waits: bool) -> RunStatus:
    """`waits`: for a person, who may also have to say that a source that shrank is right."""
    if applied.stopped_because:
        return RunStatus.STOPPED
    if waits:
        return RunStatus.QUARANTINED
    failed = (Result.FAILED, Result.SKIPPED)
    if any(outcome.result in failed for outcome in applied.outcomes):
        return RunStatus.FAILED
    return RunStatus.DONE
