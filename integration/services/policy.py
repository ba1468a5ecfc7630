"""What the administrator decided, as one value. Pure: the ledger reads it from our tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from integration.services.patterns import Pattern
from integration.services.state import Ending, RoomRole


class AccountsFor(StrEnum):
    """Who gets a Rocket.Chat account."""

    CHANNEL_MEMBERS = "channel_members"  # people who are in at least one channel
    ENROLLED = "enrolled"  # everybody who is enrolled with an included role, in a channel or not


class MissingAccounts(StrEnum):
    """What happens to somebody who has no Rocket.Chat account yet."""

    CREATE = "create"
    LINK_ONLY = "link_only"  # accounts come from elsewhere (LDAP, single sign-on): only channels are kept


class Deactivation(StrEnum):
    """When an account that rcsync made is deactivated."""

    NEVER = "never"
    MOODLE_ACCOUNT = "moodle_account"  # when Moodle suspends or deletes the person
    ENROLMENT = "enrolment"  # also when no integrated course has an active enrolment of the person


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may take away before a person is asked.

    A limit is passed when more than `percent` of what rcsync manages in the scope would go, and at least
    `from_count` of it.
    """

    percent: int = 30
    from_count: int = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a plan depends on besides the two worlds and the ledger."""

    patterns: tuple[Pattern, ...] = ()
    roles: Mapping[int, RoomRole] = field(default_factory=dict)  # included Moodle role id -> channel role
    name_template: str = "{course}-{group}"
    topic_template: str = "{group} · {course_fullname}"
    private_channels: bool = True
    empty_channels: bool = True
    hidden_member_lists: bool = False  # also groups whose member list Moodle hides (visibility 2 and 3)
    follow_renames: bool = True
    accounts_for: AccountsFor = AccountsFor.CHANNEL_MEMBERS
    missing_accounts: MissingAccounts = MissingAccounts.CREATE
    update_adopted_accounts: bool = False
    adopt_channels: bool = False  # take over a room of the wanted name that our own account created
    deactivation: Deactivation = Deactivation.ENROLMENT
    deactivate_adopted: bool = False
    respect_leavers: bool = False  # do not add people back who left a channel by themselves
    protected_usernames: frozenset[str] = frozenset()  # lower case; never deactivated or removed
    on_group_deleted: Ending = Ending.ARCHIVE
    on_pattern_unmatched: Ending = Ending.KEEP
    on_course_hidden: Ending | None = None  # None: go on as before
    on_course_deleted: Ending = Ending.ARCHIVE
    limits: Limits = Limits()
