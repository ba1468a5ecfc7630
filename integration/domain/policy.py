"""What the administrator decided, as one value. Pure: the ledger reads it from our tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import NamedTuple

from integration.domain.levels import OwnSettings
from integration.domain.patterns import Pattern
from integration.domain.room_texts import RoomTexts
from integration.domain.state import Ending, RoomRole


class AccountsFor(StrEnum):
    """Who gets a Rocket.Chat account."""

    CHANNEL_MEMBERS = "channel_members"  # people who are in at least one channel
    ENROLLED = "enrolled"  # everybody who is enrolled with an included role, in a channel or not


class MissingAccounts(StrEnum):
    """What happens to somebody who has no Rocket.Chat account yet."""

    CREATE = "create"
    LINK_ONLY = (
        "link_only"  # accounts come from elsewhere (LDAP, single sign-on): only channels are kept
    )


class Deactivation(StrEnum):
    """When an account that rcsync made is deactivated."""

    NEVER = "never"
    MOODLE_ACCOUNT = "moodle_account"  # when Moodle suspends or deletes the person
    ENROLMENT = "enrolment"  # also when no integrated course has an active enrolment of the person


class Cause(StrEnum):
    """Why somebody who is still in the group should not be in its channel any more."""

    SUSPENDED = (
        "suspended"  # in Moodle as a whole; also unconfirmed people and those who may not log in
    )
    DELETED = "deleted"
    UNENROLLED = "unenrolled"  # no enrolment in the course counts any more
    ROLE_LOST = "role_lost"  # no included role


class Removal(StrEnum):
    """What the limits count: what can be taken away, and channels that get another name."""

    MEMBERSHIPS = "memberships"
    ACCOUNTS = "accounts"
    CHANNELS = "channels"
    RENAMES = "renames"


class Window(StrEnum):
    """Within what a limit counts."""

    RUN = "run"
    COURSE = "course"
    DAY = "day"


class Limit(NamedTuple):
    """The most that may go: a share of what is managed, and a number. None: no limit of that
    kind.
    """

    percent: int | None
    absolute: int | None


COURSE_PERCENT = 75  # a course may change more at once than the whole site
DAY_PERCENT = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may take away before a person is asked.

    A limit in percent is passed when more than that of what rcsync manages would go, and at least
    `from_count` of it. `percent` is for one run; `special` is what the administrator set instead.
    `additions_go_on`: what gives is done while what takes waits. A Moodle that shrinks by more than
    `shrink_percent` from one run to the next is not believed, from `shrink_from` rows up. More than
    `unexplained_percent` of the memberships must not vanish without an entry in Moodle's log.
    """

    percent: int = 30
    from_count: int = 5
    special: Mapping[tuple[Removal, Window], Limit] = field(default_factory=dict)
    additions_go_on: bool = False
    unexplained_percent: int = 10
    shrink_percent: int = 50
    shrink_from: int = 20

    def of(self, what: Removal, span: Window) -> Limit:
        if (what, span) in self.special:
            return self.special[what, span]
        if what is Removal.RENAMES and span is not Window.RUN:
            return Limit(None, None)  # courses and groups are renamed, and renamed again
        usual = {Window.RUN: self.percent, Window.COURSE: COURSE_PERCENT, Window.DAY: DAY_PERCENT}
        return Limit(max(usual[span], self.percent), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a plan depends on besides Moodle, Rocket.Chat and the ledger.

    What is said here holds for the site, or for one course where `course_policies` gave it.
    """

    patterns: tuple[Pattern, ...] = ()
    roles: Mapping[int, RoomRole] = field(
        default_factory=dict
    )  # included Moodle role id -> channel role
    name_template: str = "{course}-{group}"
    topic_template: str = "{group} · {course_fullname}"
    description_template: str = ""  # "": the description is left alone
    announcement_template: str = ""
    whole_course: bool = False  # each course also has a channel for everybody in it
    course_name_template: str = "{course}"  # of that channel
    private_channels: bool = True
    empty_channels: bool = True
    hidden_member_lists: bool = (
        False  # also groups whose member list Moodle hides (visibility 2 and 3)
    )
    follow_renames: bool = True
    plain_names: bool = True  # one language of multilang names, and no HTML entities
    accounts_for: AccountsFor = AccountsFor.CHANNEL_MEMBERS
    missing_accounts: MissingAccounts = MissingAccounts.CREATE
    update_adopted_accounts: bool = False
    password_mail: bool = False  # a link to set a password, for accounts that rcsync makes
    adopt_channels: bool = False  # take over a room of the wanted name that our own account created
    deactivation: Deactivation = Deactivation.ENROLMENT
    deactivate_adopted: bool = False
    respect_leavers: bool = False  # do not add people back who left a channel by themselves
    protected_usernames: frozenset[str] = frozenset()  # lower case; never deactivated or removed
    on_group_deleted: Ending = Ending.ARCHIVE
    on_pattern_unmatched: Ending = Ending.KEEP
    on_group_hidden: Ending = Ending.ARCHIVE  # Moodle hides its member list since
    on_course_hidden: Ending | None = None  # None: go on as before
    on_course_deleted: Ending = Ending.ARCHIVE
    on_course_ended: Ending | None = None  # its end date is past
    on_course_not_begun: Ending | None = None  # its start date is to come; READ_ONLY or None
    on_category_hidden: Ending | None = None
    on_course_removed: Ending = Ending.KEEP  # it is not integrated any more
    members_kept: frozenset[Cause] = frozenset()  # causes that remove nobody from a channel
    accounts_kept: frozenset[Cause] = frozenset({Cause.ROLE_LOST})  # that deactivate no account
    grace_members: int = 0  # days
    grace_accounts: int = 0
    grace_channels: int = 0
    limits: Limits = Limits()
    own: tuple[OwnSettings, ...] = ()  # of categories and courses; course_policies.py resolves them

    @property
    def text_templates(self) -> RoomTexts:
        return RoomTexts(self.topic_template, self.description_template, self.announcement_template)

    @property
    def endings(self) -> frozenset[Ending]:
        """What may become of a channel under this policy."""
        names = (one.name for one in fields(self) if one.name.startswith("on_"))
        chosen = (getattr(self, name) for name in names)
        return frozenset(ending for ending in chosen if ending is not None)

    @property
    def deactivates_without_role(self) -> bool:
        """Whether an enrolment alone does not keep an account active."""
        return (
            self.deactivation is Deactivation.ENROLMENT
            and Cause.ROLE_LOST not in self.accounts_kept
            and (bool(self.roles) or any(own.values.get("roles") for own in self.own))
        )
