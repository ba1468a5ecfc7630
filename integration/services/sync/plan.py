"""The plan: what has to change so that Rocket.Chat is as desired. A value; pure.

The preview, the safety guard, the progress bar, the history and the tests all look at the same
object.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from integration.domain.conflicts import Conflict, Skip, one_of_each
from integration.domain.operations import Operation
from integration.domain.policy import Policy
from integration.domain.state import Managed, RemoteState, Scope
from integration.services.sync.accounts import match_accounts
from integration.services.sync.channels import plan_channels
from integration.services.sync.confirm import confirmed
from integration.services.sync.desired import Desired
from integration.services.sync.identity import Identities
from integration.services.sync.needs import concerned_groups
from integration.services.sync.partial_plans import Observed
from integration.services.sync.refresh import Refreshed, refresh


@dataclass(frozen=True)
class Plan:
    """Operations in the order in which they are safe, and what stays undone.

    `observed`, `refreshed` and `identities` were learnt by reading and only have to be stored.
    `missing_*` are Moodle ids of links whose account or room the server no longer has.
    """

    operations: tuple[Operation, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    skips: tuple[Skip, ...] = ()
    observed: tuple[Observed, ...] = ()
    missing_accounts: tuple[int, ...] = ()
    missing_channels: tuple[int, ...] = ()
    refreshed: Refreshed = field(default_factory=Refreshed)
    identities: Identities = field(default_factory=Identities)
    compared: frozenset[int] = frozenset()  # groups of whose channel every member was compared
    confirmed: frozenset[int] = frozenset()  # rows of Unconfirmed that this look settles

    @cached_property
    def digest(self) -> str:
        """Equal for equal operations: what was reviewed is what is applied."""
        digest = hashlib.sha256()
        for operation in self.operations:
            digest.update(repr(operation).encode())
        return digest.hexdigest()

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of operations by kind, in the order of the plan."""
        return Counter(operation.kind for operation in self.operations)

    @cached_property
    def by_course(self) -> Mapping[int | None, int]:
        """Number of operations by course (Moodle id)."""
        return Counter(operation.about.course_id for operation in self.operations)

    def without_operations(self) -> "Plan":
        """The same with its numbers and its digest, for when the operations are stored."""
        rest = replace(self, operations=())
        vars(rest).update(digest=self.digest, counts=self.counts, by_course=self.by_course)
        return rest


def make_plan(
    desired: Desired, remote: RemoteState, managed: Managed, policy: Policy, scope: Scope
) -> Plan:
    """Compare. The same input gives the same plan, whatever the order of its parts."""
    known = managed
    if scope.users is not None:
        desired = _of_these_people(desired, managed, scope)
    managed, refreshed = refresh(managed, remote, scope)
    account_plan = match_accounts(desired, remote, managed, policy)
    channels = plan_channels(desired, remote, managed, policy, account_plan, scope)
    operations: list[Operation] = [*account_plan.operations, *channels.operations]
    operations = in_order(operations)
    return Plan(
        operations=tuple(operations),
        conflicts=tuple(
            one_of_each(
                [*desired.identities.conflicts, *account_plan.conflicts, *channels.conflicts]
            )
        ),
        skips=(*account_plan.skips, *channels.skips),
        observed=channels.observed,
        missing_accounts=tuple(sorted(account_plan.missing_remotely)),
        missing_channels=channels.missing_remotely,
        refreshed=refreshed,
        identities=desired.identities,
        compared=channels.compared,
        confirmed=confirmed(known, remote, scope, desired.accounts),
    )


def _of_these_people(desired: Desired, managed: Managed, scope: Scope) -> Desired:
    """Only the channels that concern them: about the others such a run says nothing."""
    groups = concerned_groups(desired, managed, scope)
    return replace(
        desired,
        channels={number: one for number, one in desired.channels.items() if number in groups},
        endings={number: one for number, one in desired.endings.items() if number in groups},
    )


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    """The order that is safe under partial failure; independent of the input's order."""
    return sorted(operations, key=_order)


def _order(operation: Operation) -> tuple[int, int, int, str]:
    about = operation.about
    return operation.wave, about.group_id or 0, about.user_id or 0, operation.key
