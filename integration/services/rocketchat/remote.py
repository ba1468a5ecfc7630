"""From a connection to everything the sync needs of Rocket.Chat."""

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

from integration.domain.needs import Needs
from integration.domain.server_facts import ServerFacts
from integration.domain.state import ManagedAccount, NameRules, RemoteState
from integration.services.rocketchat.bans import banned_in
from integration.services.rocketchat.bulk_import import BulkImport
from integration.services.rocketchat.client import RocketChat, Stats
from integration.services.rocketchat.connection import Connection
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.session import KeptLogins
from integration.services.rocketchat.shared_lists import SharedLists
from integration.services.rocketchat.snapshot import RemoteReader
from integration.services.rocketchat.writes import RocketChatWrites


class RocketChatRemote:
    """`ports.Remote` for a real server.

    Threads may share it; close it when done (it is a context manager).
    """

    def __init__(
        self,
        client: RocketChat,
        known: ServerFacts | None = None,
        shared: SharedLists | None = None,
    ) -> None:
        self.client = client
        self._known = known
        self.features = Features(client, known)
        self.reader = RemoteReader(client, self.features, known, shared)
        self._writes = RocketChatWrites(client, self.features)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.reader.close()
        self.client.close()

    @property
    def writes(self) -> RocketChatWrites:
        return self._writes

    @property
    def bulk_import(self) -> BulkImport:
        return BulkImport(self.client, self.reader.accounts)

    @property
    def stats(self) -> Stats:
        """Requests and waiting so far, for the run's report."""
        return self.client.stats

    def facts(self, now: float) -> ServerFacts:
        """What to keep for the next run; `learnt_at` is when the server was really asked."""
        learnt_at = self._known.learnt_at if self._known else now
        return ServerFacts(
            self.client.connection.url,
            learnt_at,
            self.features.version,
            self.name_rules(),
            self.features.missing,
            self.reader.server_id,
        )

    def begin(self, known: Collection[ManagedAccount]) -> None:
        self.reader.begin(known)

    def name_rules(self) -> NameRules:
        return self.reader.name_rules()

    def read(
        self,
        *,
        known_counts: Mapping[str, int | None],
        wanted_names: Collection[str],
        full_check: Collection[str] = (),
        linked_accounts: Collection[str] = (),
        needed_accounts: Collection[str] = (),
        needed_rooms: Collection[str] = (),
        only: Needs | None = None,
    ) -> RemoteState:
        return self.reader.read(
            known_counts=known_counts,
            wanted_names=wanted_names,
            full_check=full_check,
            linked_accounts=linked_accounts,
            needed_accounts=needed_accounts,
            needed_rooms=needed_rooms,
            only=only,
        )

    def banned(self, rooms: Collection[str]) -> Mapping[str, frozenset[str]]:
        return banned_in(self.client, self.features, rooms)

    def look_again(
        self,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        members_of: Collection[str] = (),
    ) -> RemoteState:
        return self.reader.look_again(accounts=accounts, rooms=rooms, members_of=members_of)


def connect(
    connection: Connection,
    known: ServerFacts | None = None,
    logins: KeptLogins | None = None,
    shared: SharedLists | None = None,
) -> RocketChatRemote:
    """Nothing is sent yet; the first call logs in where needed. `known` saves asking again,
    `logins` logging in, and `shared` reading the lists.
    """
    return RocketChatRemote(RocketChat(connection, logins=logins), known, shared)
