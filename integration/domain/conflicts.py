"""What a plan leaves to a person, and what it leaves alone. Values only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from integration.domain.messages import joined


class ConflictKind(StrEnum):
    EMAIL_MISSING = "email_missing"  # Rocket.Chat needs an address, Moodle has none
    EMAIL_SHARED = "email_shared"  # several Moodle people have this address
    EMAIL_TAKEN = "email_taken"  # the address belongs to an account that is not this person's
    USERNAME_TAKEN = "username_taken"  # an unmanaged account of that name has another address
    ACCOUNT_INACTIVE = "account_inactive"  # deactivated in Rocket.Chat, and not by rcsync
    CHANNEL_NAME_TAKEN = "channel_name_taken"  # a room of that name is not ours
    PERSON_CHANGED = "person_changed"  # a Moodle user id now means somebody else
    GROUP_CHANGED = "group_changed"  # a Moodle group id now means another group
    COURSE_CHANGED = "course_changed"  # a Moodle course id now means another course
    PERSON_RECREATED = "person_recreated"  # the account is that of a Moodle row that is gone
    EMAIL_UNVERIFIED = "email_unverified"  # the account's address is not verified
    FOREIGN_MARK = "foreign_mark"  # the room belongs to another installation of rcsync
    CHANNEL_PUBLIC = "channel_public"  # it was made public, and the settings say private
    CHANNEL_IS_TEAM = "channel_is_team"  # it was turned into the main room of a team
    BOT_OUTSIDE = "bot_outside"  # somebody put the bot out of the channel
    MEMBERS_UNREADABLE = "members_unreadable"  # the list of members cannot be read
    NOT_KEPT = "not_kept"  # yes is said to a change, and it is undone each time
    PLUGIN_ROOM = "plugin_room"  # a room of local_rocketchat that was not taken over
    NEEDS_ATTRIBUTES = "needs_attributes"  # the server makes no room without attributes (ABAC)
    NOT_UNDERSTOOD = "not_understood"  # the server's answer about it makes no sense


# Kind, and of Moodle user id, group id and course id the one that it is about.
ConflictKey = tuple[str, int | None, int | None, int | None]

DRIFT = frozenset(
    {
        ConflictKind.CHANNEL_PUBLIC,
        ConflictKind.CHANNEL_IS_TEAM,
        ConflictKind.BOT_OUTSIDE,
        ConflictKind.MEMBERS_UNREADABLE,
        ConflictKind.NOT_KEPT,
        ConflictKind.NOT_UNDERSTOOD,
    }
)
"""What is managed and has changed in Rocket.Chat so that rcsync cannot keep it. A look that finds
it repaired closes the conflict."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something only a person can decide. Identity: kind and the Moodle id, of which there is one.

    `moodle_side` and `rocketchat_side` name both sides in words, `advice` the ways out. `remote_id`
    is the account or room on the other side, "" when there is none.
    """

    kind: ConflictKind
    user_id: int | None
    group_id: int | None
    moodle_side: str
    rocketchat_side: str
    remote_id: str
    advice: str
    course_id: int | None = None

    @property
    def key(self) -> ConflictKey:
        return self.kind.value, self.user_id, self.group_id, self.course_id


def one_of_each(conflicts: Iterable[Conflict]) -> Iterator[Conflict]:
    """One for each key, in the order of their keys. Several of one kind about the same thing (a
    name and a topic that are not kept) become one that says all.
    """
    by_key: dict[ConflictKey, list[Conflict]] = {}
    for conflict in conflicts:
        by_key.setdefault(conflict.key, []).append(conflict)
    for key in sorted(by_key, key=lambda key: (key[0], *(number or 0 for number in key[1:]))):
        same = by_key[key]
        sides = dict.fromkeys(one.rocketchat_side for one in same)
        yield replace(same[0], rocketchat_side=joined("; ", sides)) if len(sides) > 1 else same[0]


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that was left as it is, and why. No failure.

    `needs_course`: a run for the whole course can do what this one, for a person, could not.
    `differs`: because of it the course is not as Moodle asks.
    """

    subject: str
    reason: str
    course_id: int | None = None
    needs_course: bool = False
    differs: bool = True
