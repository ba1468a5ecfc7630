"""Accounts in bulk by Rocket.Chat's import (6.3 and later), for a very first run.

What the import does is known from its source only (reference: "Bulk import"): it inserts and never
updates, tells nobody which account failed, and runs in the background. So nothing it says counts:
afterwards the list of accounts is read, and only who is in it with the right name and address was
made. Everybody else is left to be made one by one.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from integration.domain.chunks import chunks
from integration.domain.errors import AuthenticationError, RocketChatError
from integration.domain.state import RemoteAccount
from integration.services.rocketchat.answers import text
from integration.services.rocketchat.client import RocketChat

logger = logging.getLogger(__name__)

IMPORT_CHUNK = 500  # accounts in one call: below the 1 MB that proxies let through
QUIET = frozenset({"none", "done", "error", "canceled"})  # no import is under way
PREPARED = frozenset({"new", "loading", "ready"})  # not begun: nobody was made by it
FIRST_LOOK, LONGEST_PAUSE = 0.5, 10.0  # seconds between questions how far it is
IMPORT_WAIT_SECONDS = 120.0  # to wait at least, and for each account so much more:
IMPORT_WAIT_SECONDS_EACH = 0.05


class NewAccount(NamedTuple):
    """Somebody who is to have an account. `import_id` is how the import names the record."""

    import_id: str
    username: str
    name: str
    email: str

    def record(self) -> dict[str, object]:
        """As import.addUsers takes it. Without roles, which break the import up to 8.1."""
        return {
            "importIds": [self.import_id],
            "username": self.username,
            "name": self.name,
            "emails": [self.email],
        }


class BulkImport:
    """One import. `accounts` reads every account there is, for the check afterwards."""

    def __init__(
        self,
        client: RocketChat,
        accounts: Callable[[], Mapping[str, RemoteAccount]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._accounts, self._clock = client, accounts, clock

    def create(self, wanted: Sequence[NewAccount]) -> dict[str, RemoteAccount]:
        """Who has an account now, by username. Nobody, where the import cannot be used.

        AuthenticationError, and what the final reading raises, are passed on.
        """
        try:
            if not self._is_free():
                logger.warning("import=refused reason=another import is under way")
                return {}
            self._run(wanted)
        except AuthenticationError:
            raise
        except RocketChatError as problem:
            logger.warning("import=failed error=%s", problem)
            if not problem.may_have_happened:
                return {}  # refused: nothing was begun
            self._wait_in_doubt(len(wanted))
        return dict(_made(wanted, self._accounts()))

    def _is_free(self) -> bool:
        """Whether no import is prepared; a new one would throw away somebody else's."""
        return self._state() in QUIET

    def _run(self, wanted: Sequence[NewAccount]) -> None:
        self._client.post("import.new", {})
        for accounts in chunks(wanted, IMPORT_CHUNK):
            users = [account.record() for account in accounts]
            self._client.post("import.addUsers", {"users": users}, slow=True)
        self._client.post("import.run", {}, slow=True)
        self._wait(len(wanted), QUIET)
        self._client.post("import.clear", {}, repeatable=True)

    def _wait_in_doubt(self, accounts: int) -> None:
        """It may be under way all the same: whoever it makes must not be made a second time."""
        try:
            self._wait(accounts, QUIET | PREPARED)
        except AuthenticationError:
            raise
        except RocketChatError as problem:
            logger.warning("import=state unknown error=%s", problem)

    def _wait(self, accounts: int, over: Collection[str]) -> None:
        """Until its state is one of `over`, or it takes too long: the check afterwards tells who
        is there.
        """
        seconds = IMPORT_WAIT_SECONDS + IMPORT_WAIT_SECONDS_EACH * accounts
        until, pause = self._clock() + seconds, FIRST_LOOK
        while (state := self._state()) not in over:
            if self._clock() > until:
                logger.warning("import=slow state=%s seconds=%.0f", state, seconds)
                return
            self._client.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _state(self) -> str:
        return text(self._client.get("import.status"), "state", "GET import.status")


def _made(
    wanted: Sequence[NewAccount], accounts: Mapping[str, RemoteAccount]
) -> Iterator[tuple[str, RemoteAccount]]:
    """Each that is there with the name and the address it was given."""
    by_name = {account.username: account for account in accounts.values()}
    for account in wanted:
        found = by_name.get(account.username)
        if found is not None and found.active and account.email.lower() in found.emails:
            yield account.username, found
