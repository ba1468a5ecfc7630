"""Which permission of Rocket.Chat each endpoint needs, and how to say so.

Source: the server's permissions.ts (8.6). The room role `owner`, which the bot has in every room it
makes, carries the permissions of a room.
"""

import re

from integration.domain.messages import counted, msg

WHERE = msg("in Rocket.Chat under Administration > Workspace > Permissions")
OWN_ROOM = msg("or make the bot an owner of that channel")

_GLOBAL = {
    "users.create": "create-user",
    "users.update": "edit-other-user-info",
    "users.setActiveStatus": "edit-other-user-active-status",
    "users.list": "view-d-room",
    "users.listByStatus": "view-d-room",
    "users.info": "view-full-other-user-info",
    "users.getPersonalAccessTokens": "create-personal-access-tokens",
    "channels.create": "create-c",
    "groups.create": "create-p",
    "rooms.adminRooms": "view-room-administration",
}
_IN_ROOM = {
    "invite": "add-user-to-joined-room",
    "kick": "remove-user",
    "addOwner": "set-owner",
    "removeOwner": "set-owner",
    "addModerator": "set-moderator",
    "removeModerator": "set-moderator",
    "addLeader": "set-leader",
    "removeLeader": "set-leader",
    "saveRoomSettings": "edit-room",
    "changeArchivationState": "archive-room",
    "members": "view-p-room",
    "roles": "view-p-room",
    "membersOrderedByRole": "view-p-room",
}


def permission_hint(endpoint: str) -> str:
    """What to grant when "POST users.create" was refused."""
    path = endpoint.rpartition(" ")[2]
    if permission := _GLOBAL.get(path):
        return grant(permission)
    if path.startswith("settings/"):
        return grant("view-privileged-setting")
    last = re.split(r"[./]", path)[-1]
    if last == "changeArchivationState":
        return msg(
            'Grant a role of the bot "archive-room" and "unarchive-room" {where}, {owner}.',
            where=WHERE,
            owner=OWN_ROOM,
        )
    if permission := _IN_ROOM.get(last):
        return msg(
            'Grant a role of the bot the permission "{name}" {where}, {owner}.',
            name=permission,
            where=WHERE,
            owner=OWN_ROOM,
        )
    return msg(
        "Look up which permission this call needs {where}, or run ./rcsync doctor.", where=WHERE
    )


def grant(*permissions: str) -> str:
    names = ", ".join(f'"{name}"' for name in permissions)
    return counted(
        "Grant a role of the bot the permission {names} {where}.",
        "Grant a role of the bot the permissions {names} {where}.",
        len(permissions),
        names=names,
        where=WHERE,
    )
