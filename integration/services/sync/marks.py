"""What the mark in a room's custom fields says of whose it is. Pure."""

from integration.domain.conflicts import Conflict, ConflictKind
from integration.domain.messages import msg
from integration.domain.state import Mark, RemoteChannel
from integration.services.sync.desired import DesiredChannel


def is_whole(room: RemoteChannel, group_id: int, installation: str) -> bool:
    """Whether this installation made the room for that group."""
    mark = room.mark
    return mark is not None and (mark.group_id, mark.installation) == (group_id, installation)


def is_half(room: RemoteChannel, wanted: DesiredChannel) -> bool:
    """Whether the room was made for that group before marks held the installation.

    Such a room is taken over once, under four conditions: our own account created it; its mark
    names this group and its course; it is not linked to another group; the group has no other
    room. Its mark is completed then, so that no other installation takes it.
    """
    mark = room.mark
    return (
        mark is not None
        and not mark.installation
        and mark.group_id == wanted.group_id
        and mark.course_id in (None, wanted.course_id)
    )


def is_foreign(room: RemoteChannel, installation: str) -> bool:
    """Whether another installation of rcsync made the room."""
    return room.mark is not None and room.mark.installation not in ("", installation)


def foreign_mark(group_id: int, wanted: str, room: RemoteChannel) -> Conflict:
    """`wanted` says in words what the group is to have."""
    mark = room.mark or Mark(0)
    return Conflict(
        ConflictKind.FOREIGN_MARK,
        None,
        group_id,
        wanted,
        msg(
            "room {name} carries the mark of installation {installation}, group {group}",
            name=room.name,
            installation=mark.installation,
            group=mark.group_id,
        ),
        room.room_id,
        msg(
            "Another installation of rcsync made this room: nothing is done with it. Give this "
            "installation other names (naming template), rename the room, or, where this "
            "installation takes the other's place, see ./rcsync claim."
        ),
    )
