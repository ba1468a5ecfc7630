"""Rows that are gone from Moodle although nobody is known to have taken them out. Pure.

A table that lost every fourth row stays below any limit in percent that lets ordinary days pass.
What tells damage from a busy day is Moodle's log: whoever leaves a group, loses a role or is
unenrolled leaves an entry there. Enrolments that end, are suspended or switched off keep their row
and are no matter here. Without a log, damage is told by its spread: people go from many courses at
once.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from integration.domain.messages import msg
from integration.domain.operations import Operation, RemoveMember
from integration.domain.policy import Limits, Removal
from integration.domain.state import Managed, Scope
from integration.services.sync.desired import Desired
from integration.services.sync.eligibility import Eligibility
from integration.services.sync.guard import Breach, managed_counts
from integration.services.sync.plan import Plan

LOOK_BACK_SECONDS = 60 * 24 * 3600  # so far back the log is asked who was taken out
SPREAD_COURSES = 3  # fewer courses say nothing about how far damage is spread
SPREAD_PERCENT = 50

Logged = frozenset[tuple[int, int]]  # (Moodle course id, user id)


def removals_of_missing_rows(plan: Plan, eligibility: Eligibility) -> list[RemoveMember]:
    """Removals because a row of Moodle is not there any more."""
    return [
        operation
        for operation in plan.operations
        if isinstance(operation, RemoveMember)
        and eligibility.row_is_gone(operation.channel.group_id, operation.user_id)
    ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Moodle tells of the removals of a plan. `explained` are keys of operations."""

    explained: frozenset[str] = frozenset()
    breaches: tuple[Breach, ...] = ()


NO_EVIDENCE = Evidence()


def weigh_evidence(
    plan: Plan,
    gone: Collection[RemoveMember],
    logged: Logged | None,
    desired: Desired,
    managed: Managed,
    scope: Scope,
    limits: Limits,
) -> Evidence:
    """`gone` as from `vanished`, without what a person approved; `logged` as in `unexplained`."""
    ended = (
        one.key
        for one in plan.operations
        if isinstance(one, RemoveMember)
        and desired.eligibility.ended_by_date(one.channel.course_id, one.user_id)
    )
    closed = (one.key for one in plan.operations if _closes_by_date(one, desired))
    told = (one.key for one in gone if _is_told(one, logged))
    return Evidence(
        frozenset((*ended, *closed, *told)),
        tuple(unexplained(gone, logged, managed, scope, limits)),
    )


def _closes_by_date(operation: Operation, desired: Desired) -> bool:
    """Whether a channel is ended, or read-only, because its course is outside its dates."""
    group_id = operation.about.group_id
    if operation.takes is not Removal.CHANNELS or group_id is None:
        return False
    ending, channel = desired.endings.get(group_id), desired.channels.get(group_id)
    return (ending is not None and ending.by_date) or (
        channel is not None and bool(channel.read_only)
    )


def _is_told(operation: RemoveMember, logged: Logged | None) -> bool:
    return logged is not None and (operation.channel.course_id, operation.user_id) in logged


def unexplained(
    gone: Collection[RemoveMember],
    logged: Logged | None,
    managed: Managed,
    scope: Scope,
    limits: Limits,
) -> Iterator[Breach]:
    """`logged`: of whom Moodle's log tells that they were taken out; None: there is no log."""
    total = managed_counts(managed, scope)[Removal.MEMBERSHIPS]
    if logged is None:
        left, what = list(gone), msg("memberships disappear from many courses at once")
        if not _is_spread(left, managed, scope):
            return
    else:
        left = [one for one in gone if not _is_told(one, logged)]
        what = msg("memberships disappear without an entry in Moodle's log")
    if len(left) >= limits.from_count and len(left) * 100 > total * limits.unexplained_percent:
        yield Breach(what, len(left), total, limits.unexplained_percent, code="source/unexplained")


def _is_spread(gone: Collection[RemoveMember], managed: Managed, scope: Scope) -> bool:
    """Whether more than half of the courses that have members lose some."""
    courses = {
        channel.course_id
        for group_id, channel in managed.channels.items()
        if scope.has_course(channel.course_id) and managed.members.get(group_id)
    }
    losing = {one.channel.course_id for one in gone}
    return len(losing) >= SPREAD_COURSES and len(losing) * 100 > len(courses) * SPREAD_PERCENT
