"""Renames of channels that the limits count, and what waits while they wait for a person. Pure."""

from collections.abc import Collection

from integration.domain.operations import (
    AdoptChannel,
    CreateChannel,
    FreeName,
    Operation,
    RenameChannel,
)
from integration.services.sync.plan import Plan


def renames_of(plan: Plan) -> list[RenameChannel]:
    """Channels that lose the name under which people know them: not those that are found in this
    run, and no step on the way of another rename.
    """
    found = {one.group_id for one in plan.operations if isinstance(one, AdoptChannel)}
    return [
        one
        for one in plan.operations
        if isinstance(one, RenameChannel)
        and not isinstance(one, FreeName)
        and one.group_id not in found
        and one.name != one.old_name
    ]


def held_renames(plan: Plan, approved: Collection[str]) -> frozenset[Operation]:
    """The renames that nobody approved, and what cannot be done without them.

    A name that such a channel keeps is given to no other: the rename or the new channel that would
    get it waits too. A name is given up for a while only by a channel whose own rename goes on.
    """
    renames = renames_of(plan)
    held = {one.group_id: one for one in renames if one.key not in approved}
    while True:
        kept = {one.old_name.casefold() for one in held.values()}
        more = [one for one in renames if one.group_id not in held and one.name.casefold() in kept]
        if not more:
            break
        held |= {one.group_id: one for one in more}
    unmade = {
        one.group_id
        for one in plan.operations
        if isinstance(one, CreateChannel) and one.name.casefold() in kept
    }
    return frozenset(
        one
        for one in plan.operations
        if one.about.group_id in unmade or (isinstance(one, RenameChannel) and one.group_id in held)
    )
