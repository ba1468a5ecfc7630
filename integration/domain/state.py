"""The nouns of the sync: what Moodle says, what Rocket.Chat has, what rcsync manages, what should
be.

Values only: frozen, compared by content, free of Django and of I/O. Mass rows (one per person,
enrolment or account) are named tuples because a large site has hundreds of thousands of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from integration.domain.conflicts import Conflict
from integration.domain.identities import CourseIdentity, GroupIdentity, PersonIdentity
from integration.domain.left_out import LeftOut
from integration.domain.room_texts import RoomTexts
from integration.domain.scope import EVERYTHING as EVERYTHING  # noqa: PLC0414  # one of the nouns
from integration.domain.scope import Scope as Scope  # noqa: PLC0414  # the same


class RoomRole(StrEnum):
    """What a person is in a channel. Rocket.Chat knows owner, moderator and leader; a member has
    none.
    """

    MEMBER = "member"
    LEADER = "leader"
    MODERATOR = "moderator"
    OWNER = "owner"


ROLE_STRENGTH = {role: strength for strength, role in enumerate(RoomRole)}
"""Of several roles the strongest counts: owner over moderator over leader over member."""


# --- Moodle ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Course:
    """A row of mdl_course. `context_ids` are those whose roles count; both go from the top down."""

    course_id: int
    shortname: str
    fullname: str
    visible: bool
    category_visible: bool
    enddate: int  # unix seconds, 0 = open end
    context_ids: tuple[int, ...]
    timecreated: int = 0
    idnumber: str = ""
    categories: tuple[int, ...] = ()
    startdate: int = 0  # unix seconds, 0 = not known


@dataclass(frozen=True, slots=True)
class Group:
    """A row of mdl_groups. `visibility`: 0 all, 1 members, 2 own, 3 none (who may see its member
    list).
    """

    group_id: int
    course_id: int
    name: str
    visibility: int
    timecreated: int = 0
    idnumber: str = ""

    @property
    def of_course(self) -> bool:
        """Whether it stands for a whole course, of which Moodle has no row (course_groups.py)."""
        return self.group_id < 0


class Person(NamedTuple):
    """A row of mdl_user. The username is unique in its MNet host only, the e-mail not at all."""

    user_id: int
    username: str
    email: str
    firstname: str
    lastname: str
    auth: str
    confirmed: bool
    suspended: bool
    deleted: bool
    guest: bool  # mdl_config siteguest
    auth_removed: bool = False  # this version of Moodle no longer has the authentication method
    shown: str = ""  # the name as the site shows it, where that is not "firstname lastname"
    timecreated: int = 0
    idnumber: str = ""

    @property
    def name(self) -> str:
        return self.shown or f"{self.firstname} {self.lastname}".strip() or self.username


class Enrolment(NamedTuple):
    """What a row of mdl_user_enrolments and its method (mdl_enrol) say: one value for all of whom
    they say the same. Status 0 = active, 1 = suspended/disabled.

    `timestart` and `timeend` are unix seconds; a `timeend` of 0 means for ever. A `timestart` of 0
    has passed: the moment itself is kept only in a reading about single people or courses.
    """

    method: str
    status: int
    method_status: int
    timestart: int
    timeend: int


@dataclass(frozen=True, slots=True)
class MoodleState:
    """One complete reading of a scope. That it exists means that every query of it succeeded.

    For everybody in `people` the enrolments in ALL integrated courses are here, whatever the scope;
    groups and their members are here for the courses of the scope. An integrated course that is not
    in `courses` does not exist in Moodle any more.
    """

    read_at: int  # unix seconds; the clock by which enrolment windows are judged
    integrated: frozenset[int]  # course ids
    courses: Mapping[int, Course]
    groups: Mapping[int, Group]
    group_members: Mapping[int, tuple[int, ...]]  # group id -> user ids, as in mdl_groups_members
    people: Mapping[int, Person]
    enrolments: Mapping[int, Mapping[int, tuple[Enrolment, ...]]]  # course id -> user id -> rows
    roles: Mapping[int, Mapping[int, tuple[int, ...]]]  # context id -> user id -> role ids
    role_names: Mapping[int, str]  # role id -> shortname, every role of the site
    default_role_id: int | None = None  # mdl_config defaultuserroleid: everybody's, without a row
    language: str = "en"  # mdl_config lang: the site's own
    time_zone: str = "UTC"  # TIME_ZONE of rcsync: in which days are said


# --- Rocket.Chat ----------------------------------------------------------------------------------


class RemoteAccount(NamedTuple):
    """A Rocket.Chat user. `kind` is Rocket.Chat's `type` (user, bot, app).

    `emails` are lower-cased. `verified`: the first of them was proved to be the person's, by a mail
    or by an administrator; anybody may claim an address that is not.
    """

    account_id: str
    username: str
    name: str
    emails: tuple[str, ...]
    active: bool
    roles: tuple[str, ...]
    kind: str
    verified: bool = False


class Mark(NamedTuple):
    """What rcsync leaves in the custom fields of a room that it makes, as it was read.

    `installation` is the id of the rcsync database that made it, "" in rooms made before marks held
    it.
    """

    group_id: int
    course_id: int | None = None
    installation: str = ""


@dataclass(frozen=True, slots=True)
class RemoteChannel:
    """A Rocket.Chat room of type c or p.

    `name` is what people see (fname where the server has one). `users_count` counts every member,
    the bot and deactivated accounts too. `members` is None when the list was not read; when it was,
    it holds active accounts only (older servers also list deactivated ones). `roles` likewise (None
    = not read). `mark` is looked up where a channel without a link has a wanted name; servers from
    8.7 on list it for every room.
    `slug` is the name by which the server tells rooms apart, "" where it is `name`. `team`: the
    main room of a team. `unreadable` says why the bot could not look into the room, `bot_outside`
    that it is not in it.
    """

    room_id: str
    name: str
    private: bool
    users_count: int | None  # None: the server does not say, or says what cannot be a count
    archived: bool
    read_only: bool
    topic: str
    creator_id: str
    mark: Mark | None = None
    members: frozenset[str] | None = None  # account ids
    roles: Mapping[str, RoomRole] | None = None  # by account id, of members who have one
    slug: str = ""
    team: bool = False
    unreadable: str = ""
    bot_outside: bool = False
    description: str = ""
    announcement: str = ""

    @property
    def texts(self) -> RoomTexts:
        return RoomTexts(self.topic, self.description, self.announcement)

    @property
    def moodle_group(self) -> int | None:
        """Of the mark, whoever made it."""
        return self.mark.group_id if self.mark else None

    @property
    def names(self) -> frozenset[str]:
        """Both names, without regard to case: no other room may have either."""
        return frozenset(name.casefold() for name in (self.name, self.slug) if name)


@dataclass(frozen=True, slots=True)
class NameRules:
    """What the server accepts as names. Patterns are the bodies of anchored expressions, as the
    server has them.
    """

    username_pattern: str = "[0-9a-zA-Z-_.]+"
    channel_pattern: str = "[0-9a-zA-Z-_.]+"
    free_channel_names: bool = False  # UI_Allow_room_names_with_special_chars
    reserved: frozenset[str] = frozenset(
        {"all", "here", "admin", "administrator", "system", "user"}
    )
    topic_at_creation: bool = True  # else a topic would cost one more request per channel
    all_texts_listed: bool = True  # else nobody knows what description and announcement are


@dataclass(frozen=True, slots=True)
class RemoteState:
    """One complete reading of Rocket.Chat, as far as the scope needs it.

    `not_understood` are rows that are there and cannot be read: their id (or a part of the row),
    and what is wrong with it. Nothing is done about them.
    """

    bot_id: str
    accounts: Mapping[str, RemoteAccount]  # by account id
    channels: Mapping[str, RemoteChannel]  # by room id
    not_understood: Mapping[str, str] = field(default_factory=dict)
    server_id: str = ""  # the workspace's own id, "" where it does not tell
    banned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Room id -> banned accounts, of the rooms that were asked for and told."""


