"""Accounts and rooms one by one: by their id, or by a name or address that they may have.

What a search gives is never less than what has the name or address: servers match a part of a text
in any case, and one that does not know the parameter answers with everything. Two ways to look for
accounts: the parameter `searchTerm` of users.listByStatus (6.8 and later), before that `query` of
users.list (obeyed up to 6.x). Rooms are looked for with `filter` of rooms.adminRooms, which is of
both names and of every supported version (reference 2.1, 2.4, 11.1).
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TypeVar

from integration.domain.errors import (
    AuthenticationError,
    NotFound,
    PermissionMissing,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.messages import msg
from integration.domain.needs import Needs
from integration.domain.state import ManagedAccount, RemoteAccount, RemoteChannel
from integration.services.rocketchat.answers import (
    NOBODY,
    Json,
    account,
    channel,
    identifier,
    inner,
    row_id,
    wrong,
)
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import LIST_BY_STATUS, Features
from integration.services.rocketchat.paging import Listing, read_all
from integration.services.rocketchat.thread_pool import in_parallel

Item = TypeVar("Item")
USERS = "users.list"
USERS_BY_STATUS = "users.listByStatus"
ROOMS = "rooms.adminRooms"
ROOM = "rooms.adminRooms.getRoom"
UNKNOWN_ROOM = frozenset({"not-allowed", "error-forbidden"})  # of getRoom; the second from 9.0 on
KINDS = ("c", "p", "teams")  # a channel may become the main room of a team


class SingleReader:
    """Asks for one thing a request, several at once."""

    def __init__(self, client: RocketChat, features: Features) -> None:
        self._client, self._features = client, features

    def read(
        self, needs: Needs
    ) -> tuple[dict[str, RemoteAccount], dict[str, RemoteChannel]] | None:
        """Accounts and rooms by their ids, with whatever the searches found besides.

        None where something is not there, cannot be read or searched for, or where it is not seen
        that the bot is shown addresses: then nobody can be said to have one. TransientError where
        the server did not answer.
        """
        witnesses = {needs.witness} if needs.new_people else set()
        accounts = self._all_of(needs.account_ids | witnesses, self.account)
        rooms = self._all_of(needs.rooms, self.room)
        if accounts is None or rooms is None or not _shows_addresses(accounts.values()):
            return None
        texts = self._fewest(needs.first_searches() | needs.more_searches(accounts, rooms))
        names = needs.room_searches(rooms)
        try:
            for found in self._in_parallel(self._accounts_like, texts):
                accounts = found | accounts
            for rooms_found in self._in_parallel(self._rooms_like, names):
                rooms = rooms_found | rooms
        except (TransientError, AuthenticationError):
            raise
        except RocketChatError:
            return None
        return accounts, rooms

    def account(self, account_id: str) -> RemoteAccount | None:
        where = "GET users.info"
        user = inner(self._client.get("users.info", {"userId": account_id}), "user", where)
        found = account(user, where)
        return _if_it_is(found.account_id, account_id, found, where)

    def room(self, room_id: str) -> RemoteChannel | None:
        """Whoever is in it; rooms.info is for those who are."""
        where = f"GET {ROOM}"
        try:
            row = self._client.get(ROOM, {"rid": room_id})
        except PermissionMissing as refusal:
            if refusal.code not in UNKNOWN_ROOM:
                raise
            return None
        found = channel(row, where)
        return _if_it_is(found.room_id, room_id, found, where) if found else None

    def those_of(
        self, ids: Iterable[str], ask: Callable[[str], Item | None]
    ) -> dict[str, tuple[Item | None, str]]:
        """Each with what is there, or why it could not be read; neither where it is gone."""
        wanted = sorted(ids)
        return dict(zip(wanted, self._in_parallel(partial(_asked, ask), wanted), strict=True))

    def _all_of(
        self, ids: Collection[str], ask: Callable[[str], Item | None]
    ) -> dict[str, Item] | None:
        answers = self.those_of(ids, ask)
        found = {one: item for one, (item, _) in answers.items() if item is not None}
        return found if len(found) == len(answers) else None

    def _in_parallel(self, look: Callable[[str], Item], wanted: Iterable[str]) -> list[Item]:
        return in_parallel(look, sorted(wanted), self._client.connection.max_connections)

    def _fewest(self, texts: Collection[str]) -> Collection[str]:
        """Without those in which another one is found: a search for "ada" also finds whoever has
        "ada@uni.example". The `query` of before is for the whole of one field.
        """
        if not self._features.has(USERS_BY_STATUS, LIST_BY_STATUS):
            return texts
        folded = {text.lower(): text for text in texts}
        return {
            text
            for small, text in folded.items()
            if not any(one != small and one in small for one in folded)
        }

    def _accounts_like(self, text: str) -> dict[str, RemoteAccount]:
        if self._features.has(USERS_BY_STATUS, LIST_BY_STATUS):
            return self._search(users(USERS_BY_STATUS, {"searchTerm": text}))
        field = "emails.address" if "@" in text else "username"
        pattern = {"$regex": f"^{re.escape(text)}$", "$options": "i"}
        return self._search(users(USERS, {"query": json.dumps({field: pattern})}))

    def _rooms_like(self, name: str) -> dict[str, RemoteChannel]:
        return self._search(rooms({"filter": name}))

    def _search(self, listing: Listing[Item]) -> dict[str, Item]:
        return read_all(self._client, self._features, listing)


def users(
    path: str,
    more: dict[str, object] | None = None,
    known: Mapping[str, ManagedAccount] = NOBODY,
) -> Listing[RemoteAccount]:
    def identity(row: Json, where: str) -> str:
        found = identifier(row, where)
        return known[found].account_id if found in known else found

    parse = partial(account, known=known)
    return Listing(path, "users", identity, parse, params=more, lenient=not more)


def rooms(more: dict[str, object] | None = None) -> Listing[RemoteChannel]:
    """Channels, private groups, and the main rooms of teams."""
    params = {"types[]": list(KINDS), **(more or {})}
    return Listing(ROOMS, "rooms", row_id, channel, params=params, lenient=not more)


def _shows_addresses(accounts: Iterable[RemoteAccount]) -> bool:
    """users.info shows addresses and roles with view-full-other-user-info only (reference 2.1)."""
    read = list(accounts)
    return not read or any(one.emails or one.roles for one in read)


def _if_it_is(found: str, asked: str, item: Item, where: str) -> Item:
    if found != asked:
        raise wrong(where, msg("it is about something else than was asked for"))
    return item


def _asked(ask: Callable[[str], Item | None], one: str) -> tuple[Item | None, str]:
    """What is there, or why it could not be read; neither where it is gone.

    TransientError where the server did not answer.
    """
    try:
        return ask(one), ""
    except NotFound:
        return None, ""
    except UnexpectedAnswer as problem:
        return None, problem.message
    except (TransientError, AuthenticationError):
        raise
    except RocketChatError as refusal:
        return None, refusal.message
