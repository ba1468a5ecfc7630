"""What each operation sends to Rocket.Chat. One method for each kind; threads may share it.

A new operation gets its performer here: a method with its class as annotation.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import singledispatchmethod
from typing import NamedTuple

from integration.domain.errors import (
    AccessByAttributes,
    Banned,
    PartlyRefused,
    RocketChatError,
    SyncError,
    TransientError,
)
from integration.domain.messages import msg
from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    ChannelRef,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Joiner,
    MarkChannel,
    Operation,
    RemoveMember,
    RenameChannel,
    SendPasswordMail,
    SetReadOnly,
    SetRoomRole,
    SetTexts,
    Unarchive,
    UnsetReadOnly,
    UnsetRoomRole,
    UpdateAccount,
)
from integration.domain.outcomes import Result
from integration.domain.state import Managed, RemoteAccount
from integration.services.sync.plan import Plan
from integration.services.sync.ports import Accounts, Writes
from integration.services.sync.report import Outcome

logger = logging.getLogger(__name__)
DECIDED_THERE = (Banned, AccessByAttributes)
"""Refusals that are a decision of somebody, or a policy, in Rocket.Chat: no failure of ours."""


class Pair(NamedTuple):
    """A person's account."""

    account_id: str
    username: str


class Ids:
    """Rocket.Chat's ids of people and channels, extended as the plan makes new ones.

    Links to what the server no longer has are not used, not even when making it again fails.
    `learn` is called by one thread, between waves and while a wave runs; the others only read.
    """

    def __init__(self, managed: Managed, plan: Plan) -> None:
        self._links, self._channels = managed.accounts, managed.channels
        self._gone = frozenset(plan.missing_accounts)
        self._gone_rooms = frozenset(plan.missing_channels)
        self._made: dict[int, Pair] = {}
        self._made_rooms: dict[int, str] = {}

    def learn(self, outcome: Outcome) -> None:
        """Only operations that bring a new pair of ids have one in their outcome."""
        about = outcome.operation.about
        if outcome.account_id and about.user_id is not None:
            self._made[about.user_id] = Pair(outcome.account_id, outcome.username)
        if outcome.room_id and about.group_id is not None:
            self._made_rooms[about.group_id] = outcome.room_id

    def pair(self, user_id: int) -> Pair | None:
        """None where there is no account."""
        link = self._links.get(user_id)
        known = Pair(link.account_id, link.username) if link and user_id not in self._gone else None
        return self._made.get(user_id, known)

    def account(self, user_id: int) -> str:
        pair = self.pair(user_id)
        if pair is None:
            raise SyncError(msg("The account could not be created."), hint=msg("See its own row."))
        return pair.account_id

    def room(self, channel: ChannelRef) -> str:
        link, group_id = self._channels.get(channel.group_id), channel.group_id
        known = link.room_id if link and group_id not in self._gone_rooms else None
        room_id = channel.room_id or self._made_rooms.get(group_id, known)
        if room_id is None:
            raise SyncError(msg("The channel could not be created."), hint=msg("See its own row."))
        return room_id

    def split(self, joiners: Iterable[Joiner]) -> tuple[dict[int, Pair], list[int]]:
        """Those who have an account, and those whose account could not be made."""
        present: dict[int, Pair] = {}
        missing: list[int] = []
        for joiner in joiners:
            if pair := self.pair(joiner.user_id):
                present[joiner.user_id] = pair
            else:
                missing.append(joiner.user_id)
        return present, missing


