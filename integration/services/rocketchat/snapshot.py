"""What Rocket.Chat has: accounts, channels, and the members of channels that changed."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from integration.domain.errors import (
    AuthenticationError,
    PermissionMissing,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.domain.messages import msg
from integration.domain.needs import Needs
from integration.domain.remote_lists import RemoteLists, Shared
from integration.domain.server_facts import ServerFacts
from integration.domain.state import (
    ManagedAccount,
    NameRules,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
)
from integration.services.rocketchat.answers import NOBODY, inner, mark
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.errors import unknown_endpoint
from integration.services.rocketchat.features import (
    ALL_TEXTS_LISTED,
    LIST_BY_STATUS,
    TOPIC_AT_CREATION,
    Features,
)
from integration.services.rocketchat.members import MemberReader
from integration.services.rocketchat.paging import Whole, read_whole
from integration.services.rocketchat.permissions import grant
from integration.services.rocketchat.public_settings import PublicSettings
from integration.services.rocketchat.shared_lists import SharedLists
from integration.services.rocketchat.single_reads import (
    USERS,
    USERS_BY_STATUS,
    SingleReader,
    users,
)
from integration.services.rocketchat.single_reads import rooms as all_rooms
from integration.services.rocketchat.thread_pool import in_parallel

Item = TypeVar("Item")
logger = logging.getLogger(__name__)
ASK_AT_MOST = 500  # things by their id, in one reading
EACH_ACCOUNT, EACH_ROOM = 20, 3  # from more on one list is cheaper than a question for each
LONG_LIST, EACH_ROOM_OF_MANY = 1000, 20  # rooms: such a list is ten times as many bytes
BELIEVABLE = 2  # so many things may be missing from a list although they are there, or a tenth
ROW_BY_REQUEST = 6  # rows of a list are as many bytes as one question and its answer


class RemoteReader:
    """Reads, never writes. Without changes: users and rooms, one request each.

    Version and settings are two more, where `known` does not hold them. With `shared`, lists that
    another run read are taken from there, and what rcsync changed since is asked for one by one.
    """

    def __init__(
        self,
        client: RocketChat,
        features: Features,
        known: ServerFacts | None = None,
        shared: SharedLists | None = None,
    ) -> None:
        self._client, self._features = client, features
        self._links: Mapping[str, ManagedAccount] = NOBODY  # by account id, while a list is read
        self._members = MemberReader(client, features)
        self._single = SingleReader(client, features)
        self._rules = known.rules if known else None
        self._asked = False  # the server's id, in this run
        self.server_id = known.server_id if known else ""
        self._pool: ThreadPoolExecutor | None = None
        self._lists: Future[RemoteLists] | None = None
        self._shared = shared
        self._one_by_one = False  # read so, because the lists are far more
        self._rooms_listed = 0  # how many there were in the list that was read

    def begin(self, known: Collection[ManagedAccount]) -> None:
        """Ask for both lists, for the next `read`. What fails is raised there."""
        self.close()
        self._links = {link.account_id: link for link in known}
        if self._shared is not None:
            return  # somebody may have read them
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rocketchat")
        self._lists = self._pool.submit(self._bulk)

    def close(self) -> None:
        """Wait for what was begun and is not wanted any more."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._lists = None

    def name_rules(self) -> NameRules:
        """Asked once."""
        if self._rules is None:
            settings = self._settings()
            topics = self._features.has("topic at creation", TOPIC_AT_CREATION)
            texts = self._features.has("all texts listed", ALL_TEXTS_LISTED)
            rules = settings.name_rules()
            self._rules = replace(rules, topic_at_creation=topics, all_texts_listed=texts)
        return self._rules

    def _settings(self) -> PublicSettings:
        settings = PublicSettings.read(self._client, self._features)
        self.server_id, self._asked = settings.server_id, True
        return settings

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
        """See `ports.Remote.read`. Complete, or an error: a list that comes short is one."""
        bot_id = self._client.user_id
        if only is not None and (single := self._single.read(only)) is not None:
            self._one_by_one = True
            accounts, channels = single
            channels |= self._with_members(channels, known_counts, frozenset(full_check))
            channels |= self._with_marks(channels, known_counts, wanted_names)
            return RemoteState(bot_id, accounts, channels, {}, self.server_id)
        lists = self._whole_lists(linked_accounts, {*needed_rooms, *known_counts})
        self._rooms_listed = len(lists.channels)
        users = Whole(lists.accounts, lists.unclear_accounts)
        rooms = Whole(lists.channels, lists.unclear_channels)
        gone = (
            any(one not in users.rows for one in needed_accounts),
            any(one not in rooms.rows for one in (*needed_rooms, *known_counts)),
        )
        if any(gone) and not self._asked:
            self._settings()  # is this still the same server?
        unclear = {**users.not_understood, **rooms.not_understood}
        # A row that cannot be understood may be anybody's who is missing.
        people = {*needed_accounts, *linked_accounts} if users.not_understood else needed_accounts
        places = {*needed_rooms, *(known_counts if rooms.not_understood else ())}
        accounts, channels = users.rows, rooms.rows
        accounts |= self._missing(people, users, self._single.account, unclear)
        channels |= self._missing(places, rooms, self._single.room, unclear)
        self._check_visible(bot_id, accounts.values())
        channels |= self._with_members(channels, known_counts, frozenset(full_check))
        channels |= self._with_marks(channels, known_counts, wanted_names)
        return RemoteState(bot_id, accounts, channels, unclear, self.server_id)

    def _whole_lists(self, linked: Collection[str], rooms: Collection[str]) -> RemoteLists:
        """Both lists: those that were begun, those of another run, or read now."""
        shared = self._shared
        if shared is None:
            begun, self._lists = self._lists, None
            return begun.result() if begun else self._bulk()
        refused = None
        while (found := shared.recall(refused)) is not None:
            if self._brings_up_to_date(found, linked, rooms):
                self._links = NOBODY
                return found.lists
            refused = found.number
        try:
            lists = self._bulk()
        except BaseException:
            shared.give_up()
            raise
        shared.keep(lists)
        return lists

    def _brings_up_to_date(
        self, found: Shared, linked: Collection[str], rooms: Collection[str]
    ) -> bool:
        """Replace the rows that rcsync changed since; False where that is dearer than the lists.

        An account that was made since and is not among the `linked` is left out, as if the lists
        had been read before it was made: another run is about to store the link.
        """
        lists, changed = found.lists, found.changed
        accounts, places = changed.accounts, changed.rooms & {*rooms} | changed.renamed
        most = min(ASK_AT_MOST, len(lists) // ROW_BY_REQUEST)
        if len(accounts) + len(places) > max(most, EACH_ACCOUNT):
            return False
        known = {*linked}
        made = {one.account_id: one for one in changed.made if one.account_id in known}
        lists.accounts.update({one: made[one] for one in made.keys() - lists.accounts.keys()})
        self._ask_anew(accounts, self._single.account, lists.accounts, lists.unclear_accounts)
        self._ask_anew(places, self._single.room, lists.channels, lists.unclear_channels)
        return True

    def _ask_anew(
        self,
        ids: Collection[str],
        ask: Callable[[str], Item | None],
        rows: dict[str, Item],
        unclear: dict[str, str],
    ) -> None:
        for one, (item, problem) in self._single.those_of(ids, ask).items():
            rows.pop(one, None)
            unclear.pop(one, None)
            if item is not None:
                rows[one] = item
            elif problem:
                unclear[one] = problem

    def _missing(
        self,
        needed: Collection[str],
        listed: Whole[Item],
        ask: Callable[[str], Item | None],
        unclear: dict[str, str],
    ) -> dict[str, Item]:
        """What the list lacks or garbles, asked for by its id: absent once is not gone.

        Adds to `unclear` what is there and cannot be read, and takes out what could be.
        UnexpectedAnswer where too much is there that the list does not have.
        """
        missing = sorted({one for one in needed if one not in listed.rows})[:ASK_AT_MOST]
        found: dict[str, Item] = {}
        for one, (item, problem) in self._single.those_of(missing, ask).items():
            if item is not None:
                found[one] = item
                unclear.pop(one, None)
            elif problem:
                unclear[one] = problem
        left_out = (found.keys() | unclear.keys()) & (set(missing) - listed.not_understood.keys())
        if len(left_out) > max(BELIEVABLE, len(needed) // 10):
            raise UnexpectedAnswer(
                msg("Rocket.Chat's list leaves out {n} entries that exist.", n=len(left_out)),
                hint=msg("Check whether a proxy or an app changes answers; then run again."),
                status=200,
            )
        return found

    def look_again(
        self,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        members_of: Collection[str] = (),
    ) -> RemoteState:
        """See `ports.Remote.look_again`. By their ids where they are few, or were read so."""
        people: dict[str, RemoteAccount] = {}
        channels: dict[str, RemoteChannel] = {}
        if len(accounts) > EACH_ACCOUNT and not self._one_by_one:
            listed = self._accounts().rows
            people = {one: listed[one] for one in accounts if one in listed}
        else:
            people = self._by_id(accounts, self._single.account)
        each_room = EACH_ROOM_OF_MANY if self._rooms_listed >= LONG_LIST else EACH_ROOM
        if len(rooms) > each_room and not self._one_by_one:
            known = read_whole(self._client, self._features, all_rooms()).rows
            channels = {one: known[one] for one in rooms if one in known}
        else:
            channels = self._by_id(rooms, self._single.room)
        channels |= self._with_members(channels, {}, frozenset(members_of))
        return RemoteState(self._client.user_id, people, channels)

    def _by_id(self, ids: Collection[str], ask: Callable[[str], Item | None]) -> dict[str, Item]:
        answers = self._single.those_of(ids, ask)
        return {one: item for one, (item, _) in answers.items() if item is not None}

    def _bulk(self) -> RemoteLists:
        """Both lists, side by side: each takes the server a while on a large site."""
        with ThreadPoolExecutor(1, thread_name_prefix="rocketchat") as pool:
            pending = pool.submit(read_whole, self._client, self._features, all_rooms())
            users, rooms = self._accounts(), pending.result()
        self._links = NOBODY
        return RemoteLists(users.rows, rooms.rows, users.not_understood, rooms.not_understood)

    def lists(self) -> tuple[int, int, dict[str, str]]:
        """How many accounts and rooms there are, and what cannot be understood of them."""
        found = self._bulk()
        unclear = found.unclear_accounts | found.unclear_channels
        return len(found.accounts), len(found.channels), unclear

    def accounts(self) -> dict[str, RemoteAccount]:
        """Every account by its id."""
        return self._accounts().rows

    def _accounts(self) -> Whole[RemoteAccount]:
        if self._features.has(USERS_BY_STATUS, LIST_BY_STATUS):
            try:
                return self._users(USERS_BY_STATUS)
            except RocketChatError as error:
                if not unknown_endpoint(error):
                    raise
                self._features.note_missing(USERS_BY_STATUS)
        return self._users(USERS)

    def _users(self, path: str) -> Whole[RemoteAccount]:
        return read_whole(self._client, self._features, users(path, known=self._links))

    def _check_visible(self, bot_id: str, accounts: Iterable[RemoteAccount]) -> None:
        """Without view-full-other-user-info no e-mail is listed, so nobody would be matched."""
        people = [one for one in accounts if one.kind == "user" and one.account_id != bot_id]
        if not people or any(one.emails for one in people):
            return
        if len(people) == 1 and people[0].roles:
            return  # one person who simply has no address
        raise PermissionMissing(
            msg(
                "Rocket.Chat shows the bot nobody's e-mail address, so people cannot be recognised."
            ),
            hint=grant("view-full-other-user-info"),
            endpoint=f"GET {USERS}",
            status=200,
        )

    def _with_members(
        self,
        channels: Mapping[str, RemoteChannel],
        known_counts: Mapping[str, int | None],
        full_check: frozenset[str],
    ) -> dict[str, RemoteChannel]:
        """The audited rooms, and known ones whose number of users is not what we remember.

        What nobody knows equals nothing.
        """
        wanted = [
            one
            for room_id, one in channels.items()
            if room_id in full_check
            or (
                room_id in known_counts
                and (one.users_count is None or known_counts[room_id] != one.users_count)
            )
        ]
        return self._each(
            wanted, lambda one: self._members.with_members(one, roles=one.room_id in full_check)
        )

    def _with_marks(
        self,
        channels: Mapping[str, RemoteChannel],
        known_counts: Mapping[str, int | None],
        wanted_names: Collection[str],
    ) -> dict[str, RemoteChannel]:
        """Rooms with a wanted name, with their mark (which 8.7 and later list in bulk)."""
        names = {name.casefold() for name in wanted_names}
        wanted = [
            one
            for room_id, one in channels.items()
            if not names.isdisjoint(one.names)
            and room_id not in known_counts
            and one.moodle_group is None
        ]
        return self._each(wanted, self._with_mark)

    def _with_mark(self, one: RemoteChannel) -> RemoteChannel:
        """One that the bot may not look into is not ours."""
        try:
            answer = self._client.get("rooms.info", {"roomId": one.room_id})
        except (TransientError, AuthenticationError):
            raise
        except RocketChatError as error:
            logger.debug("room=%s mark=unreadable code=%s", one.room_id, error.code)
            return replace(one, unreadable=error.message, bot_outside=True)
        return replace(one, mark=mark(inner(answer, "room", "GET rooms.info")))

    def _each(
        self, wanted: Iterable[RemoteChannel], look: Callable[[RemoteChannel], RemoteChannel]
    ) -> dict[str, RemoteChannel]:
        threads = self._client.connection.max_connections
        return {one.room_id: one for one in in_parallel(look, wanted, threads)}
