"""The line, and nothing else: read, desire, read, plan, guard, apply.

Everything that differs between the admin action, the preview, the schedule, an event and the command line is
an argument. Nothing decides while it writes.
"""

import logging
from collections.abc import Callable, Collection
from typing import Protocol

from integration.services.apply import Journal, apply_plan
from integration.services.desired import Desired, desire
from integration.services.errors import StalePlan
from integration.services.guard import breaches
from integration.services.plan import Plan, make_plan
from integration.services.policy import Policy
from integration.services.ports import Remote, Source
from integration.services.report import Result, RunReport, RunStatus
from integration.services.state import Managed, RemoteState, Scope

logger = logging.getLogger(__name__)


class Ledger(Journal, Protocol):
    """Our own tables: what is managed, and the record of what happens."""

    def managed(self, scope: Scope) -> Managed:
        """All accounts and channels; the members of the channels in `scope`."""
        ...

    def integrated(self) -> Collection[int]:
        """Moodle course ids."""
        ...

    def planned(self, plan: Plan) -> None:
        """Store the plan before anything is written."""
        ...


def reconcile(
    scope: Scope,
    policy: Policy,
    source: Source,
    remote: Remote,
    ledger: Ledger,
    *,
    dry_run: bool,
    audit: bool = False,
    force: bool = False,
    expect_digest: str = "",
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> RunReport:
    """Bring Rocket.Chat in step with Moodle for `scope`, or say what that would take (`dry_run`).

    `audit` reads the members of every managed channel of the scope, whether its count looks right or not.
    `force` passes the safety guard. `expect_digest` is the digest of the plan that a person reviewed.
    SourceError, ConfigurationError or RocketChatError mean that reading failed and nothing was written;
    StalePlan that the plan is not the reviewed one any more.
    """
    managed = ledger.managed(scope)
    moodle = source.read(
        scope, integrated=ledger.integrated(), linked_users=_concerned(managed, scope)
    )
    desired = desire(moodle, policy, remote.name_rules(), managed, scope)
    plan = make_plan(
        desired, _read_remote(remote, desired, managed, scope, audit), managed, policy, scope
    )
    if expect_digest and plan.digest != expect_digest:
        raise StalePlan(
            "The plan has changed since it was shown.", hint="Look at the new plan and confirm that one."
        )
    passed = tuple(breaches(plan, managed, scope, policy.limits))
    if dry_run:
        return RunReport(plan, RunStatus.PLANNED, breaches=passed)
    if passed and not force:
        return RunReport(plan, RunStatus.REFUSED, breaches=passed)
    ledger.planned(plan)
    applied = apply_plan(
        plan, remote.writes, managed, ledger, workers=workers, should_stop=should_stop
    )
    status = RunStatus.DONE
    if any(outcome.result in (Result.FAILED, Result.SKIPPED) for outcome in applied.outcomes):
        status = RunStatus.FAILED
    if applied.stopped_because:
        status = RunStatus.STOPPED
    return RunReport(plan, status, tuple(applied.outcomes), passed, applied.stopped_because)


def _concerned(managed: Managed, scope: Scope) -> set[int]:
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
    remote: Remote, desired: Desired, managed: Managed, scope: Scope, audit: bool
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
    rooms = {channel.room_id: channel.users_count for channel in in_scope.values()}
    return remote.read(
        known_counts=rooms, wanted_names=wanted, audit=tuple(rooms) if audit else ()
    )
