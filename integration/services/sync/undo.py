"""Turns a run back: a plan like any other, made from what the run did and from how things are now.
Pure but for `undo_run`, which reads, plans and carries out as `reconcile` does.

Only what still is as the run left it is turned back (each operation's `inverse`); what changed
since stays, and is named. Nothing is deleted: an account that the run made is deactivated, a
channel that it made is archived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from integration.domain.conflicts import Skip
from integration.domain.messages import msg
from integration.domain.operations import (
    ChannelRef,
    FreeName,
    LinkedAccount,
    LinkedChannel,
    Operation,
    RenameChannel,
)
from integration.domain.policy import Policy
from integration.domain.state import Managed, ManagedMember, RemoteState, Scope
from integration.services.sync.carry_out import Proposal, Terms, carry_out
from integration.services.sync.plan import Plan, in_order
from integration.services.sync.ports import Ledger, Remote
from integration.services.sync.protection import is_protected
from integration.services.sync.report import RunReport


@dataclass(frozen=True, slots=True)
class PastOperation:
    """One operation that a run did. None: this version of rcsync does not know its kind."""

    operation: Operation | None
    what: str  # in words


def undo_run(
    scope: Scope,
    policy: Policy,
    past: Sequence[PastOperation],
    remote: Remote,
    ledger: Ledger,
    terms: Terms,
    *,
    reason: str,
) -> RunReport:
    """Undo `past`, or report what that would take. Errors as in `reconcile`."""
    managed = ledger.managed(scope)
    groups = {one.operation.about.group_id for one in past if one.operation}
    rooms = {link.room_id: None for number, link in managed.channels.items() if number in groups}
    state = remote.read(known_counts=rooms, wanted_names=())
    plan = undo_plan(past, managed, state, policy, reason)
    proposal = Proposal(plan, managed, scope, policy.limits, server_id=state.server_id)
    return carry_out(proposal, remote, ledger, terms)


def undo_plan(
    past: Iterable[PastOperation],
    managed: Managed,
    remote: RemoteState,
    policy: Policy,
    reason: str,
) -> Plan:
    """The operations that undo `past`, in the order that is safe."""
    now = _Now(managed, remote, policy)
    operations: list[Operation] = []
    skips: list[Skip] = []
    for done in past:
        if isinstance(done.operation, FreeName):
            continue  # a step on the way of another row
        back = list(done.operation.inverse(now, reason)) if done.operation else []
        operations += back
        if done.operation is None:
            skips.append(Skip(done.what, msg("is unknown to this version of rcsync: it stays")))
        elif not back:
            why = done.operation.stays or msg(
                "has changed since that run, or is not managed by rcsync: it stays"
            )
            skips.append(Skip(done.what, why))
    operations, in_the_way = give_back_names(operations, remote, reason)
    return Plan(operations=tuple(in_order(operations)), skips=(*skips, *in_the_way))


def give_back_names(
    operations: Iterable[Operation], remote: RemoteState, reason: str
) -> tuple[list[Operation], list[Skip]]:
    """The operations, with a step before each name that another channel of the undo still has, and
    without those whose name somebody else has got since.
    """
    plan, skips = list(operations), list[Skip]()
    while True:
        renamed = {one.room_id: one for one in plan if isinstance(one, RenameChannel)}
        taken = {room_id: _holders(one, remote) for room_id, one in renamed.items()}
        stay = [room_id for room_id, rooms in taken.items() if rooms - renamed.keys()]
        if not stay:
            break
        for room_id in stay:
            other = remote.channels[min(taken[room_id] - renamed.keys())].name
            why = msg("its old name is that of room {name} now: it stays", name=other)
            skips.append(Skip(renamed[room_id].describe(), why))
            plan.remove(renamed[room_id])
    for room_id in sorted(set().union(*taken.values())):
        one = renamed[room_id]
        step = replace(one.channel, name=f"moving-{one.group_id}")
        plan.append(FreeName(step, one.old_name, reason=reason))
    return plan, skips


def _holders(operation: RenameChannel, remote: RemoteState) -> set[str]:
    """Ids of other rooms that have the name that is to be given back."""
    name = operation.name.casefold()
    rooms = remote.channels.items()
    return {
        room_id for room_id, room in rooms if name in room.names and room_id != operation.room_id
    }


@dataclass(frozen=True, slots=True)
class _Now:
    """`operations.Now` of the ledger and of a look at Rocket.Chat."""

    managed: Managed
    remote: RemoteState
    policy: Policy

    def account(self, user_id: int) -> LinkedAccount | None:
        link = self.managed.accounts.get(user_id)
        account = self.remote.accounts.get(link.account_id) if link else None
        if link is None or account is None:
            return None
        return LinkedAccount(link, account, is_protected(account, self.remote.bot_id, self.policy))

    def channel(self, group_id: int) -> LinkedChannel | None:
        link = self.managed.channels.get(group_id)
        room = self.remote.channels.get(link.room_id) if link else None
        if link is None or room is None:
            return None
        ids = (link.group_id, link.course_id)
        return LinkedChannel(ChannelRef(*ids, room.name, room.room_id, room.private), room)

    def member(self, group_id: int, user_id: int) -> ManagedMember | None:
        return self.managed.members.get(group_id, {}).get(user_id)
