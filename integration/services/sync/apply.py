"""Carries a plan out: wave after wave, the operations of a wave side by side on a few threads.

One failed operation does not stop the others; refused credentials, a server that is down and a
request to cancel do. The journal hears of every operation before and after it, in small batches.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol, TypeVar, assert_never

from integration.domain.errors import (
    AuthenticationError,
    PermissionMissing,
    RocketChatError,
    SyncError,
    TransientError,
)
from integration.domain.messages import joined, msg
from integration.domain.operations import (
    LABELS,
    WAVE_OF,
    AccountOperation,
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Joiner,
    MemberOperation,
    Operation,
    PropertyOperation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTopic,
    Unarchive,
    UnsetRoomRole,
    UpdateAccount,
)
from integration.domain.outcomes import Result
from integration.domain.state import Managed
from integration.services.sync.plan import Plan
from integration.services.sync.ports import Writes
from integration.services.sync.report import Outcome
from integration.services.sync.workers import ResultBatcher, batches, short_switch_interval

logger = logging.getLogger(__name__)
T = TypeVar("T")

GIVE_UP_AFTER = 10  # transient failures in a row: the server is down, trying on would only hurt it
BATCH_PER_WORKER = 16  # operations handed out ahead of the workers
GIVE_UP_KIND_AFTER = 3  # operations of a kind that lack a permission, before one ever worked
SITE_WIDE = (CreateAccount, UpdateAccount, Activate, Deactivate, CreateChannel)
"""What takes a permission of the site. In rooms the bot may have a right here and not there."""
STORE_SECONDS = 0.5  # seconds; so long an outcome may wait to be stored with others


class Journal(Protocol):
    """Where operations are noted. Called from the coordinating thread only."""

    def starting(self, operations: Sequence[Operation]) -> None: ...

    def finished(self, outcomes: Sequence[Outcome]) -> None: ...


@dataclass(slots=True)
class _Ids:
    """Rocket.Chat's ids of people and channels, growing as the plan makes new ones."""

    accounts: dict[int, str]
    usernames: dict[int, str]
    rooms: dict[int, str]

    @classmethod
    def of(cls, managed: Managed) -> "_Ids":
        return cls(
            {user_id: account.account_id for user_id, account in managed.accounts.items()},
            {user_id: account.username for user_id, account in managed.accounts.items()},
            {group_id: channel.room_id for group_id, channel in managed.channels.items()},
        )

    def learn(self, outcome: Outcome) -> None:
        operation = outcome.operation
        if isinstance(operation, CreateAccount | AdoptAccount):
            self.accounts[operation.user_id] = outcome.account_id
            self.usernames[operation.user_id] = outcome.username
        elif isinstance(operation, CreateChannel | AdoptChannel):
            self.rooms[operation.group_id] = outcome.room_id


@dataclass(slots=True)
class Applied:
    outcomes: list[Outcome] = field(default_factory=list)
    stopped_because: str = ""


def apply_plan(
    plan: Plan,
    writes: Writes,
    managed: Managed,
    journal: Journal,
    *,
    workers: int = 8,
    should_stop: Callable[[], str] = lambda: "",
) -> Applied:
    """Carry out `plan`. `should_stop` returns a reason to stop, "" to go on.

    It is asked before each operation and by several threads, so it has to be quick.
    """
    ids = _Ids.of(_without_vanished(managed, plan))
    return _Run(writes, ids, journal, workers, should_stop).run(plan)


def _without_vanished(managed: Managed, plan: Plan) -> Managed:
    """Links to what the server no longer has are not used, not even when making it again fails."""
    return Managed(
        accounts=_less(managed.accounts, plan.missing_accounts),
        channels=_less(managed.channels, plan.missing_channels),
    )


def _less(mapping: Mapping[int, T], without: Iterable[int]) -> dict[int, T]:
    gone = set(without)
    return {key: value for key, value in mapping.items() if key not in gone}


