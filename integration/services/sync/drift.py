"""What changed in Rocket.Chat so that a channel cannot be kept as it should be. Pure.

Each is a conflict of its own, so that it is said once, on the course, in the inbox and in the
digest, and is closed by the look that finds it repaired.
"""

from collections.abc import Iterator

from integration.domain.conflicts import Conflict, ConflictKind
from integration.domain.messages import msg
from integration.domain.policy import Policy
from integration.domain.state import RemoteChannel, RemoteState


def found(
    group_id: int, why: str, room: RemoteChannel, remote: RemoteState, policy: Policy
) -> Iterator[Conflict]:
    """`why` the group is to have a channel; `policy` is that of its course."""

    def conflict(kind: ConflictKind, what: str, advice: str) -> Conflict:
        return Conflict(kind, None, group_id, why, what, room.room_id, advice)

    if policy.private_channels and not room.private:
        yield conflict(
            ConflictKind.CHANNEL_PUBLIC,
            msg("{name} is public: everybody can read it and join", name=room.name),
            msg("Make it private in Rocket.Chat, or choose public channels in the settings."),
        )
    if room.team:
        yield conflict(
            ConflictKind.CHANNEL_IS_TEAM,
            msg("{name} was converted to a team", name=room.name),
            msg(
                "The members of the team's main room follow Moodle; those of its other "
                "rooms do not. Convert it back into a channel if that is not wanted."
            ),
        )
    if room.bot_outside or (room.members is not None and remote.bot_id not in room.members):
        yield conflict(
            ConflictKind.BOT_OUTSIDE,
            msg("the bot is not in {name} any more", name=room.name),
            msg("Add the bot again, as an owner. Until then, nobody can be added or removed."),
        )
    elif room.unreadable and not room.archived:
        yield conflict(
            ConflictKind.MEMBERS_UNREADABLE,
            msg("the members of {name} cannot be read: {why}", name=room.name, why=room.unreadable),
            msg("Until they can be read, only people whose state is known are added or removed."),
        )


def not_kept(group_id: int, why: str, room: RemoteChannel, value: str) -> Conflict:
    """Yes was said to it twice."""
    return Conflict(
        ConflictKind.NOT_KEPT,
        None,
        group_id,
        why,
        msg(
            "{name} was changed to {value} twice, but was changed back", name=room.name, value=value
        ),
        room.room_id,
        msg("Something in Rocket.Chat changes it back. It is sent again when Moodle changes it."),
    )


def needs_attributes(group_id: int, why: str, refusal: str) -> Conflict:
    """The room was not made."""
    return Conflict(
        ConflictKind.NEEDS_ATTRIBUTES,
        None,
        group_id,
        why,
        refusal,
        "",
        msg(
            "Make the channel with its attributes in Rocket.Chat and link it to the group, or end "
            "the policy for new rooms (ABAC). It is tried again once a day."
        ),
    )


def not_understood(group_id: int, why: str, room_id: str, problem: str) -> Conflict:
    return Conflict(
        ConflictKind.NOT_UNDERSTOOD,
        None,
        group_id,
        why,
        msg("the channel cannot be read, so it stays as it is: {why}", why=problem),
        room_id,
        msg("Correct the room in Rocket.Chat; the next run checks again."),
    )
