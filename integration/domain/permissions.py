"""The permissions of Rocket.Chat that the bot needs, and what fails without each. Pure.

Source: the server's permissions.ts (8.6).
"""

from dataclasses import dataclass

from integration.domain.messages import msg


@dataclass(frozen=True, slots=True)
class Permission:
    """`in_room`: an owner of a room may have it there, so the bot in the rooms it makes.

    `needed` False: without it the same is done more slowly.
    """

    name: str
    purpose: str
    in_room: bool = False
    needed: bool = True


CREATE_USER = Permission("create-user", msg("create accounts"))
EDIT_USER = Permission("edit-other-user-info", msg("change names and e-mail addresses"))
EDIT_ACTIVE = Permission("edit-other-user-active-status", msg("deactivate and reactivate accounts"))
CREATE_PRIVATE = Permission("create-p", msg("create private channels"))
CREATE_PUBLIC = Permission("create-c", msg("create public channels"))
ADD_MEMBERS = Permission("add-user-to-joined-room", msg("add members"), in_room=True)
REMOVE_MEMBERS = Permission("remove-user", msg("remove members"), in_room=True)
SET_MODERATOR = Permission("set-moderator", msg("set moderators"), in_room=True)
SET_OWNER = Permission("set-owner", msg("set owners"), in_room=True)
SET_LEADER = Permission("set-leader", msg("set leaders"), in_room=True)
EDIT_ROOM = Permission("edit-room", msg("rename channels and set their texts"), in_room=True)
ARCHIVE_ROOM = Permission("archive-room", msg("archive channels"), in_room=True)
UNARCHIVE_ROOM = Permission("unarchive-room", msg("unarchive channels"), in_room=True)
"""By default administrators alone have it; a site may grant it to owners."""

RUN_IMPORT = Permission("run-import", msg("create accounts in bulk"), needed=False)
VIEW_PUBLIC = Permission("view-c-room", msg("read members of public channels"))

READING = (
    Permission("view-d-room", msg("list accounts")),
    Permission("view-full-other-user-info", msg("see e-mail addresses, which identify people")),
    Permission("view-room-administration", msg("list all channels")),
)
"""What reading takes, whatever is changed afterwards. Of rooms that it is in, the bot sees the
members without any (taken away one at a time on 8.6.1)."""
