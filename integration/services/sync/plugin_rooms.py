"""Rooms, accounts and memberships of the Moodle plugin local_rocketchat: what is taken over. Pure.

The plugin kept no ids: a room was the one named like its group, an account the one named like the
local part of an address. Both are believed only where more than the name speaks for it:

- a room that our own account created, that is private, and whose name is that of one group alone;
- an account that its person logged in to from Moodle, or that has the same verified address.

Who is in such a room and belongs there was put there by the plugin, and is ours. Everybody else
stays until a person says that the plugin put them there.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from integration.domain.conflicts import Conflict, ConflictKind
from integration.domain.messages import msg
from integration.domain.plugin import PluginRows
from integration.domain.policy import Policy
from integration.domain.state import (
    Group,
    Managed,
    ManagedChannel,
    ManagedMember,
    MoodleState,
    NameRules,
    Person,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
    RoomRole,
)
from integration.services.sync.channel_names import channel_names
from integration.services.sync.claimable import Unclaimed
from integration.services.sync.desired import Desired, DesiredChannel
from integration.services.sync.protection import is_nobodys, is_protected


@dataclass(frozen=True, slots=True)
class WrongPerson:
    """Somebody in a room who should not be there. Identity: group and person."""

    group_id: int
    user_id: int
    channel: str
    username: str
    why: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class TakenAccount:
    """`address_only`: told by its address alone, under another username than Moodle's."""

    account: RemoteAccount
    address_only: bool = False


@dataclass(frozen=True, slots=True)
class Takeover:
    """By Moodle ids. `members`: group id -> user id -> membership.

    `left` are rooms that a person has to decide about; no second channel is made meanwhile.
    `new` are names of channels that the first sync makes, `outside` rooms that no pattern chooses.
    """

    rooms: Mapping[int, RemoteChannel] = field(default_factory=dict)
    course_of: Mapping[int, int] = field(default_factory=dict)  # group id -> course id, of `rooms`
    accounts: Mapping[int, TakenAccount] = field(default_factory=dict)
    members: Mapping[int, Mapping[int, ManagedMember]] = field(default_factory=dict)
    wrong: tuple[WrongPerson, ...] = ()
    left: tuple[Conflict, ...] = ()
    unclaimed: tuple[Unclaimed, ...] = ()
    new: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def plugin_name(group: Group, moodle: MoodleState) -> str:
    """As the plugin named the group's channel."""
    return f"{moodle.courses[group.course_id].shortname}-{group.name}".replace(" ", "_")


def find_takeover(
    rows: PluginRows,
    courses: Collection[int],
    desired: Desired,
    remote: RemoteState,
    managed: Managed,
    policy: Policy,
    rules: NameRules,
) -> Takeover:
    """`courses` are the imported ones. `remote` has marks and members of the rooms that our own
    account created.
    """
    rooms = _Rooms(courses, desired, remote, managed, rules)
    taken = rooms.taken()
    accounts = _Accounts(rows, desired.eligibility.moodle, remote, managed, taken)
    found = accounts.run()
    owners = {link.account_id: user for user, link in managed.accounts.items()}
    owners |= {one.account.account_id: user for user, one in found.items()}
    members = {
        group_id: dict(_members(desired.channels[group_id], room, owners))
        for group_id, room in taken.items()
    }
    wrong = wrong_people(desired, remote, owners, members, policy)
    return Takeover(
        rooms=taken,
        course_of={group_id: desired.channels[group_id].course_id for group_id in taken},
        accounts=found,
        members=members,
        wrong=wrong,
        left=tuple(rooms.left),
        unclaimed=tuple(accounts.unclaimed),
        new=tuple(rooms.new),
        outside=tuple(rooms.outside()),
    )


def wrong_people(
    desired: Desired,
    remote: RemoteState,
    owners: Mapping[str, int],
    members: Mapping[int, Mapping[int, ManagedMember]],
    policy: Policy,
) -> tuple[WrongPerson, ...]:
    """Members that are not ours and should not be in their channel, by group and person.

    `owners`: account id -> user id.
    """
    account_of = {user: remote.accounts.get(account) for account, user in owners.items()}
    return tuple(
        WrongPerson(
            group_id,
            user_id,
            desired.channels[group_id].name,
            account.username,
            desired.eligibility.why_not_member(group_id, user_id),
            is_protected(account, remote.bot_id, policy),
        )
        for group_id in sorted(members)
        if group_id in desired.channels
        for user_id, member in sorted(members[group_id].items())
        if not member.ours
        and user_id not in desired.channels[group_id].members
        and (account := account_of.get(user_id)) is not None
    )


