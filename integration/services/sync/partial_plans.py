"""What the planners of accounts and of channels yield, and what that comes to. Pure.

A planner yields whatever it finds, in a stable order; `of` sorts that into a value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from integration.domain.conflicts import Conflict, Skip
from integration.domain.operations import AccountOperation, ChannelOperation
from integration.domain.policy import Policy
from integration.domain.state import Managed, RemoteState, Scope
from integration.services.sync.desired import Desired

T = TypeVar("T")

# --- accounts -------------------------------------------------------------------------------------


class HasAccount(NamedTuple):
    """The person's account exists."""

    user_id: int
    account_id: str


class GetsAccount(NamedTuple):
    """The plan makes an account for the person."""

    user_id: int


class StaysInactive(NamedTuple):
    """The person's account is deactivated and stays so."""

    user_id: int


class AccountGone(NamedTuple):
    """The server no longer has the account that the person is linked to."""

    user_id: int


AccountFinding = (
    AccountOperation | Conflict | Skip | HasAccount | GetsAccount | StaysInactive | AccountGone
)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The operations on accounts, and who has which account.

    `account_ids` covers everybody whose account exists now; `being_created` those for whom the plan
    makes one; `deactivated` those whose account is deactivated and stays so: they are not put into
    channels. `missing_remotely` are links whose account the server no longer has; `held` those
    whose Moodle number means somebody else now: nothing is planned for them.
    """

    operations: tuple[AccountOperation, ...]
    conflicts: tuple[Conflict, ...]
    skips: tuple[Skip, ...]
    account_ids: Mapping[int, str]
    being_created: frozenset[int]
    deactivated: frozenset[int]
    missing_remotely: frozenset[int]
    held: frozenset[int]

    @classmethod
    def of(cls, findings: Iterable[AccountFinding], held: frozenset[int]) -> "AccountPlan":
        account_ids: dict[int, str] = {}
        found: list[AccountFinding] = []
        for one in findings:
            if isinstance(one, HasAccount):  # nearly everybody
                account_ids[one.user_id] = one.account_id
            else:
                found.append(one)
        return cls(
            operations=_those(found, AccountOperation),
            conflicts=_those(found, Conflict),
            skips=_those(found, Skip),
            account_ids=account_ids,
            being_created=frozenset(one.user_id for one in _those(found, GetsAccount)),
            deactivated=frozenset(one.user_id for one in _those(found, StaysInactive)),
            missing_remotely=frozenset(one.user_id for one in _those(found, AccountGone)),
            held=held,
        )


# --- channels -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Observed:
    """What a look at a channel taught, to be stored without sending anything.

    `found` are known people who are there by hand; `taken_over` are ours although no row says so;
    `gone` are rows of people who are no longer there; `missing` are rows that this list does not
    have and a second look has to agree on; `back` are missing ones that are there again. Moodle
    user ids. `users_count` is the server's count, None where another look is due.
    """

    group_id: int
    users_count: int | None
    found: tuple[int, ...] = ()
    taken_over: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    back: tuple[int, ...] = ()


class Compared(NamedTuple):
    """Every member of the group's channel was compared."""

    group_id: int


class ChannelGone(NamedTuple):
    """The server no longer has the room that the group is linked to."""

    group_id: int


ChannelFinding = ChannelOperation | Conflict | Skip | Observed | Compared | ChannelGone


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What the comparison of the channels comes to. `missing_remotely`: Moodle group ids."""

    operations: tuple[ChannelOperation, ...]
    conflicts: tuple[Conflict, ...]
    skips: tuple[Skip, ...]
    observed: tuple[Observed, ...]
    compared: frozenset[int]
    missing_remotely: tuple[int, ...]

    @classmethod
    def of(cls, findings: Iterable[ChannelFinding]) -> "ChannelPlan":
        found = list(findings)
        return cls(
            operations=_those(found, ChannelOperation),
            conflicts=_those(found, Conflict),
            skips=_those(found, Skip),
            observed=_those(found, Observed),
            compared=frozenset(one.group_id for one in _those(found, Compared)),
            missing_remotely=tuple(one.group_id for one in _those(found, ChannelGone)),
        )


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that the channels are planned from."""

    desired: Desired
    remote: RemoteState
    managed: Managed
    policy: Policy
    account_plan: AccountPlan
    scope: Scope

    def account_id(self, user_id: int) -> str:
        """ "" for somebody who has none yet."""
        known = self.account_plan.account_ids.get(user_id)
        if known is None and user_id in self.managed.accounts:
            return self.managed.accounts[user_id].account_id
        return known or ""


def _those(found: Iterable[object], kind: type[T]) -> tuple[T, ...]:
    return tuple(one for one in found if isinstance(one, kind))