class DirectAccounts:
    """`ports.Accounts` by one request for each."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    def make(self, operation: CreateAccount) -> RemoteAccount:
        return self._writes.create_account(
            username=operation.username, name=operation.name, email=operation.email
        )


class Performer:
    """Carries single operations out. Raises RocketChatError, or SyncError for one that cannot be
    tried because something it needs failed.
    """

    def __init__(self, writes: Writes, ids: Ids, accounts: Accounts | None = None) -> None:
        self.writes = writes
        self.ids = ids
        self.accounts = accounts or DirectAccounts(writes)
        self.kept_out: set[tuple[int, int]] = set()  # (group id, user id): found out in this run

    @singledispatchmethod
    def perform(self, operation: Operation) -> Outcome:
        raise NotImplementedError(f"no performer for the operation {operation.kind!r}")

    # --- accounts ---------------------------------------------------------------------------------

    @perform.register
    def _adopt_account(self, operation: AdoptAccount) -> Outcome:
        return Outcome(
            operation,
            Result.DONE,
            account_id=operation.account_id,
            username=operation.username,
        )

    @perform.register
    def _create_account(self, operation: CreateAccount) -> Outcome:
        account = self.accounts.make(operation)
        return Outcome(
            operation, Result.DONE, account_id=account.account_id, username=account.username
        )

    @perform.register
    def _update_account(self, operation: UpdateAccount) -> Outcome:
        self.writes.update_account(operation.account_id, name=operation.name, email=operation.email)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _activate(self, operation: Activate) -> Outcome:
        self.writes.set_active(operation.account_id, True)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _send_password_mail(self, operation: SendPasswordMail) -> Outcome:
        self.ids.account(operation.user_id)  # an account that was not made gets no mail
        self.writes.send_password_mail(operation.email)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _deactivate(self, operation: Deactivate) -> Outcome:
        self.writes.set_active(operation.account_id, False)
        return Outcome(operation, Result.DONE)

    # --- channels ---------------------------------------------------------------------------------

    @perform.register
    def _adopt_channel(self, operation: AdoptChannel) -> Outcome:
        return Outcome(operation, Result.DONE, room_id=self.ids.room(operation.channel))

    @perform.register
    def _rename(self, operation: RenameChannel) -> Outcome:
        room_id = self.ids.room(operation.channel)
        if operation.via:
            self.writes.rename_channel(room_id, operation.via)
        self.writes.rename_channel(room_id, operation.name)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _set_texts(self, operation: SetTexts) -> Outcome:
        self.writes.set_texts(self.ids.room(operation.channel), operation.new)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _mark(self, operation: MarkChannel) -> Outcome:
        room_id = self.ids.room(operation.channel)
        self.writes.mark_channel(room_id, operation.group_id, operation.course_id)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _set_read_only(self, operation: SetReadOnly) -> Outcome:
        self.writes.set_read_only(self.ids.room(operation.channel), True)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _unset_read_only(self, operation: UnsetReadOnly) -> Outcome:
        self.writes.set_read_only(self.ids.room(operation.channel), False)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _archive(self, operation: Archive) -> Outcome:
        self.writes.archive(self.ids.room(operation.channel))
        return Outcome(operation, Result.DONE)

    @perform.register
    def _unarchive(self, operation: Unarchive) -> Outcome:
        self.writes.unarchive(self.ids.room(operation.channel))
        return Outcome(operation, Result.DONE)

    # --- members ----------------------------------------------------------------------------------

    @perform.register
    def _create_channel(self, operation: CreateChannel) -> Outcome:
        present, missing = self.ids.split(operation.joiners)
        channel, left_out = self.writes.create_channel(
            name=operation.name,
            private=operation.private,
            usernames=[pair.username for pair in present.values()],
            texts=operation.texts,
            read_only=operation.read_only,
            group_id=operation.group_id,
            course_id=operation.course_id,
        )
        refused: dict[int, RocketChatError] = {
            user: _kept_out() for user, pair in present.items() if pair.username in left_out
        }
        rest = {pair.account_id: user for user, pair in present.items() if user not in refused}
        count: int | None = channel.users_count
        if count != len(rest) + 1 and rest:  # the bot makes one more
            count, more = self._add_by_id(channel.room_id, operation.private, rest)
            refused |= more
        ref = replace(operation.channel, room_id=channel.room_id)
        joining = AddMembers(ref, operation.joiners, reason=operation.reason)
        return Outcome(
            operation,
            Result.DONE,
            room_id=channel.room_id,
            users_count=count if count == len(present) - len(refused) + 1 else None,
            texts=channel.texts,
            dropped=(*missing, *refused),
            refused=self._refused(joining, refused),
        )

    def _add_by_id(
        self, room_id: str, private: bool, accounts: Mapping[str, int]
    ) -> tuple[int | None, Mapping[int, RocketChatError]]:
        """Once more by id: whose username was changed in Rocket.Chat is left out of a new channel.

        Returns the server's count, and who is refused. The channel is there already, so any other
        failure only means that the next run has to look.
        """
        try:
            return self.writes.add_members(room_id, private, list(accounts)), {}
        except PartlyRefused as partly:
            return partly.users_count, {accounts[one]: why for one, why in partly.refused.items()}
        except RocketChatError as error:
            logger.warning("room=%s made but not complete: %s", room_id, error)
            return None, {}

    @perform.register
    def _add_members(self, operation: AddMembers) -> Outcome:
        present, missing = self.ids.split(operation.joiners)
        if not present:
            raise SyncError(
                msg("None of these people has an account yet."), hint=msg("See their own rows.")
            )
        accounts = {pair.account_id: user for user, pair in present.items()}
        try:
            count = self.writes.add_members(
                self.ids.room(operation.channel), operation.private, list(accounts)
            )
        except PartlyRefused as partly:
            refused = {accounts[one]: error for one, error in partly.refused.items()}
            return self._partly_added(operation, missing, refused, partly.users_count)
        return Outcome(operation, Result.DONE, users_count=count, dropped=tuple(missing))

    def _partly_added(
        self,
        operation: AddMembers,
        missing: Sequence[int],
        refused: Mapping[int, RocketChatError],
        users_count: int | None,
    ) -> Outcome:
        people = self._refused(operation, refused)
        if len(operation.joiners) == len(people) == 1:
            return replace(people[0], operation=operation)
        dropped = (*missing, *refused)
        if len(dropped) < len(operation.joiners):
            return Outcome(
                operation, Result.DONE, users_count=users_count, dropped=dropped, refused=people
            )
        nobody = msg("Nobody was added: see the people's own rows.")
        return Outcome(operation, Result.LEFT_ALONE, dropped=dropped, refused=people, error=nobody)

    def _refused(
        self, operation: AddMembers, refused: Mapping[int, RocketChatError]
    ) -> tuple[Outcome, ...]:
        """A row for each. A ban is somebody's decision, and no failure; nobody is blocked by
        anybody else.
        """
        self.kept_out |= {
            (operation.group_id, user)
            for user, error in refused.items()
            if isinstance(error, DECIDED_THERE)
        }
        return tuple(
            refusal(replace(operation, joiners=(joiner,)), refused[joiner.user_id])
            for joiner in operation.joiners
            if joiner.user_id in refused
        )

    @perform.register
    def _remove_member(self, operation: RemoveMember) -> Outcome:
        room_id = self.ids.room(operation.channel)
        self.writes.remove_member(room_id, operation.private, operation.account_id)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _set_role(self, operation: SetRoomRole) -> Outcome:
        if (operation.group_id, operation.user_id) in self.kept_out:
            kept_out = msg("The person is not added to the channel: see their own row.")
            return Outcome(operation, Result.LEFT_ALONE, error=kept_out)
        room_id, account_id = self._role_ids(operation.channel, operation.user_id)
        self.writes.set_role(room_id, operation.private, account_id, operation.role)
        return Outcome(operation, Result.DONE)

    @perform.register
    def _unset_role(self, operation: UnsetRoomRole) -> Outcome:
        room_id, account_id = self._role_ids(operation.channel, operation.user_id)
        self.writes.unset_role(room_id, operation.private, account_id, operation.role)
        return Outcome(operation, Result.DONE)

    def _role_ids(self, channel: ChannelRef, user_id: int) -> tuple[str, str]:
        return self.ids.room(channel), self.ids.account(user_id)


def _kept_out() -> AccessByAttributes:
    return AccessByAttributes(
        msg("Rocket.Chat lets attributes decide who may be in this channel"),
        hint=msg(
            "Give the person the attributes of the channel, or take it out of attribute control."
        ),
    )


def refusal(operation: Operation, error: RocketChatError) -> Outcome:
    """What became of an operation that the server refused, in the server's words."""
    return Outcome(
        operation,
        Result.LEFT_ALONE if isinstance(error, DECIDED_THERE) else Result.FAILED,
        error=error.message,
        hint=error.hint,
        endpoint=error.endpoint,
        status=error.status,
        code=error.code,
        answer=error.answer,
        in_doubt=error.may_have_happened,
        transient=isinstance(error, TransientError),
    )