def _members(
    wanted: DesiredChannel, room: RemoteChannel, owners: Mapping[str, int]
) -> Iterator[tuple[int, ManagedMember]]:
    """The plugin gave no room roles: a role that somebody has was given by hand."""
    present = {owners[account] for account in room.members or () if account in owners}
    for user_id in sorted(present):
        yield user_id, ManagedMember(RoomRole.MEMBER, ours=user_id in wanted.members)


# --- rooms ----------------------------------------------------------------------------------------


class _Rooms:
    def __init__(
        self,
        courses: Collection[int],
        desired: Desired,
        remote: RemoteState,
        managed: Managed,
        rules: NameRules,
    ) -> None:
        self.courses = courses
        self.rules = rules
        self.desired = desired
        self.moodle = desired.eligibility.moodle
        self.remote = remote
        self.managed = managed
        self.linked = {link.room_id for link in managed.channels.values()}
        self.left: list[Conflict] = []
        self.new: list[str] = []
        self.by_name: dict[str, list[RemoteChannel]] = defaultdict(list)
        for _, room in sorted(remote.channels.items()):
            for name in room.names:
                self.by_name[name].append(room)
        self.sharing = Counter(self._name(one) for one in self._wanted())

    def _wanted(self) -> Iterator[DesiredChannel]:
        for _, wanted in sorted(self.desired.channels.items()):
            if wanted.group_id < 0:
                continue  # the plugin knew no channels of whole courses
            if wanted.course_id in self.courses and wanted.group_id not in self.managed.channels:
                yield wanted

    def _name(self, wanted: DesiredChannel) -> str:
        return plugin_name(self.moodle.groups[wanted.group_id], self.moodle)

    def taken(self) -> dict[int, RemoteChannel]:
        found: dict[int, RemoteChannel] = {}
        for wanted in self._wanted():
            room = self._room(self._name(wanted))
            if room is None:
                self.new.append(wanted.name)
            elif why := self._why_not(self._name(wanted), room):
                self.left.append(self._conflict(wanted, room, why))
            else:
                found[wanted.group_id] = room
        return dict(self._keeping_their_names(found))

    def _room(self, name: str) -> RemoteChannel | None:
        """The room of that name, or one that differs in case or was given another display name."""
        rooms = [one for one in self.by_name.get(name.casefold(), ()) if self._is_free(one)]
        exact = (room for room in rooms if room.name == name)
        near = (room for room in rooms if room.name not in self.sharing)
        return next(exact, None) or next(near, None)

    def _is_free(self, room: RemoteChannel) -> bool:
        return room.room_id not in self.linked

    def _keeping_their_names(
        self, found: Mapping[int, RemoteChannel]
    ) -> Iterator[tuple[int, RemoteChannel]]:
        """Without those that the first sync would rename once they are linked."""
        links = {
            group_id: ManagedChannel(
                group_id,
                self.desired.channels[group_id].course_id,
                room.room_id,
                room.name,
                room.topic,
                None,
                description=room.description,
                announcement=room.announcement,
            )
            for group_id, room in found.items()
        }
        managed = replace(self.managed, channels={**self.managed.channels, **links})
        groups = [self.moodle.groups[group_id] for group_id in sorted(self.desired.channels)]
        names = channel_names(groups, self.moodle, self.desired.policies, self.rules, managed)
        for group_id, room in found.items():
            if names[group_id] == room.name:
                yield group_id, room
            else:
                why = msg("it would be renamed to {name}", name=names[group_id])
                self.left.append(self._conflict(self.desired.channels[group_id], room, why))

    def outside(self) -> Iterator[str]:
        """Names of rooms of groups that get no channel."""
        for group_id, group in sorted(self.moodle.groups.items()):
            if group.of_course:
                continue
            if group.course_id in self.courses and group_id not in self.desired.channels:
                rooms = self.by_name.get(plugin_name(group, self.moodle).casefold(), ())
                yield from (room.name for room in rooms if self._is_free(room))

    def _why_not(self, name: str, room: RemoteChannel) -> str:
        """ "" where the room is the group's beyond doubt."""
        if self.sharing[name] > 1:
            return msg("several groups have this name, and the plugin put them into one room")
        if room.name != name:
            return msg("the plugin would have named it {name}", name=name)
        if room.creator_id != self.remote.bot_id:
            return msg("another account created it")
        if not room.private:
            return msg("it is public: everybody can read it and join")
        if room.team or room.archived:
            return msg("it is a team") if room.team else msg("it is archived")
        if room.mark is not None:
            return msg("it carries the mark of rcsync, group {id}", id=room.mark.group_id)
        if room.unreadable or room.members is None or self.remote.bot_id not in room.members:
            return msg("the bot is not in it, or cannot read who is")
        return ""

    def _conflict(self, wanted: DesiredChannel, room: RemoteChannel, why: str) -> Conflict:
        group = self.moodle.groups[wanted.group_id]
        course = self.moodle.courses[wanted.course_id]
        return Conflict(
            ConflictKind.PLUGIN_ROOM,
            None,
            wanted.group_id,
            msg("group '{group}' of course {course}", group=group.name, course=course.shortname),
            msg("room {name} of the old plugin: {why}", name=room.name, why=why),
            room.room_id,
            msg(
                "No second channel is made while this is open. Link the group to the room, or "
                "archive the room in Rocket.Chat: then the group gets a channel of its own."
            ),
        )


