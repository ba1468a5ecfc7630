"""Turns a run back: a plan like any other, made from what the run did and from how things are now.
Pure but for `turn_back`, which reads, plans and applies as `reconcile` does.

Only what still is as the run left it is turned back; what changed since stays, and is named.
Nothing is deleted: an account that the run made is deactivated, a channel that it made is archived.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integration.domain.conflicts import Skip
from integration.domain.errors import StalePlan
from integration.domain.messages import msg
from integration.domain.operations import (
    Activate,
    AddMembers,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Joiner,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTopic,
    Unarchive,
    UnsetRoomRole,
    UpdateAccount,
)
from integration.domain.outcomes import RunStatus
from integration.domain.policy import Policy
from integration.domain.state import (
    Managed,
    ManagedAccount,
    ManagedChannel,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
    RoomRole,
    Scope,
)
from integration.services.sync.accounts import is_protected
from integration.services.sync.apply import apply_plan
from integration.services.sync.plan import Plan, in_order
from integration.services.sync.ports import Remote
from integration.services.sync.reconcile import Ledger, status_of
from integration.services.sync.report import RunReport


@dataclass(frozen=True, slots=True)
class PastOperation:
    """One operation that a run did, as it is stored."""

    kind: str
    group_id: int | None
    user_id: int | None
    what: str  # in words
    details: Mapping[str, Any]

    @property
    def people(self) -> list[int]:
        return [joiner["user"] for joiner in self.details.get("joiners", ())]


def undo_run(  # noqa: PLR0913  # as `reconcile`
    scope: Scope,
    policy: Policy,
    past: Sequence[PastOperation],
    *,
    reason: str,
    remote: Remote,
    ledger: Ledger,
    dry_run: bool,
    expect_digest: str = "",
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> RunReport:
    """Undo `past`, or say what that would take. Errors as in `reconcile`."""
    managed = ledger.managed(scope)
    groups = {one.group_id for one in past}
    rooms = {link.room_id: None for number, link in managed.channels.items() if number in groups}
    state = remote.read(known_counts=rooms, wanted_names=())
    plan = undo_plan(past, managed, state, policy, reason)
    if expect_digest and plan.digest != expect_digest:
        raise StalePlan(
            msg("What there is to undo has changed since it was shown."),
            hint=msg("Look at it again."),
        )
    if dry_run:
        return RunReport(plan, RunStatus.PLANNED)
    ledger.planned(plan)
    applied = apply_plan(
        plan, remote.writes, managed, ledger, workers=workers, should_stop=should_stop
    )
    return RunReport(
        plan,
        status_of(applied, waits=False),
        tuple(applied.outcomes),
        stopped_because=applied.stopped_because,
    )


def undo_plan(
    past: Iterable[PastOperation],
    managed: Managed,
    remote: RemoteState,
    policy: Policy,
    reason: str,
) -> Plan:
    """The operations that undo `past`, in the order that is safe."""
    planner = _UndoPlanner(managed, remote, policy, reason)
    for done in past:
        planner.undo(done)
    return Plan(operations=tuple(in_order(planner.operations)), skips=tuple(planner.skips))


@dataclass(slots=True)
class _UndoPlanner:
    managed: Managed
    remote: RemoteState
    policy: Policy
    reason: str
    operations: list[Operation] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)

    def undo(self, past: PastOperation) -> None:
        before = len(self.operations)
        if past.group_id is not None:
            self._channel_operation(past)
        elif past.user_id is not None:
            self._account_operation(past)
        if len(self.operations) == before:
            reason = msg("is not as that run left it, or is not ours: it stays")
            self.skips.append(Skip(past.what, reason))

    # --- accounts ---------------------------------------------------------------------------------

    def _account_operation(self, past: PastOperation) -> None:
        link = self.managed.accounts.get(past.user_id or 0)
        known = self.remote.accounts.get(link.account_id) if link else None
        if link is None or known is None:
            return
        ids = (link.user_id, known.account_id, known.username)
        if past.kind in (CreateAccount.kind, Activate.kind):
            if link.created and known.active and not self._is_protected(known):
                self.operations.append(Deactivate(*ids, self.reason))
        elif past.kind == Deactivate.kind:
            if link.deactivated and not known.active:
                self.operations.append(Activate(*ids, self.reason))
        elif past.kind == UpdateAccount.kind:
            self._rename_back(past.details, link, known)

    def _rename_back(
        self, done: Mapping[str, Any], link: ManagedAccount, known: RemoteAccount
    ) -> None:
        name = done["old_name"] if done["name"] is not None and known.name == done["name"] else None
        email = None
        if done["email"] is not None and done["email"].lower() in known.emails:
            email = done["old_email"] or None
        if name is not None or email is not None:
            now = known.emails[0] if known.emails else ""
            ids = (link.user_id, known.account_id, known.username)
            self.operations.append(UpdateAccount(*ids, name, email, known.name, now, self.reason))

    def _is_protected(self, account: RemoteAccount) -> bool:
        return is_protected(account, self.remote.bot_id, self.policy)

    # --- channels ---------------------------------------------------------------------------------

    def _channel_operation(self, past: PastOperation) -> None:
        link = self.managed.channels.get(past.group_id or 0)
        room = self.remote.channels.get(link.room_id) if link else None
        if link is None or room is None:
            return
        if past.kind in (AddMembers.kind, RemoveMember.kind):
            self._members(past, link, room)
        elif past.kind in (SetRoomRole.kind, UnsetRoomRole.kind):
            self._role(past, link, room)
        else:
            self._property(past, link, room)

    def _property(self, past: PastOperation, link: ManagedChannel, room: RemoteChannel) -> None:
        ids = (link.group_id, link.course_id, room.name, room.room_id)
        done = past.details
        if past.kind in (CreateChannel.kind, Unarchive.kind) and not room.archived:
            self.operations.append(Archive(*ids, self.reason))
        elif past.kind == Archive.kind and room.archived:
            self.operations.append(Unarchive(*ids, self.reason))
        elif past.kind == SetReadOnly.kind and room.read_only is done["read_only"]:
            self.operations.append(SetReadOnly(*ids, not room.read_only, self.reason))
        elif past.kind == RenameChannel.kind and room.name == done["name"]:
            self.operations.append(
                RenameChannel(*ids[:2], done["old_name"], room.name, room.room_id, self.reason)
            )
        elif past.kind == SetTopic.kind and room.topic == done["topic"]:
            old = done["old_topic"]
            self.operations.append(SetTopic(*ids, old, room.topic, self.reason))

    def _members(self, past: PastOperation, link: ManagedChannel, room: RemoteChannel) -> None:
        rows = self.managed.members.get(link.group_id, {})
        ids = (link.group_id, link.course_id, room.name, room.room_id, room.private)
        if past.kind == AddMembers.kind:
            for user_id in past.people:
                account = self._account(user_id)
                if user_id in rows and rows[user_id].ours and account:
                    who = (user_id, account.account_id, account.username)
                    self.operations.append(RemoveMember(*ids, *who, self.reason))
        elif (
            past.user_id is not None
            and past.user_id not in rows
            and (account := self._account(past.user_id))
        ):
            joiner = Joiner(past.user_id, self.reason, account.username)
            self.operations.append(AddMembers(*ids, (joiner,), self.reason))
            role = RoomRole(past.details.get("role", RoomRole.MEMBER))
            if role is not RoomRole.MEMBER:
                member = (past.user_id, account.username)
                self.operations.append(SetRoomRole(*ids, *member, role, self.reason))

    def _account(self, user_id: int) -> RemoteAccount | None:
        """The person's account, unless it is protected."""
        link = self.managed.accounts.get(user_id)
        account = self.remote.accounts.get(link.account_id) if link else None
        return None if account is None or self._is_protected(account) else account

    def _role(self, past: PastOperation, link: ManagedChannel, room: RemoteChannel) -> None:
        user_id = past.user_id or 0
        row = self.managed.members.get(link.group_id, {}).get(user_id)
        account = self._account(user_id)
        if row is None or account is None:
            return
        role = RoomRole(past.details["role"])
        ids = (link.group_id, link.course_id, room.name, room.room_id, room.private, user_id)
        if past.kind == SetRoomRole.kind and row.role is role:
            self.operations.append(UnsetRoomRole(*ids, account.username, role, self.reason))
        elif past.kind == UnsetRoomRole.kind and row.role is RoomRole.MEMBER:
            self.operations.append(SetRoomRole(*ids, account.username, role, self.reason))