# --- What rcsync manages --------------------------------------------------------------------------


class ManagedAccount(NamedTuple):
    """A stored pair of ids. `created`: rcsync made the account; `deactivated`: rcsync switched it
    off. `known_…` is what the person was known by in Moodle.
    """

    user_id: int
    account_id: str
    username: str
    created: bool
    deactivated: bool = False
    mail_due: bool = False  # the mail to set a password was not asked for yet
    address_only: bool = False  # adopted by its address alone, which is never changed therefore
    known_timecreated: int | None = None  # unix seconds; None: linked before it was stored
    known_username: str = ""
    known_email: str = ""
    known_idnumber: str = ""

    @property
    def identity(self) -> PersonIdentity | None:
        """None: linked before identities were stored."""
        if self.known_timecreated is None:
            return None
        return PersonIdentity(
            self.known_timecreated, self.known_username, self.known_email, self.known_idnumber
        )


class Ending(StrEnum):
    """What becomes of a channel whose reason to exist is gone.

    Deleting is not among the choices.
    """

    KEEP = "keep"
    READ_ONLY = "read_only"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class ManagedChannel:
    """A stored pair of ids. `topic`, `description` and `announcement` are the last ones we set,
    `users_count` the server's count after our last look.

    `users_count` None = not known, so the members have to be read. `ended` is what rcsync did when
    the channel's reason to exist went away; only that is taken back when the reason returns.
    """

    group_id: int
    course_id: int
    room_id: str
    name: str
    topic: str
    users_count: int | None
    ended: Ending | None = None
    identity: GroupIdentity | None = None  # None: linked before identities were stored
    description: str = ""
    announcement: str = ""

    @property
    def texts(self) -> RoomTexts:
        return RoomTexts(self.topic, self.description, self.announcement)


