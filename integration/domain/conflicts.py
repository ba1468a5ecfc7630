"""What a plan leaves to a person, and what it leaves alone. Values only."""

from dataclasses import dataclass
from enum import StrEnum


class ConflictKind(StrEnum):
    EMAIL_MISSING = "email_missing"  # Rocket.Chat needs an address, Moodle has none
    EMAIL_SHARED = "email_shared"  # several Moodle people have this address
    EMAIL_TAKEN = "email_taken"  # the address belongs to an account that is not this person's
    USERNAME_TAKEN = "username_taken"  # an unmanaged account of that name has another address
    ACCOUNT_INACTIVE = "account_inactive"  # deactivated in Rocket.Chat, and not by rcsync
    CHANNEL_NAME_TAKEN = "channel_name_taken"  # a room of that name is not ours


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something only a person can decide. Identity: kind and the Moodle id.

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
