"""What a run of a narrow scope has to know of Rocket.Chat: things by their id, and names to look
for. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from integration.domain.state import RemoteAccount, RemoteChannel


class PersonNeed(NamedTuple):
    """One person. `account_id` is "" where there is no link; `email` is "" where no address is to
    be given or looked for; `usernames` are looked for where there is no link.
    """

    account_id: str
    email: str
    usernames: tuple[str, ...] = ()


class NameNeed(NamedTuple):
    """The name that a channel is to have, and the one that rcsync stored."""

    wanted: str
    stored: str


@dataclass(frozen=True, slots=True)
class Needs:
    """All that a plan is made of.

    `accounts` and `rooms` are ids. `names`: room id -> its names, for rooms that may be renamed.
    `new_names`: of channels that may be made. `witness`: any linked account, by which it is seen
    that the bot is shown addresses; "" where there is none.
    """

    people: tuple[PersonNeed, ...] = ()
    accounts: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    names: Mapping[str, NameNeed] = field(default_factory=dict)
    new_names: frozenset[str] = frozenset()
    witness: str = ""

    @property
    def account_ids(self) -> frozenset[str]:
        return self.accounts | {one.account_id for one in self.people if one.account_id}

    @property
    def new_people(self) -> tuple[PersonNeed, ...]:
        return tuple(one for one in self.people if not one.account_id)

    @property
    def is_searchable(self) -> bool:
        """Whether a search without regard to case finds what the planning takes for equal: not
        with letters such as the German sharp s, which equals two others.
        """
        texts = (*self.new_names, *(one.wanted for one in self.names.values()), *self._of_people())
        return all(text.lower() == text.casefold() for text in texts)

    def _of_people(self) -> Iterable[str]:
        for one in self.people:
            yield from (one.email, *one.usernames)

    def first_searches(self) -> frozenset[str]:
        """Addresses and usernames of people without a link."""
        texts = (text for one in self.new_people for text in (one.email, *one.usernames))
        return frozenset(filter(None, texts))

    def more_searches(
        self, accounts: Mapping[str, RemoteAccount], rooms: Mapping[str, RemoteChannel]
    ) -> frozenset[str]:
        """What else is to be looked for among accounts: addresses that an account would get, and
        names that a channel would get.
        """
        addresses = {
            one.email
            for one in self.people
            if one.email and one.account_id and one.email not in accounts[one.account_id].emails
        }
        return frozenset(addresses) | self._renames(rooms)

    def room_searches(self, rooms: Mapping[str, RemoteChannel]) -> frozenset[str]:
        """Names that a room would get, and usernames that no team may have."""
        usernames = {text for one in self.new_people for text in one.usernames}
        return self.new_names | usernames | self._renames(rooms)

    def _renames(self, rooms: Mapping[str, RemoteChannel]) -> frozenset[str]:
        return frozenset(
            names.wanted
            for room_id, names in self.names.items()
            if not names.wanted == names.stored == rooms[room_id].name
        )
