"""The line, and nothing else: read, desire, read, plan, guard, apply.

Everything that differs between the admin action, the preview, the schedule, an event and the
command line is an argument. Nothing decides while it writes.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from integration.domain.errors import StalePlan
from integration.domain.messages import msg
from integration.domain.operations import Operation
from integration.domain.outcomes import Result, RunStatus
from integration.domain.policy import Limits, Policy
from integration.domain.state import Managed, MoodleState, RemoteState, Scope
from integration.services.sync.apply import Applied, Journal, apply_plan
from integration.services.sync.desired import Desired, desire
from integration.services.sync.grace import Waiting, hold_back
from integration.services.sync.guard import (
    NOTHING_APPROVED,
    Approval,
    Blocks,
    Breach,
    breaches,
    split,
)
from integration.services.sync.plan import Plan, make_plan
from integration.services.sync.ports import Remote, Source
from integration.services.sync.report import RunReport
from integration.services.sync.sizes import Size, shrunk, sizes
from integration.services.sync.workers import garbage_collector_paused

logger = logging.getLogger(__name__)


class Records(Protocol):
    """What our own tables know."""

    def managed(self, scope: Scope) -> Managed:
        """All accounts and channels; the members of the channels in `scope`."""
        ...

    def integrated(self) -> Collection[int]:
        """Moodle course ids."""
        ...


class Ledger(Records, Journal, Protocol):
    """Our own tables: what is managed, and the record of what happens."""

    def planned(self, plan: Plan, held: Collection[Operation] = ()) -> None:
        """Store the plan before anything is written. `held` will not be: it waits for a person."""
        ...


def reconcile(  # noqa: PLR0913  # everything that differs between its callers
    scope: Scope,
    policy: Policy,
    source: Source,
    remote: Remote,
    ledger: Ledger,
    *,
    dry_run: bool,
    full_check: bool = False,
    force: bool = False,
    approval: Approval = NOTHING_APPROVED,
    expect_digest: str = "",
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> RunReport:
    """Bring Rocket.Chat in step with Moodle for `scope`, or say what that would take (`dry_run`).

    `audit` reads the members of every managed channel of the scope, whether its count looks right
    or not. `force` passes the safety guard; `approval` is what a person let pass of an earlier run.
    `expect_digest` is the digest of the plan that a person reviewed. SourceError,
    ConfigurationError or RocketChatError mean that reading failed and nothing was written;
    StalePlan that the plan is not the reviewed one any more.
    """
    with garbage_collector_paused():
        seen = compare(scope, policy, source, remote, ledger, full_check=full_check)
    plan, managed = seen.plan, seen.managed
    if expect_digest and plan.digest != expect_digest:
        raise StalePlan(
            msg("The plan has changed since it was shown."),
            hint=msg("Look at the new plan and confirm that one."),
        )
    size = sizes(seen.moodle, scope)
    passed = _breaches(plan, managed, scope, policy.limits, approval, size)
    if dry_run:
        return RunReport(plan, RunStatus.PLANNED, breaches=passed, waiting=seen.waiting, sizes=size)
    parts = split(plan, () if force else passed, policy.limits, approval.operations)
    ledger.planned(plan, held=parts.held)
    waits = bool(parts.held) or (not force and any(b.blocks is Blocks.EVERYTHING for b in passed))
    applied = apply_plan(
        replace(plan, operations=parts.go),
        remote.writes,
        managed,
        ledger,
        workers=workers,
        should_stop=should_stop,
    )
    return RunReport(
        plan,
        status_of(applied, waits=waits),
        tuple(applied.outcomes),
        passed,
        applied.stopped_because,
        parts.held,
        seen.waiting,
        size,
    )


def _breaches(
    plan: Plan,
    managed: Managed,
    scope: Scope,
    limits: Limits,
    approval: Approval,
    size: Mapping[int, Size],
) -> tuple[Breach, ...]:
    found = [
        *shrunk(size, managed.sizes, scope, limits),
        *breaches(plan, managed, scope, limits, approval.operations),
    ]
    return tuple(breach for breach in found if not approval.covers(breach))


def status_of(applied: Applied, *, waits: bool) -> RunStatus:
    """`waits`: for a person, who may also have to say that a source that shrank is right."""
    if applied.stopped_because:
        return RunStatus.STOPPED
    if waits:
        return RunStatus.QUARANTINED
    failed = (Result.FAILED, Result.SKIPPED)
    if any(outcome.result in failed for outcome in applied.outcomes):
        return RunStatus.FAILED
    return RunStatus.DONE


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was read, and what follows. `waiting` has days of grace and is not in the plan."""

    managed: Managed
    moodle: MoodleState
    desired: Desired
    remote: RemoteState
    plan: Plan
    waiting: tuple[Waiting, ...]


def compare(
    scope: Scope,
    policy: Policy,
    source: Source,
    remote: Remote,
    records: Records,
    *,
    full_check: bool = False,
) -> Comparison:
    """Read the ledger, Moodle and Rocket.Chat, in this order, and plan."""
    managed = records.managed(scope)
    remote.begin()  # not before the ledger: another run's new account would seem to have vanished
    moodle = source.read(
        scope, integrated=records.integrated(), linked_users=people_in_scope(managed, scope)
    )
    desired = desire(moodle, policy, remote.name_rules(), managed, scope)
    found = _read_remote(remote, desired, managed, scope, full_check)
    plan = make_plan(desired, found, managed, policy, scope)
    plan, waiting = hold_back(plan, policy, managed.pending, moodle.read_at)
    return Comparison(managed, moodle, desired, found, plan, waiting)


def people_in_scope(managed: Managed, scope: Scope) -> set[int]:
    """People the scope is about although they may be in no group of it any more."""
    if scope.users is not None:
        return set(scope.users)
    if scope.courses is None:
        return set(managed.accounts)
    return {
        user_id
        for group_id, channel in managed.channels.items()
        if channel.course_id in scope.courses
        for user_id in managed.members.get(group_id, {})
    }


def _read_remote(
    remote: Remote, desired: Desired, managed: Managed, scope: Scope, full_check: bool
) -> RemoteState:
    in_scope = {
        group_id: channel
        for group_id, channel in managed.channels.items()
        if scope.has_course(channel.course_id)
    }
    wanted = {
        channel.name
        for group_id, channel in desired.channels.items()
        if group_id not in managed.channels
    }
    unsure = {group_id for group_id, _ in managed.unfinished_members}  # to be looked into
    rooms = {
        channel.room_id: None if group_id in unsure else channel.users_count
        for group_id, channel in in_scope.items()
    }
    return remote.read(
        known_counts=rooms,
        wanted_names=wanted,
        full_check=tuple(rooms) if full_check else (),
        needed_accounts=[
            link.account_id
            for user_id, link in managed.accounts.items()
            if (person := desired.accounts.get(user_id)) is not None and person.wanted
        ],
        needed_rooms=[
            channel.room_id
            for group_id, channel in in_scope.items()
            if group_id in desired.channels
        ],
    )
