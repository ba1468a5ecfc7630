"""What of a plan may go on while something in it waits for a person. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from integration.domain.operations import Operation
from integration.domain.policy import Limits
from integration.services.sync.guard import Breach, Holds, is_removal, name_of
from integration.services.sync.plan import Plan


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person let pass: names of operations, and codes of limits that hold everything with
    their counts.
    """

    operations: frozenset[str] = frozenset()
    limits: dict[str, int] = field(default_factory=dict)

    def covers(self, breach: Breach) -> bool:
        """The suspicion was seen, and is not worse now. Removals are approved one by one
        instead.
        """
        return breach.holds is Holds.EVERYTHING and breach.count <= self.limits.get(breach.code, -1)


NOTHING_APPROVED = Approval()


@dataclass(frozen=True, slots=True)
class Split:
    go: tuple[Operation, ...]
    held: tuple[Operation, ...]


def split(
    plan: Plan, passed: Iterable[Breach], limits: Limits, approved: Collection[str] = ()
) -> Split:
    """What goes on and what is held. Without a breach everything goes on."""
    holds = {breach.holds for breach in passed}
    if not holds:
        return Split(plan.operations, ())
    if Holds.EVERYTHING in holds or not limits.additions_go_on:
        return Split((), plan.operations)
    go: list[Operation] = []
    held: list[Operation] = []
    for operation in plan.operations:
        waits = is_removal(operation) and name_of(operation) not in approved
        (held if waits else go).append(operation)
    return Split(tuple(go), tuple(held))
