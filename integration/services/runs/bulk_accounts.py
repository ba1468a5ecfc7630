"""Makes many accounts at once before a plan is applied; the plan itself knows nothing of it.

The operations stay what they are: one for each account, each with its own outcome. Whoever the
import made is simply there when the turn of their operation comes; the others are made one by one.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from integration.domain.operations import CreateAccount, Operation
from integration.domain.state import RemoteAccount
from integration.services.rocketchat.bulk_import import NewAccount
from integration.services.sync.ports import Writes

logger = logging.getLogger(__name__)

MIN_IMPORT_ACCOUNTS = 500  # accounts; for fewer it is not worth the import's side effects


class Bulk(Protocol):
    """`rocketchat.importing.BulkImport`."""

    def create(self, wanted: Sequence[NewAccount]) -> dict[str, RemoteAccount]: ...


def is_worth(accounts: int) -> bool:
    """Whether the preview offers the import for so many new accounts."""
    return accounts > MIN_IMPORT_ACCOUNTS


class Importer:
    """The accounts of one run that were made in bulk. Threads may share it once `run` is over."""

    def __init__(self, bulk: Bulk, starting: Callable[[Sequence[Operation]], None]) -> None:
        """`starting` notes operations as begun: a crash must not make their accounts strangers'."""
        self._bulk, self._starting = bulk, starting
        self._made: dict[str, RemoteAccount] = {}

    def run(self, operations: Sequence[Operation], may: Callable[[int], bool]) -> None:
        """Make the accounts that `operations` ask for, where they are many.

        `may` says whether the account of this person is ours to make, after `starting`.
        """
        creates = [one for one in operations if isinstance(one, CreateAccount)]
        if not is_worth(len(creates)):
            return
        for start in range(0, len(creates), MIN_IMPORT_ACCOUNTS):
            self._starting(creates[start : start + MIN_IMPORT_ACCOUNTS])
        wanted = [_record(one) for one in creates if may(one.user_id)]
        self._made = self._bulk.create(wanted)
        logger.info("import accounts=%d made=%d", len(wanted), len(self._made))

    def create(self, writes: Writes, *, username: str, name: str, email: str) -> RemoteAccount:
        made = self._made.pop(username, None)
        if made is not None:
            return made
        return writes.create_account(username=username, name=name, email=email)


class WithImport:
    """A `ports.Remote` whose writes find accounts that were made in bulk."""

    def __init__(self, remote: object, importer: Importer) -> None:
        self._remote, self._importer = remote, importer

    @property
    def writes(self) -> object:
        return _Writes(self._remote.writes, self._importer)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._remote, name)


class _Writes:
    def __init__(self, writes: Writes, importer: Importer) -> None:
        self._writes, self._importer = writes, importer

    def __getattr__(self, name: str) -> object:
        return getattr(self._writes, name)

    def create_account(self, *, username: str, name: str, email: str) -> RemoteAccount:
        return self._importer.create(self._writes, username=username, name=name, email=email)


def _record(operation: CreateAccount) -> NewAccount:
    return NewAccount(
        f"moodle-{operation.user_id}", operation.username, operation.name, operation.email
    )
