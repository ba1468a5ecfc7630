"""Our tables in memory: `ports.Ledger` with the effects of services/ledger; the whole line."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    JoinOperation,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTexts,
    Unarchive,
    Unconfirmed,
    UnsetReadOnly,
    UnsetRoomRole,
    UpdateAccount,
)
from integration.domain.operations.base import About
from integration.domain.outcomes import Result
from integration.domain.policy import Policy
from integration.domain.state import (
    EVERYTHING,
    AskedAccount,
    Ending,
    Managed,
    ManagedAccount,
    ManagedChannel,
    ManagedMember,
    MoodleState,
    RoomRole,
    Scope,
    SiteCounts,
)
from integration.services.sync.carry_out import Terms
from integration.services.sync.plan import Plan
from integration.services.sync.reconcile import reconcile
from integration.services.sync.report import Outcome, RunReport
from tests.support.fake_remote import FakeRemote

NOBODY: Mapping[int, ManagedAccount] = {}


@dataclass
class Row:
    """SyncOperation: "planned", "started", or the result."""

    run: int
    operation: Operation
    status: str = "planned"
    in_doubt: bool = False
    unconfirmed: bool = False

    @property
    def is_open(self) -> bool:
        return self.status == "started" or self.in_doubt


@dataclass
class FakeLedger:
    """Begin a run with `begin()`, end it with `close()`, as the runner does."""

    courses: set[int] = field(default_factory=set)
    accounts: dict[int, ManagedAccount] = field(default_factory=dict)
    channels: dict[int, ManagedChannel] = field(default_factory=dict)
    members: dict[int, dict[int, ManagedMember]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    run: int = 0
    scope: Scope = field(default_factory=Scope)
    plan: Plan = field(default_factory=Plan)
    looked: bool = False
    touched: set[int] = field(default_factory=set)
    known_counts: dict[int, int | None] = field(default_factory=dict)
    roles_to_come: dict[tuple[int, int], RoomRole] = field(default_factory=dict)

    def begin(self, scope: Scope) -> None:
        self.run += 1
        self.scope, self.plan, self.looked, self.touched = scope, Plan(), False, set()
        self.roles_to_come = {}

    # ── ports.Ledger ──────────────────────────────────────────────────────────────────────────────

    def integrated(self) -> set[int]:
        return self.courses

    def known_by(
        self,
        managed: Managed,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        usernames: Collection[str] = (),
        names: Collection[str] = (),
        values: Collection[str] = (),
    ) -> Managed:
        """Just those that are asked for."""
        usernames = {name.casefold() for name in usernames}
        names = {name.casefold() for name in names}
        people = {
            user: one
            for user, one in self.accounts.items()
            if one.account_id in accounts
            or one.username.casefold() in usernames
            or not {*(one.identity or ())[2:]}.isdisjoint(values)
        }
        channels = {
            group: one
            for group, one in self.channels.items()
            if one.room_id in rooms or one.name.casefold() in names
        }
        return replace(
            managed,
            accounts={**people, **managed.accounts},
            channels={**channels, **managed.channels},
        )

    def counted(self, managed: Managed) -> Managed:
        ours: Counter[int] = Counter()
        for group_id, members in self.members.items():
            ours[self.channels[group_id].course_id] += sum(one.ours for one in members.values())
        site = SiteCounts(len(self.accounts), len(self.channels), ours.total())
        return replace(managed, site=site, ours_in=ours)

    def managed(self, scope: Scope, *, part: bool = False) -> Managed:
        managed = self._whole(scope)
        if not part:
            return managed
        theirs = {n: one for n, one in self.accounts.items() if scope.has_user(n)}
        return replace(
            managed,
            accounts=theirs or dict([*self.accounts.items()][:1]),
            channels={
                n: one for n, one in self.channels.items() if scope.has_course(one.course_id)
            },
            site=SiteCounts(len(self.accounts), len(self.channels)),
            unconfirmed=tuple(
                one for one in managed.unconfirmed if _is_about(one.operation.about, scope)
            ),
        )

    def _whole(self, scope: Scope) -> Managed:
        self.known_counts = {group: link.users_count for group, link in self.channels.items()}
        unfinished = [row.operation for row in self.rows if row.is_open and row.run != self.run]
        return Managed(
            accounts=dict(self.accounts),
            channels=dict(self.channels),
            members={
                group_id: {user: one for user, one in members.items() if scope.has_user(user)}
                for group_id, members in self.members.items()
                if scope.has_course(self.channels[group_id].course_id)
            },
            unfinished_accounts={
                one.user_id: frozenset({AskedAccount(one.username, one.email)})
                for one in unfinished
                if isinstance(one, CreateAccount)
            },
            unfinished_removals=frozenset(
                (one.group_id, one.user_id) for one in unfinished if isinstance(one, RemoveMember)
            ),
            unconfirmed=tuple(
                Unconfirmed(number, row.operation)
                for number, row in enumerate(self.rows)
                if row.unconfirmed and row.run != self.run
            ),
            unfinished_members=frozenset(
                (one.group_id, joiner.user_id)
                for one in unfinished
                if isinstance(one, JoinOperation)
                for joiner in one.joiners
            ),
            unfinished_changes=frozenset(
                (one.kind, one.about.group_id or one.about.user_id or 0) for one in unfinished
            ),
            unfinished_texts=frozenset(
                (one.group_id, name)
                for one in unfinished
                if isinstance(one, SetTexts)
                for name in one.new
            ),
        )

    def share_limits(self, taking: Mapping[str, int]) -> None:
        """No run here is a part of a pass."""

    def planned(self, plan: Plan, held: Collection[Operation] = ()) -> list[Operation]:
        self.plan, self.looked = plan, True
        self.rows += [
            Row(self.run, operation, "held" if operation in held else "planned")
            for operation in plan.operations
        ]
        for account in plan.refreshed.accounts:
            link = self.accounts[account.user_id]
            self.accounts[account.user_id] = link._replace(deactivated=account.deactivated)
        for channel in plan.refreshed.channels:
            self._channel(
                channel.group_id, ended=channel.ended, name=channel.name, **channel.texts._asdict()
            )
        return [operation for operation in plan.operations if operation not in held]

    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        for operation in operations:
            self._row(operation).status = "started"
        return ()

    def put_off(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._row(operation).status = "planned"

    def finished(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            row = self._row(outcome.operation)
            row.status, row.in_doubt = outcome.result.value, outcome.in_doubt
            row.unconfirmed = outcome.result is Result.DONE and outcome.operation.seen_later
            if outcome.result is Result.DONE:
                self._store(outcome)
            elif outcome.result is Result.FAILED and outcome.in_doubt:
                self._doubt(outcome.operation)
            elif outcome.result is Result.LEFT_ALONE and not outcome.refused:
                self._leave_alone(outcome.operation)

    def confirmed(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._row(operation).unconfirmed = False

    def suspected(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._row(operation).unconfirmed = True

    def close(self) -> None:
        """RunLedger.close: what was learnt by looking, and what earlier runs left open."""
        self._store_observed()
        if not self.looked or self.scope.users is not None:
            return
        for number in self.plan.confirmed:
            self.rows[number].unconfirmed = False
        undone = {row.operation.key for row in self.rows if self._is_undone(row)}
        for row in self.rows:
            known = row.operation.key not in undone and self._settles(row.operation)
            if row.run < self.run and row.is_open and known:
                row.in_doubt = False
                row.status = "not_tried" if row.status == "started" else row.status

    def _leave_alone(self, operation: Operation) -> None:
        """Who is banned is not in the channel."""
        for joiner in operation.people:
            self.members.get(operation.about.group_id or 0, {}).pop(joiner.user_id, None)

    def _is_undone(self, row: Row) -> bool:
        """What this run left undone may have been what would have settled an earlier one."""
        return row.run == self.run and row.status != "done"

    def _settles(self, operation: Operation) -> bool:
        about = operation.about
        if about.course_id is None:
            return about.user_id in self.accounts
        if isinstance(operation, JoinOperation):
            return operation.group_id in self.plan.compared
        return self.scope.has_course(about.course_id)

    # ── Effects ───────────────────────────────────────────────────────────────────────────────────

    def _store(self, outcome: Outcome) -> None:
        operation = outcome.operation
        match operation:
            case CreateAccount() | AdoptAccount():
                self._store_account(outcome, operation)
            case CreateChannel() | AdoptChannel():
                self._store_channel(outcome, operation)
            case AddMembers():
                self._store_added(outcome, operation)
            case RemoveMember(group_id=group_id, user_id=user_id):
                self.members.get(group_id, {}).pop(user_id, None)
                self.touched.add(group_id)
                count = self.channels[group_id].users_count
                self._channel(group_id, users_count=count - 1 if count else count)
            case SetRoomRole(group_id=group_id, user_id=user_id, role=role):
                self._role(group_id, user_id, role)
            case UnsetRoomRole(group_id=group_id, user_id=user_id):
                self._role(group_id, user_id, RoomRole.MEMBER)
            case Activate(user_id=user_id) | Deactivate(user_id=user_id):
                asleep = isinstance(operation, Deactivate)
                self.accounts[user_id] = self.accounts[user_id]._replace(deactivated=asleep)
            case UpdateAccount():
                pass
            case _:
                self._store_property(operation)

    def _store_property(self, operation: Operation) -> None:
        match operation:
            case RenameChannel(group_id=group_id, name=name):
                self._channel(group_id, name=name)
            case SetTexts(group_id=group_id):
                self._channel(group_id, **operation.new)
            case SetReadOnly(group_id=group_id):
                self._channel(group_id, ended=Ending.READ_ONLY)
            case UnsetReadOnly(group_id=group_id):
                self._channel(group_id, ended=None)
            case Archive(group_id=group_id):
                self._channel(group_id, ended=Ending.ARCHIVE)
            case Unarchive(group_id=group_id):
                self.touched.add(group_id)
                self._channel(group_id, ended=None, users_count=None)
            case _:
                raise AssertionError(operation)

    def _store_account(self, outcome: Outcome, operation: CreateAccount | AdoptAccount) -> None:
        if operation.user_id in self.accounts:
            for members in self.members.values():
                members.pop(operation.user_id, None)
        others = {
            link.account_id for user, link in self.accounts.items() if user != operation.user_id
        }
        assert outcome.account_id not in others, "the link is unique on both sides"
        created, address_only = True, False
        if isinstance(operation, AdoptAccount):
            created, address_only = operation.created, operation.address_only
        self.accounts[operation.user_id] = ManagedAccount(
            operation.user_id,
            outcome.account_id,
            outcome.username,
            created,
            address_only=address_only,
        )

    def _store_channel(self, outcome: Outcome, operation: CreateChannel | AdoptChannel) -> None:
        group_id = operation.group_id
        others = {link.room_id for group, link in self.channels.items() if group != group_id}
        assert outcome.room_id not in others, "the link is unique on both sides"
        self.channels[group_id] = ManagedChannel(
            group_id,
            operation.course_id,
            outcome.room_id,
            operation.name,
            operation.topic,
            outcome.users_count,
            Ending.READ_ONLY if operation.read_only else None,
            description=operation.description,
            announcement=operation.announcement,
        )
        self.members[group_id] = {}
        if isinstance(operation, CreateChannel):
            self._insert(group_id, _joined(outcome, operation), ours=True)

    def _store_added(self, outcome: Outcome, operation: AddMembers) -> None:
        joined = _joined(outcome, operation)
        known = self.known_counts.get(operation.group_id)
        expected = None if known is None else known + len(joined)
        count = outcome.users_count if outcome.users_count == expected else None
        self.touched.add(operation.group_id)
        self._channel(operation.group_id, users_count=count)
        for user_id in joined:
            row = self.members.get(operation.group_id, {}).get(user_id)
            if row is not None:  # was in by hand once, and left
                self.members[operation.group_id][user_id] = row._replace(
                    ours=True, missing=row.missing and row.ours
                )
        self._insert(operation.group_id, joined, ours=True)

    def _store_observed(self) -> None:
        for look in self.plan.observed:
            if look.group_id not in self.channels:
                continue
            if look.group_id not in self.touched:
                self._channel(look.group_id, users_count=look.users_count)
            self._insert(look.group_id, look.taken_over, ours=True)
            self._insert(look.group_id, look.found, ours=False)
            members = self.members.get(look.group_id, {})
            for user_id in look.gone:
                members.pop(user_id, None)
            for user_id in (*look.missing, *look.back):
                missing = user_id in look.missing
                if user_id in members:
                    members[user_id] = members[user_id]._replace(missing=missing)

    def _doubt(self, operation: Operation) -> None:
        if isinstance(operation, AddMembers | RemoveMember):
            self.touched.add(operation.group_id)
            self._channel(operation.group_id, users_count=None)

    def _insert(self, group_id: int, users: Iterable[int], *, ours: bool) -> None:
        """A row that is there stays as it is."""
        for user_id in users:
            if user_id in self.accounts:
                role = self.roles_to_come.get((group_id, user_id), RoomRole.MEMBER)
                row = ManagedMember(role, ours)
                self.members.setdefault(group_id, {}).setdefault(user_id, row)

    def _role(self, group_id: int, user_id: int, role: RoomRole) -> None:
        """Also of somebody who was there by hand, whose row is made only when the run is closed."""
        row = self.members.get(group_id, {}).get(user_id)
        if row is not None:
            self.members[group_id][user_id] = row._replace(role=role)
        else:
            self.roles_to_come[group_id, user_id] = role

    def _channel(self, group_id: int, **values: object) -> None:
        if group_id in self.channels:
            self.channels[group_id] = replace(self.channels[group_id], **values)  # type: ignore[arg-type]

    def _row(self, operation: Operation) -> Row:
        for row in self.rows:
            if row.run == self.run and row.operation is operation:
                return row
        self.rows.append(Row(self.run, operation))  # one of a list's people, refused alone
        return self.rows[-1]


def _is_about(about: About, scope: Scope) -> bool:
    """As managed_part.about."""
    if about.course_id is None:
        return about.user_id is not None and scope.has_user(about.user_id)
    return scope.has_course(about.course_id) and (
        about.user_id is None or scope.has_user(about.user_id)
    )


def _joined(outcome: Outcome, operation: JoinOperation) -> list[int]:
    dropped = set(outcome.dropped)
    return [one.user_id for one in operation.joiners if one.user_id not in dropped]


# ── The line ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class FakeSource:
    """`ports.Source` over one whole Moodle: hands out what moodle_reader reads for a scope."""

    whole: MoodleState
    fails: Exception | None = None

    def taken_out(self, users: Collection[int], since: int) -> None:
        """No log is kept."""

    def read(
        self,
        scope: Scope,
        *,
        integrated: Collection[int],
        linked_users: Collection[int],
        known: Mapping[int, ManagedAccount] = NOBODY,
    ) -> MoodleState:
        if self.fails:
            raise self.fails
        whole = self.whole
        courses = {n: one for n, one in whole.courses.items() if n in integrated}
        if scope.is_narrow:
            theirs = scope.users or frozenset()
            courses = {
                n: one
                for n, one in courses.items()
                if scope.has_course(n) or not theirs.isdisjoint(whole.enrolments.get(n, {}))
            }
        in_scope = {n for n in courses if scope.has_course(n)}
        groups = {n: one for n, one in whole.groups.items() if one.course_id in in_scope}
        members = {
            n: tuple(user for user in whole.group_members.get(n, ()) if scope.has_user(user))
            for n in groups
        }
        concerned = set(linked_users).union(*members.values())
        concerned |= {user for n in in_scope for user in whole.enrolments.get(n, {})}
        if scope.users is not None:
            concerned = set(scope.users)
        people = {n: one for n, one in whole.people.items() if n in concerned}
        contexts = {context for n in in_scope for context in courses[n].context_ids}
        return replace(
            whole,
            integrated=frozenset(integrated),
            courses=courses,
            groups=groups,
            group_members=members,
            people=people,
            enrolments={
                n: {
                    user: rows
                    for user, rows in whole.enrolments.get(n, {}).items()
                    if user in people
                }
                for n in courses
            },
            roles={
                context: {user: ids for user, ids in held.items() if scope.has_user(user)}
                for context, held in whole.roles.items()
                if context in contexts
            },
        )


@dataclass
class Line:
    """Moodle, Rocket.Chat, our tables and the settings of one site. `sync()` is one run of it."""

    moodle: MoodleState
    policy: Policy
    chat: FakeRemote = field(default_factory=FakeRemote)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    source_fails: Exception | None = None

    def sync(self, scope: Scope = EVERYTHING, *, dry_run: bool = False, **values: Any) -> RunReport:
        """As services/runs/runner.py: the ledger is closed when a run that writes has ended."""
        self.ledger.courses = set(self.moodle.integrated)
        self.ledger.begin(scope)
        source = FakeSource(self.moodle, self.source_fails)
        full_check = values.pop("full_check", False)
        terms = Terms(dry_run, **({"workers": 1, "force": True} | values))
        report = reconcile(
            scope, self.policy, source, self.chat, self.ledger, terms, full_check=full_check
        )
        if dry_run:
            return report
        self.ledger.close()
        done = replace(report.plan, operations=self.ledger.plan.operations)
        return replace(report, plan=done)  # with the operations, which a run does not keep

    def plan(self, scope: Scope = EVERYTHING, **values: Any) -> Plan:
        return self.sync(scope, dry_run=True, **values).plan

    def account(self, user_id: int) -> str:
        """The account id of a person."""
        return self.ledger.accounts[user_id].account_id

    def room(self, group_id: int) -> Any:
        """The room of a group."""
        return self.chat.rooms[self.ledger.channels[group_id].room_id]

    def members(self, group_id: int) -> set[int]:
        """Moodle user ids of the linked people in a group's room, hidden ones too."""
        user_of = {link.account_id: user for user, link in self.ledger.accounts.items()}
        return {user_of[who] for who in self.room(group_id).members if who in user_of}