class ManagedMember(NamedTuple):
    """A person in a managed channel. `ours` False = was there by hand before: known, but never
    removed. `missing`: the last list of members did not have them, and no second one agreed yet.
    """

    role: RoomRole
    ours: bool
    missing: bool = False


class AskedAccount(NamedTuple):
    """What makes an account that was asked for recognisable."""

    username: str
    email: str

    def is_(self, account: RemoteAccount) -> bool:
        return (
            account.username.lower() == self.username.lower()
            and self.email.lower() in account.emails
        )


@dataclass(frozen=True, slots=True)
class SiteCounts:
    """How much is managed on the whole site. `memberships` are ours."""

    accounts: int
    channels: int
    memberships: int = 0


@dataclass(frozen=True, slots=True)
class Managed:
    """The ledger: everything rcsync made or was told to take over, and what a person decided.

    `unfinished_*` name work whose outcome is not known because the process died, or no answer came:
    if it took effect, it is ours.
    """

    accounts: Mapping[int, ManagedAccount] = field(default_factory=dict)  # by user id
    channels: Mapping[int, ManagedChannel] = field(default_factory=dict)  # by group id
    members: Mapping[int, Mapping[int, ManagedMember]] = field(
        default_factory=dict
    )  # group -> user
    courses: Mapping[int, CourseIdentity] = field(default_factory=dict)  # by course id
    server_id: str = ""  # of the Rocket.Chat that all links are about, "" before the first run
    installation: str = ""  # of this database, in the marks of our rooms
    sizes: Mapping[int, Any] = field(default_factory=dict)  # course id -> Size at the last good run
    pending: Mapping[str, int] = field(default_factory=dict)  # what has days of grace -> since when
    removed_lately: Mapping[str, int] = field(default_factory=dict)  # What -> number in 24 hours
    site: SiteCounts | None = None
    """Of a part of the ledger: how much there is besides. None: the mappings are all there is."""
    ours_in: Mapping[int, int] | None = None
    """Course id -> memberships of ours there, whatever the scope; None: as `members`."""
    left_rooms: Mapping[int, Conflict] = field(default_factory=dict)
    """Group id -> a room of the Moodle plugin that is a person's to decide about."""
    unfinished_accounts: Mapping[int, frozenset[AskedAccount]] = field(default_factory=dict)
    """User id -> accounts being made, as they were asked for."""
    left_out: Mapping[tuple[int, int], LeftOut] = field(default_factory=dict)  # (group id, user id)
    not_made: Mapping[int, LeftOut] = field(default_factory=dict)  # group id: its channel
    unfinished_removals: frozenset[tuple[int, int]] = frozenset()  # (group id, user id)
    unconfirmed: tuple[Any, ...] = ()  # operations.Unconfirmed, oldest first
    unfinished_members: frozenset[tuple[int, int]] = frozenset()  # (group id, user id): being added
    unfinished_changes: frozenset[tuple[str, int]] = frozenset()  # (kind, group or user id)
    unfinished_texts: frozenset[tuple[int, str]] = frozenset()  # (group id, one of TEXTS)

    @property
    def counts(self) -> SiteCounts:
        """Of the whole site; `memberships` only where `site` says them."""
        return self.site or SiteCounts(len(self.accounts), len(self.channels))
