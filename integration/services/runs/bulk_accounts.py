"""Makes many accounts at once before a plan is applied; the plan itself knows nothing of it.

The operations stay what they are: one for each account, each with its own outcome. Whoever the
import made is simply there when the turn of their operation comes; the others are made one by one.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from integration.domain.chunks import chunks
from integration.domain.operations import CreateAccount, Operation
from integration.domain.state import RemoteAccount
from integration.services.rocketchat.bulk_import import NewAccount
from integration.services.sync.ports import Accounts

logger = logging.getLogger(__name__)

MIN_IMPORT_ACCOUNTS = 500  # accounts; for fewer it is not worth the import's side effects


class Bulk(Protocol):
    """`rocketchat.importing.BulkImport`."""

    def create(self, wanted: Sequence[NewAccount]) -> dict[str, RemoteAccount]: ...


def is_worth(accounts: int) -> bool:
    """Whether the preview offers the import for so many new accounts."""
    return accounts > MIN_IMPORT_ACCOUNTS


class ImportedAccounts:
    """`ports.Accounts` of one run: those that were made in bulk; the others from `accounts`.

    Threads may share it once `run` is over.
    """

    def __init__(self, bulk: Bulk, accounts: Accounts) -> None:
        self._bulk, self._accounts = bulk, accounts
        self._made: dict[str, RemoteAccount] = {}
        self._asked_for: frozenset[str] = frozenset()  # usernames

    def run(
        self,
        operations: Sequence[Operation],
        starting: Callable[[Sequence[Operation]], object],
        may: Callable[[int], bool],
    ) -> None:
        """Make the accounts that `operations` ask for, where they are many.

        `starting` notes operations as begun: a crash must not make their accounts strangers'. `may`
        says whether the account of this person is ours to make, after `starting`.
        """
        creates = [one for one in operations if isinstance(one, CreateAccount)]
        if not is_worth(len(creates)):
            return
        for some in chunks(creates, MIN_IMPORT_ACCOUNTS):
            starting(some)
        wanted = [_record(one) for one in creates if may(one.user_id)]
        self._made = self._bulk.create(wanted)
        if self._made:
            self._asked_for = frozenset(one.username for one in wanted)
        logger.info("import accounts=%d made=%d", len(wanted), len(self._made))

    def may_have_made(self, operation: Operation) -> bool:
        """Whether the account may be there although the turn of its operation never came."""
        return isinstance(operation, CreateAccount) and operation.username in self._asked_for

    def make(self, operation: CreateAccount) -> RemoteAccount:
        made = self._made.pop(operation.username, None)
        return self._accounts.make(operation) if made is None else made


def _record(operation: CreateAccount) -> NewAccount:
    return NewAccount(
        f"moodle-{operation.user_id}", operation.username, operation.name, operation.email
    )