class _Run:
    def __init__(
        self,
        writes: Writes,
        ids: _Ids,
        journal: Journal,
        workers: int,
        should_stop: Callable[[], str],
    ) -> None:
        self.writes = writes
        self.ids = ids
        self.journal = journal
        self.workers = workers
        self.should_stop = should_stop
        self.applied = Applied()
        self.transient_in_a_row = 0
        self.forbidden: dict[str, list[PermissionMissing]] = {kind: [] for kind in LABELS}
        self.allowed: set[str] = set()  # kinds of operations of which one was done
        self.done: ResultBatcher[Outcome] = ResultBatcher()
        self.running = 0  # operations handed out whose outcome was not taken in yet

    def run(self, plan: Plan) -> Applied:
        threads = ThreadPoolExecutor(self.workers, thread_name_prefix="rcsync-apply")
        with short_switch_interval(), threads as pool:
            for _, wave in groupby(plan.operations, key=lambda o: WAVE_OF[type(o)]):
                self._wave(pool, wave)
        return self.applied

    def _wave(self, pool: ThreadPoolExecutor, wave: Iterable[Operation]) -> None:
        """Keep the workers busy, but hand out little ahead: stopping takes effect at once."""
        for batch in batches(wave, self.workers * BATCH_PER_WORKER):
            if self._must_stop():
                self._store([Outcome(operation, Result.NOT_TRIED) for operation in batch])
                continue
            self.journal.starting(batch)
            for operation in batch:
                pool.submit(self._one, operation).add_done_callback(self.done.put)
            self.running += len(batch)
            self._collect(leave=self.workers * BATCH_PER_WORKER)
        self._collect(leave=0)

    def _must_stop(self) -> bool:
        """Never takes a reason back: another thread may find one while this one is asking."""
        if not self.applied.stopped_because and (reason := self.should_stop()):
            self.applied.stopped_because = reason
        return bool(self.applied.stopped_because)

    def _collect(self, leave: int) -> None:
        """Take outcomes in until only `leave` operations run. Together they are stored faster."""
        while self.running > leave:
            outcomes = self.done.take(self.running - leave, STORE_SECONDS)
            self.running -= len(outcomes)
            self._store(outcomes)

    def _store(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.result is Result.DONE:
                self.ids.learn(outcome)
        self.applied.outcomes.extend(outcomes)
        self.journal.finished(outcomes)

    # --- one operation, in a worker thread --------------------------------------------------------

    def _one(self, operation: Operation) -> Outcome:
        if self._must_stop():
            return Outcome(operation, Result.NOT_TRIED)
        if hopeless := self._hopeless(operation):
            return hopeless
        try:
            outcome = self._do(operation)
        except RocketChatError as error:
            self._note_failure(error)
            if isinstance(error, PermissionMissing):
                self.forbidden[operation.kind].append(error)
            logger.warning("operation=%s failed error=%s", operation.kind, error)
            return _failed(operation, error)
        except SyncError as error:
            return Outcome(operation, Result.SKIPPED, error=error.message, hint=error.hint)
        self.transient_in_a_row = 0
        self.allowed.add(operation.kind)
        return outcome

    def _hopeless(self, operation: Operation) -> Outcome | None:
        """Whatever lacks a permission every time is not asked for hundreds of times more."""
        errors = self.forbidden[operation.kind]
        tried_enough = len(errors) >= GIVE_UP_KIND_AFTER and operation.kind not in self.allowed
        if not (tried_enough and isinstance(operation, SITE_WIDE)):
            return None
        why = msg("Not tried, because this failed {n} times before.", n=len(errors))
        error = joined(" ", (why, errors[0].message))
        return Outcome(operation, Result.SKIPPED, error=error, hint=errors[0].hint)

    def _note_failure(self, error: RocketChatError) -> None:
        if isinstance(error, AuthenticationError):
            self.applied.stopped_because = error.text
        elif not isinstance(error, TransientError):
            self.transient_in_a_row = 0
        else:
            self.transient_in_a_row += 1
            if self.transient_in_a_row >= GIVE_UP_AFTER:
                self.applied.stopped_because = msg(
                    "Rocket.Chat failed {n} times in a row, last: {error}",
                    n=GIVE_UP_AFTER,
                    error=error.text,
                )

    def _do(self, operation: Operation) -> Outcome:
        match operation:
            case CreateAccount() | AdoptAccount() | UpdateAccount() | Activate() | Deactivate():
                return self._on_account(operation)
            case AddMembers() | RemoveMember() | SetRoomRole() | UnsetRoomRole():
                return self._on_members(operation)
            case _:
                return self._on_channel(operation)

    def _on_account(self, operation: AccountOperation) -> Outcome:
        match operation:
            case AdoptAccount(account_id=account_id, username=username):
                return _done(operation, account_id=account_id, username=username)
            case CreateAccount(username=username, name=name, email=email):
                account = self.writes.create_account(username=username, name=name, email=email)
                return _done(operation, account_id=account.account_id, username=account.username)
            case UpdateAccount(account_id=account_id, name=new_name, email=new_email):
                self.writes.update_account(account_id, name=new_name, email=new_email)
            case Activate(account_id=account_id):
                self.writes.set_active(account_id, True)
            case Deactivate(account_id=account_id):
                self.writes.set_active(account_id, False)
            case _:
                assert_never(operation)
        return _done(operation)

    def _on_channel(self, operation: PropertyOperation) -> Outcome:
        match operation:
            case AdoptChannel(room_id=room_id):
                return _done(operation, room_id=room_id)
            case CreateChannel():
                return self._create_channel(operation)
            case RenameChannel(room_id=room_id, name=name):
                self.writes.rename_channel(room_id, name)
            case SetTopic(room_id=room_id, topic=topic):
                self.writes.set_topic(room_id, topic)
            case SetReadOnly(room_id=room_id, read_only=read_only):
                self.writes.set_read_only(room_id, read_only)
            case Archive(room_id=room_id):
                self.writes.archive(room_id)
            case Unarchive(room_id=room_id):
                self.writes.unarchive(room_id)
            case _:
                assert_never(operation)
        return _done(operation)

    def _on_members(self, operation: MemberOperation) -> Outcome:
        match operation:
            case AddMembers():
                return self._add_members(operation)
            case RemoveMember(room_id=room_id, private=private, account_id=account_id):
                self.writes.remove_member(room_id, private, account_id)
            case SetRoomRole(private=private, user_id=user_id, role=role):
                room_id = operation.room_id or self._room(operation.group_id)
                self.writes.set_role(room_id, private, self._account(user_id), role)
            case UnsetRoomRole(room_id=room_id, private=private, user_id=user_id, role=role):
                self.writes.unset_role(room_id, private, self._account(user_id), role)
            case _:
                assert_never(operation)
        return _done(operation)

    def _create_channel(self, operation: CreateChannel) -> Outcome:
        present, missing = self._split(operation.joiners)
        channel = self.writes.create_channel(
            name=operation.name,
            private=operation.private,
            usernames=[self.ids.usernames[user_id] for user_id in present],
            topic=operation.topic,
            group_id=operation.group_id,
            course_id=operation.course_id,
        )
        count: int | None = channel.users_count
        if count != len(present) + 1 and present:  # the bot makes one more
            count = self._add_by_id(channel.room_id, operation.private, present)
        return _done(
            operation,
            room_id=channel.room_id,
            users_count=count if count == len(present) + 1 else None,
            topic=channel.topic,
            dropped=tuple(missing),
        )

    def _add_by_id(self, room_id: str, private: bool, users: Sequence[int]) -> int | None:
        """Once more by id: whose username was changed in Rocket.Chat is left out of a new channel.

        The channel is there already, so a failure only means that the next run has to look.
        """
        try:
            return self.writes.add_members(room_id, private, [self.ids.accounts[u] for u in users])
        except RocketChatError as error:
            logger.warning("room=%s made but not complete: %s", room_id, error)
            return None

    def _add_members(self, operation: AddMembers) -> Outcome:
        present, missing = self._split(operation.joiners)
        if not present:
            raise SyncError(
                msg("None of these people has an account yet."), hint=msg("See their own rows.")
            )
        count = self.writes.add_members(
            operation.room_id, operation.private, [self.ids.accounts[u] for u in present]
        )
        return _done(operation, users_count=count, dropped=tuple(missing))

    def _split(self, joiners: Iterable[Joiner]) -> tuple[list[int], list[int]]:
        """Those who have an account, and those whose account could not be made."""
        present: list[int] = []
        missing: list[int] = []
        for joiner in joiners:
            (present if joiner.user_id in self.ids.accounts else missing).append(joiner.user_id)
        return present, missing

    def _account(self, user_id: int) -> str:
        account_id = self.ids.accounts.get(user_id)
        if account_id is None:
            raise SyncError(msg("The account could not be made."), hint=msg("See its own row."))
        return account_id

    def _room(self, group_id: int) -> str:
        room_id = self.ids.rooms.get(group_id)
        if room_id is None:
            raise SyncError(msg("The channel could not be made."), hint=msg("See its own row."))
        return room_id


def _done(
    operation: Operation,
    *,
    account_id: str = "",
    username: str = "",
    room_id: str = "",
    users_count: int | None = None,
    topic: str = "",
    dropped: tuple[int, ...] = (),
) -> Outcome:
    return Outcome(
        operation,
        Result.DONE,
        account_id=account_id,
        username=username,
        room_id=room_id,
        users_count=users_count,
        topic=topic,
        dropped=dropped,
    )


def _failed(operation: Operation, error: RocketChatError) -> Outcome:
    return Outcome(
        operation,
        Result.FAILED,
        error=error.message,
        hint=error.hint,
        endpoint=error.endpoint,
        status=error.status,
        code=error.code,
        answer=error.answer,
        in_doubt=error.may_have_happened,
    )