# --- accounts -------------------------------------------------------------------------------------


class _Accounts:
    def __init__(
        self,
        rows: PluginRows,
        moodle: MoodleState,
        remote: RemoteState,
        managed: Managed,
        rooms: Mapping[int, RemoteChannel],
    ) -> None:
        self.rows = rows
        self.moodle = moodle
        self.remote = remote
        self.managed = managed
        self.inside = {account for room in rooms.values() for account in room.members or ()}
        self.unclaimed: list[Unclaimed] = []
        self.found: dict[int, TakenAccount] = {}
        self.owned = {link.account_id for link in managed.accounts.values()}
        self.by_address: dict[str, list[Person]] = defaultdict(list)
        for _, person in sorted(moodle.people.items()):
            if person.email and not (person.deleted or person.guest):
                self.by_address[person.email.strip().lower()].append(person)

    def run(self) -> dict[int, TakenAccount]:
        self._by_own_login()
        for account_id in sorted(self.inside - self.owned - {self.remote.bot_id}):
            if account := self.remote.accounts.get(account_id):
                self._by_address(account)
        return dict(sorted(self.found.items()))

    def _take(self, person: Person, account: RemoteAccount, *, address_only: bool) -> None:
        self.found[person.user_id] = TakenAccount(account, address_only)
        self.owned.add(account.account_id)

    def _is_free(self, person: Person) -> bool:
        return person.user_id not in self.managed.accounts and person.user_id not in self.found

    def _by_own_login(self) -> None:
        """Stored by the plugin after the person's own log-in to that account."""
        by_name = {one.username.casefold(): one for one in self.remote.accounts.values()}
        told: dict[str, list[Person]] = defaultdict(list)
        for user_id, text in sorted((self.rows.accounts or {}).items()):
            account = self.remote.accounts.get(text) or by_name.get(text.casefold())
            person = self.moodle.people.get(user_id)
            if account and person and not (person.deleted or person.guest):
                told[account.account_id].append(person)
        for account_id, people in sorted(told.items()):
            account = self.remote.accounts[account_id]
            if len(people) > 1:
                self._leave(account, msg("several people logged in to it from Moodle"))
                self.owned.add(account_id)
            elif is_nobodys(account, self.remote.bot_id) or account_id in self.owned:
                self._leave(account, msg("it belongs to no person, or already to another one"))
            elif self._is_free(people[0]):
                self._take(people[0], account, address_only=False)

    def _by_address(self, account: RemoteAccount) -> None:
        people = self.by_address.get(account.emails[0], []) if account.emails else []
        if is_nobodys(account, self.remote.bot_id):
            self._leave(account, msg("it belongs to no person, or already to another one"))
        elif not people:
            self._leave(account, msg("nobody in these courses has its address: it stays"))
        elif len(people) > 1:
            self._leave(account, msg("several people have its address"))
        elif not account.verified:
            self._leave(account, msg("its address is not verified"))
        elif not self._is_free(people[0]):
            self._leave(account, msg("the person has another account"))
        else:
            same = account.username.lower() == people[0].username.lower()
            self._take(people[0], account, address_only=not same)

    def _leave(self, account: RemoteAccount, why: str) -> None:
        self.unclaimed.append(Unclaimed(msg("account {name}", name=account.username), why))
