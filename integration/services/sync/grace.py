"""Days of grace: removals wait, and are dropped when their reason goes away. Pure.

Works on a finished plan, so that planning stays a comparison of two states. The day on which a
reason was first seen is in the ledger; the clock is the moment at which Moodle was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from integration.domain.operations import Operation
from integration.domain.policy import Policy, Removal
from integration.services.sync.plan import Plan

DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation that is due later. `since` and `due` are unix seconds."""

    operation: Operation
    since: int
    due: int


def hold_back(
    plan: Plan, policy: Policy, pending: Mapping[str, int], now: int
) -> tuple[Plan, tuple[Waiting, ...]]:
    """The plan without what still has days of grace, and that.

    `pending`: key of an operation -> unix seconds at which its reason was first seen.
    """
    grace = {
        Removal.MEMBERSHIPS: policy.grace_members,
        Removal.ACCOUNTS: policy.grace_accounts,
        Removal.CHANNELS: policy.grace_channels,
    }
    if not any(grace.values()):
        return plan, ()
    go: list[Operation] = []
    waiting: list[Waiting] = []
    for operation in plan.operations:
        days = grace[operation.takes] if operation.takes else 0
        since = min(pending.get(operation.key, now), now) if days else now  # clocks may be wrong
        if days and now < since + days * DAY:
            waiting.append(Waiting(operation, since, since + days * DAY))
        else:
            go.append(operation)
    return replace(plan, operations=tuple(go)), tuple(waiting)
