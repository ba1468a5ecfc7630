"""What is known of each person of a group or course, small.

A site of half a million people has some millions of memberships, enrolments and roles. A dict takes
forty bytes for each, and a number object besides; here it is four, since in one group nearly all
have the same value.
"""

from array import array
from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, TypeVar, cast

V = TypeVar("V")
_SMALL = 1 << 32  # ids below take four bytes
_FEW = 1 << 8  # different values below take one byte for each person


class ByPerson(Mapping[int, V]):
    """Moodle user id -> value, in the order of the ids; equal to a dict with the same content.

    Values are hashable. Those that are equal are kept once.
    """

    __slots__ = ("_users", "_values", "_which")

    def __init__(self, values: Mapping[int, V]) -> None:
        users = sorted(values)
        places: dict[V, int] = {}
        which = [places.setdefault(values[user], len(places)) for user in users]
        self._users = array("I" if not users or 0 <= users[0] <= users[-1] < _SMALL else "q", users)
        self._values = tuple(places)
        self._which: bytes | array[int] | None = None  # place in `_values`; None: all the first
        if len(places) > 1:
            self._which = bytes(which) if len(places) <= _FEW else array("I", which)

    def __getitem__(self, user_id: int) -> V:
        place = self._place(user_id)
        if place is None:
            raise KeyError(user_id)
        return self._values[0 if self._which is None else self._which[place]]

    def __contains__(self, user_id: object) -> bool:
        return self._place(user_id) is not None

    def _place(self, user_id: object) -> int | None:
        if not isinstance(user_id, int):
            return None
        place = bisect_left(self._users, user_id)
        found = place < len(self._users) and self._users[place] == user_id
        return place if found else None

    def __iter__(self) -> Iterator[int]:
        return iter(self._users)

    def __len__(self) -> int:
        return len(self._users)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ByPerson):
            return self._users == other._users and list(self.values()) == list(other.values())
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self.items()))

    def items(self) -> ItemsView[int, V]:
        return _Items(self)

    def values(self) -> ValuesView[V]:
        return _Values(self)

    def each_value(self) -> Iterator[V]:
        """The values in the order of the ids, without looking any of them up."""
        if self._which is None:
            return iter(self._values * len(self._users))
        return map(self._values.__getitem__, self._which)


class _Items(ItemsView[int, V]):
    _mapping: Any

    def __iter__(self) -> Iterator[tuple[int, V]]:
        return zip(self._mapping, self._mapping.each_value(), strict=True)


class _Values(ValuesView[V]):
    _mapping: Any

    def __iter__(self) -> Iterator[V]:
        return cast("Iterator[V]", self._mapping.each_value())
