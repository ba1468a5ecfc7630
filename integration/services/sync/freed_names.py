"""Names that managed channels give up in a plan, and who may have them. Pure.

Two groups that swap their names, or a new course that takes over a short name: whoever has the name
gives it up first (FreeName), the other channel gets it, and the first gets its new name last.
"""

from collections.abc import Mapping, Sequence

from integration.domain.messages import msg
from integration.domain.operations import ChannelRef, FreeName
from integration.domain.policy import Policy
from integration.domain.state import Ending, Managed, RemoteChannel, RemoteState, Scope
from integration.services.sync.desired import Desired
from integration.services.sync.marks import is_foreign

Rooms = Mapping[str, Sequence[RemoteChannel]]


class FreedNames:
    """`by_name` maps every name of a room, in small letters, to the rooms that have it."""

    def __init__(
        self,
        desired: Desired,
        remote: RemoteState,
        managed: Managed,
        policy: Policy,
        by_name: Rooms,
        scope: Scope,
    ) -> None:
        self._by_name = by_name
        self._wanted_by: dict[str, str] = {}  # room id -> the name that it is going to get
        self._refs: dict[str, ChannelRef] = {}
        self._asked: set[str] = set()  # rooms whose name somebody gets
        if not policy.follow_renames:
            return
        for group_id, wanted in desired.channels.items():
            link = managed.channels.get(group_id)
            room = remote.channels.get(link.room_id) if link else None
            if link is None or room is None or not scope.has_channel(group_id):
                continue
            if wanted.name.casefold() in room.names:
                continue
            if is_foreign(room, managed.installation):
                continue
            if not room.archived or link.ended is Ending.ARCHIVE:
                ids = (group_id, wanted.course_id)
                self._wanted_by[room.room_id] = wanted.name
                self._refs[room.room_id] = ChannelRef(*ids, "", room.room_id, room.private)
        self._drop_those_who_cannot()

    def _drop_those_who_cannot(self) -> None:
        """Who gets no new name keeps the old one, and may so be in the way of others."""
        dropped = True
        while dropped:
            stay = [
                room_id for room_id, name in self._wanted_by.items() if self._keepers(name, room_id)
            ]
            dropped = bool(stay)
            for room_id in stay:
                del self._wanted_by[room_id]

    def _keepers(self, name: str, for_room: str) -> list[RemoteChannel]:
        return [
            room
            for room in self._by_name.get(name.casefold(), ())
            if room.room_id != for_room and room.room_id not in self._wanted_by
        ]

    def in_the_way(self, name: str, for_room: str = "") -> list[RemoteChannel]:
        """Rooms that have the name and keep it. Those who do not are told to give it up."""
        keepers = self._keepers(name, for_room)
        if not keepers:
            holders = {room.room_id for room in self._by_name.get(name.casefold(), ())}
            self._asked |= holders - {for_room}
        return keepers

    def operations(self) -> list[FreeName]:
        """One for each channel whose name another one gets."""
        return [
            FreeName(_for_now(self._refs[room_id]), self._old_name(room_id), reason=WHY)
            for room_id in sorted(self._asked)
        ]

    def _old_name(self, room_id: str) -> str:
        rooms = (room for some in self._by_name.values() for room in some)
        return next(room.name for room in rooms if room.room_id == room_id)


WHY = msg("another channel takes its name in the same run")


def _for_now(ref: ChannelRef) -> ChannelRef:
    """No name that `names.unique` gives, so that it is not taken for a name that was given."""
    return ChannelRef(
        ref.group_id, ref.course_id, f"moving-{ref.group_id}", ref.room_id, ref.private
    )
