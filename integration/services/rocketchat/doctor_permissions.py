"""Which permissions the bot has of those that the settings can need."""

from collections.abc import Iterator, Mapping

from integration.domain.checks import Check, CheckStatus
from integration.domain.course_policies import variants
from integration.domain.messages import msg
from integration.domain.operations import permissions
from integration.domain.permissions import READING, RUN_IMPORT, VIEW_PUBLIC, Permission
from integration.domain.policy import Policy
from integration.services.rocketchat.answers import Json, objects, text, texts
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.permissions import WHERE, grant

Granted = Mapping[str, frozenset[str]]  # permission -> the roles that have it
OLD_SERVER = msg("Update Rocket.Chat if the call fails; then look {where}.", where=WHERE)


def needed_permissions(policy: Policy, *, bulk_import: bool = False) -> tuple[Permission, ...]:
    """What the calls take that the settings can lead to: reading, and every possible operation."""
    possible = list(variants(policy))
    public = () if all(one.private_channels for one in possible) else (VIEW_PUBLIC,)
    importing = (RUN_IMPORT,) if bulk_import else ()
    every = dict.fromkeys(needed for one in possible for needed in permissions(one))
    return (*READING, *public, *every, *importing)


def granted_to_all(client: RocketChat) -> Granted:
    """The server's own table; nothing is tried out."""
    where = "GET permissions.listAll"
    rows = objects(client.get("permissions.listAll", slow=True), "update", where)
    return {text(row, "_id", where): frozenset(texts(row, "roles", where)) for row in rows}


def permission_checks(
    granted: Granted, me: Json, policy: Policy, *, bulk_import: bool = False
) -> Iterator[Check]:
    """One line for each permission."""
    roles = frozenset(texts(me, "roles", "GET me"))
    for permission in needed_permissions(policy, bulk_import=bulk_import):
        yield _check(permission, granted.get(permission.name), roles)


def _check(permission: Permission, granted: frozenset[str] | None, roles: frozenset[str]) -> Check:
    name, purpose = msg("Permission {name}", name=permission.name), permission.purpose
    if granted is None:
        found = msg("the server does not know it; needed to {purpose}", purpose=purpose)
        return Check(name, CheckStatus.WARNING, found, OLD_SERVER)
    if holders := sorted(roles & granted):
        who = ", ".join(holders)
        found = msg("granted to {roles}; allows rcsync to {purpose}", roles=who, purpose=purpose)
        return Check(name, CheckStatus.OK, found)
    if permission.in_room and "owner" in granted:
        found = msg("as owner of its channels; allows rcsync to {purpose}", purpose=purpose)
        return Check(name, CheckStatus.OK, found)
    if permission.needed:
        found = msg("missing; rcsync cannot {purpose}", purpose=purpose)
        return Check(name, CheckStatus.FAILED, found, grant(permission.name))
    found = msg("missing; without it rcsync works, but does not {purpose}", purpose=purpose)
    return Check(name, CheckStatus.WARNING, found, grant(permission.name))
