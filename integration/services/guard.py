"""The safety guard: how much one run may take away without asking. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from integration.services.operations import (
    AdoptAccount,
    Archive,
    CreateAccount,
    Deactivate,
    RemoveMember,
    SetReadOnly,
)
from integration.services.plan import Plan
from integration.services.policy import Limits
from integration.services.state import Managed, Scope


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit that a plan passes: `count` of `managed` things would go."""

    what: str
    count: int
    managed: int
    percent: int  # the limit

    def __str__(self) -> str:
        share = 100 * self.count // max(self.managed, 1)
        return (
            f"{self.count} of {self.managed} {self.what} ({share} %); the limit is {self.percent} %"
        )


def breaches(plan: Plan, managed: Managed, scope: Scope, limits: Limits) -> list[Breach]:
    """Every limit that the plan passes; an empty list means that it is safe to apply."""
    groups = [
        group_id
        for group_id, channel in managed.channels.items()
        if scope.has_course(channel.course_id)
    ]
    memberships = sum(
        member.ours and scope.has_user(user_id)
        for group_id in groups
        for user_id, member in managed.members.get(group_id, {}).items()
    )
    accounts = sum(scope.has_user(user_id) for user_id in managed.accounts)
    operations = plan.operations
    counted = (
        ("managed memberships would be removed", _count(operations, RemoveMember), memberships),
        ("managed accounts would be deactivated", _count(operations, Deactivate), accounts),
        ("managed channels would be archived", _count(operations, Archive), len(groups)),
        ("managed channels would become read-only", _closing(operations), len(groups)),
        (
            "managed accounts do not exist any more on this server and would be made or found again",
            _again(plan),
            accounts,
        ),
        (
            "managed channels do not exist any more on this server",
            len(plan.vanished_channels),
            len(groups),
        ),
    )
    return [
        Breach(what, count, total, limits.percent)
        for what, count, total in counted
        if count >= limits.from_count and count * 100 > total * limits.percent
    ]


def _count(operations: Iterable[object], kind: type) -> int:
    return sum(isinstance(operation, kind) for operation in operations)


def _again(plan: Plan) -> int:
    """Vanished accounts of people who still need one. What else vanished stays away and harms nobody."""
    vanished = set(plan.vanished_accounts)
    return sum(
        isinstance(operation, CreateAccount | AdoptAccount) and operation.user_id in vanished
        for operation in plan.operations
    )


def _closing(operations: Iterable[object]) -> int:
    return sum(
        isinstance(operation, SetReadOnly) and operation.read_only for operation in operations
    )
