"""An in-memory Rocket.Chat for the line: `ports.Remote` and `ports.Writes` with the server's rules.

Names and addresses are unique, unknown usernames are dropped silently, deactivated members are
counted and not listed, the last owner stays, an archived private room shows nobody. What somebody
other than rcsync does there has methods of its own ("by hand").
"""

import copy
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from integration.domain.errors import NameTaken, NotFound, RocketChatError
from integration.domain.needs import Needs
from integration.domain.outcomes import MadeChannel
from integration.domain.room_texts import RoomTexts
from integration.domain.state import (
    ROLE_STRENGTH,
    ManagedAccount,
    Mark,
    NameRules,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
    RoomRole,
)

BOT = "bot"


@dataclass
class Account:
    account_id: str
    username: str
    name: str
    email: str
    active: bool = True
    roles: tuple[str, ...] = ("user",)
    kind: str = "user"
    made_by_us: bool = False


@dataclass
class Room:
    room_id: str
    name: str
    private: bool
    creator: str
    members: set[str] = field(default_factory=set)
    roles: dict[str, set[RoomRole]] = field(default_factory=dict)
    archived: bool = False
    read_only: bool = False
    topic: str = ""
    description: str = ""
    announcement: str = ""
    mark: Mark | None = None
    banned: set[str] = field(default_factory=set)
    invited: set[str] = field(default_factory=set)  # whom rcsync put in, or invited although in
    once_invited: set[str] = field(default_factory=set)  # also those who left since

    @property
    def moodle_group(self) -> int | None:
        return self.mark.group_id if self.mark else None

    def strongest(self, account_id: str) -> RoomRole:
        return max(
            self.roles.get(account_id, {RoomRole.MEMBER}),
            key=lambda role: ROLE_STRENGTH[role],
            default=RoomRole.MEMBER,
        )


def nothing(_call: str) -> None:
    """The hook of a server without faults."""


class FakeRemote:
    """`writes` counts the changing calls. `before` and `after` hear each and may raise: faults."""

    def __init__(self, rules: NameRules | None = None) -> None:
        self.rules = rules or NameRules()
        self.accounts: dict[str, Account] = {}
        self.paused = 0.0  # seconds
        self.mails: list[str] = []  # addresses that were sent a link to set a password
        self.rooms: dict[str, Room] = {}
        self.calls: list[tuple[str, str]] = []  # (call, id or name)
        self.before: Callable[[str], None] = nothing
        self.after: Callable[[str], None] = nothing
        self.reading_fails: Exception | None = None
        self.installation = ""  # of whoever makes rooms
        self.roles_are_free = False  # from 7.3 on a list of members brings their roles
        self.reads = 0
        self._number = 0
        self._lock = threading.RLock()
        bot = self.account_by_hand("rcsync-bot", "rcsync@chat.invalid", account_id=BOT)
        bot.roles = ("admin", "bot")

    def __deepcopy__(self, memo: dict[int, object]) -> "FakeRemote":
        other = FakeRemote(self.rules)
        other.accounts = copy.deepcopy(self.accounts)
        other.rooms = copy.deepcopy(self.rooms)
        other.roles_are_free, other._number = self.roles_are_free, self._number
        return other

    # ── What people do there ──────────────────────────────────────────────────────────────────────

    def account_by_hand(self, username: str, email: str, *, account_id: str = "") -> Account:
        made = Account(account_id or self._id("a"), username, username.title(), email)
        self.accounts[made.account_id] = made
        return made

    def room_by_hand(self, name: str, *members: str, creator: str = "") -> Room:
        """The bot is in it only where it created it."""
        made = Room(self._id("r"), name, private=True, creator=creator or self._id("u"))
        made.members = {*members, *([BOT] if creator == BOT else [])}
        made.roles[made.creator] = {RoomRole.OWNER}
        self.rooms[made.room_id] = made
        return made

    def join_by_hand(self, room_id: str, account_id: str, role: RoomRole | None = None) -> None:
        room = self.rooms[room_id]
        room.members.add(account_id)
        if role:
            room.roles.setdefault(account_id, set()).add(role)

    def leave_by_hand(self, room_id: str, account_id: str) -> None:
        room = self.rooms[room_id]
        room.members.discard(account_id)
        room.roles.pop(account_id, None)
        room.invited.discard(account_id)

    def delete_account_by_hand(self, account_id: str) -> None:
        del self.accounts[account_id]
        for room_id in self.rooms:
            self.leave_by_hand(room_id, account_id)

    def delete_room_by_hand(self, room_id: str) -> None:
        del self.rooms[room_id]

    # ── ports.Remote ──────────────────────────────────────────────────────────────────────────────

    @property
    def writes(self) -> "FakeRemote":
        return self

    def begin(self, known: Collection[ManagedAccount]) -> None:
        """Everything is here already."""

    def name_rules(self) -> NameRules:
        return self.rules

    def read(
        self,
        *,
        known_counts: Mapping[str, int | None],
        wanted_names: Collection[str],
        full_check: Collection[str] = (),
        linked_accounts: Collection[str] = (),
        needed_accounts: Collection[str] = (),
        needed_rooms: Collection[str] = (),
        only: Needs | None = None,
    ) -> RemoteState:
        if self.reading_fails:
            raise self.reading_fails
        self.reads += 1
        names = {name.casefold() for name in wanted_names}
        whole = self._whole(known_counts, names, full_check)
        return (_just(only, whole) if only else None) or whole

    def _whole(
        self,
        known_counts: Mapping[str, int | None],
        names: Collection[str],
        full_check: Collection[str],
    ) -> RemoteState:
        return RemoteState(
            BOT,
            {one.account_id: _account(one) for one in self.accounts.values()},
            {
                one.room_id: self._channel(one, known_counts, names, full_check)
                for one in self._rooms()
            },
        )

    def banned(self, rooms: Collection[str]) -> Mapping[str, frozenset[str]]:
        return {room_id: frozenset(self.rooms[room_id].banned) for room_id in rooms}

    def look_again(
        self,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        members_of: Collection[str] = (),
    ) -> RemoteState:
        if self.reading_fails:
            raise self.reading_fails
        return RemoteState(
            BOT,
            {one: _account(self.accounts[one]) for one in accounts if one in self.accounts},
            {
                one: self._channel(self.rooms[one], {}, (), members_of)
                for one in rooms
                if one in self.rooms
            },
        )

    def _rooms(self) -> list[Room]:
        return list(self.rooms.values())

    def _channel(
        self,
        room: Room,
        known_counts: Mapping[str, int | None],
        wanted_names: Collection[str],
        full_check: Collection[str],
    ) -> RemoteChannel:
        count, audited = len(room.members), room.room_id in full_check
        changed = room.room_id in known_counts and known_counts[room.room_id] != count
        visible = BOT in room.members and not (room.archived and room.private)
        members = roles = None
        if (audited or changed) and visible:
            members = frozenset(
                who for who in room.members if who in self.accounts and self.accounts[who].active
            )
            if audited or self.roles_are_free:
                strong = {who: room.strongest(who) for who in members}
                roles = {who: role for who, role in strong.items() if role is not RoomRole.MEMBER}
        looked_up = room.room_id not in known_counts and room.name.casefold() in wanted_names
        return RemoteChannel(
            room.room_id,
            room.name,
            room.private,
            count,
            room.archived,
            room.read_only,
            room.topic,
            room.creator,
            room.mark if looked_up else None,
            members,
            roles,
            description=room.description,
            announcement=room.announcement,
        )

    # ── ports.Writes: accounts ────────────────────────────────────────────────────────────────────

    def create_account(self, *, username: str, name: str, email: str) -> RemoteAccount:
        with self._lock:
            self._begin("create_account", username)
            if not re.fullmatch(self.rules.username_pattern, username):
                raise RocketChatError(f"bad username {username!r}")
            if re.search(r"[<>\\/]", name) or not name:
                raise RocketChatError(f"bad name {name!r}")
            for other in self.accounts.values():
                if other.username.lower() == username.lower():
                    raise NameTaken(f"username {username} is taken")
            self._check_email(email)
            made = Account(self._id("a"), username, name, email, made_by_us=True)
            self.accounts[made.account_id] = made
            self._end("create_account")
            return _account(made)

    def find_account(self, username: str, email: str) -> RemoteAccount | None:
        with self._lock:
            for account in self.accounts.values():
                if account.username.lower() == username.lower():
                    if account.email.lower() != email.lower():
                        raise NameTaken(f"username {username} is taken")
                    return _account(account)
            return None

    def pause(self, seconds: float) -> None:
        self.paused += seconds

    def update_account(self, account_id: str, *, name: str | None, email: str | None) -> None:
        with self._lock:
            self._begin("update_account", account_id)
            account = self._account(account_id)
            if email is not None:
                self._check_email(email, but=account_id)
                account.email = email
            account.name = account.name if name is None else name
            self._end("update_account")

    def send_password_mail(self, email: str) -> None:
        with self._lock:
            self._begin("send_password_mail", email)
            self.mails.append(email)
            self._end("send_password_mail")

    def set_active(self, account_id: str, active: bool) -> None:
        with self._lock:
            self._begin("set_active", account_id)
            account = self._account(account_id)
            if not active and any(self._is_last_owner(room, account_id) for room in self._rooms()):
                raise RocketChatError("last owner", code="user-last-owner")
            account.active = active
            self._end("set_active")

    def _check_email(self, email: str, but: str = "") -> None:
        if not email:
            raise RocketChatError("an e-mail address is needed")
        for other in self.accounts.values():
            if other.email.lower() == email.lower() and other.account_id != but:
                raise NameTaken(f"e-mail {email} is taken")

    # ── ports.Writes: channels ────────────────────────────────────────────────────────────────────

    def create_channel(
        self,
        *,
        name: str,
        private: bool,
        usernames: Sequence[str],
        texts: RoomTexts,
        read_only: bool,
        group_id: int,
        course_id: int,
    ) -> MadeChannel:
        with self._lock:
            self._begin("create_channel", name)
            self._check_name(name)
            known = {one.username: one.account_id for one in self.accounts.values()}
            members = {known[username] for username in usernames if username in known}
            made = Room(self._id("r"), name, private, BOT, read_only=read_only, **texts._asdict())
            made.mark = Mark(group_id, course_id, self.installation)
            made.members = {*members, BOT}
            made.invited, made.once_invited = set(members), set(members)
            made.roles[BOT] = {RoomRole.OWNER}
            self.rooms[made.room_id] = made
            self._end("create_channel")
            return MadeChannel(self._channel(made, {}, (), ()))

    def rename_channel(self, room_id: str, name: str) -> None:
        with self._lock:
            self._begin("rename_channel", room_id)
            room = self._room(room_id)
            if room.name != name:
                self._check_name(name)
            room.name = name
            self._end("rename_channel")

    def set_texts(self, room_id: str, texts: Mapping[str, str]) -> None:
        self._set("set_texts", room_id, **texts)

    def set_read_only(self, room_id: str, read_only: bool) -> None:
        self._set("set_read_only", room_id, read_only=read_only)

    def mark_channel(self, room_id: str, group_id: int, course_id: int) -> None:
        self._set("mark_channel", room_id, mark=Mark(group_id, course_id, self.installation))

    def archive(self, room_id: str) -> None:
        self._set("archive", room_id, archived=True)

    def unarchive(self, room_id: str) -> None:
        self._set("unarchive", room_id, archived=False)

    def _set(self, call: str, room_id: str, **values: object) -> None:
        with self._lock:
            self._begin(call, room_id)
            room = self._room(room_id)
            for key, value in values.items():
                setattr(room, key, value)
            self._end(call)

    def _check_name(self, name: str) -> None:
        legal = self.rules.free_channel_names or re.fullmatch(self.rules.channel_pattern, name)
        if not name or not legal:
            raise RocketChatError(f"bad room name {name!r}")
        if any(room.name == name for room in self._rooms()):
            raise NameTaken(f"room name {name} is taken")

    # ── ports.Writes: members ─────────────────────────────────────────────────────────────────────

    def add_members(self, room_id: str, private: bool, account_ids: Sequence[str]) -> int | None:
        with self._lock:
            self._begin("add_members", room_id)
            room = self._room(room_id)
            known = {one for one in account_ids if one in self.accounts}
            if not known:
                raise NotFound("nobody to invite", code="error-empty-invite-list")
            room.members |= known
            room.invited |= known
            room.once_invited |= known
            self._end("add_members")
            return len(room.members)

    def remove_member(self, room_id: str, private: bool, account_id: str) -> None:
        with self._lock:
            self._begin("remove_member", room_id)
            room = self._room(room_id)
            if self._is_last_owner(room, account_id):
                raise RocketChatError("last owner", code="error-you-are-last-owner")
            self.leave_by_hand(room_id, account_id)
            self._end("remove_member")

    def set_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None:
        with self._lock:
            self._begin("set_role", room_id)
            room = self._room(room_id)
            if account_id not in room.members:
                raise NotFound("not in the room", code="error-user-not-in-room")
            room.roles.setdefault(account_id, set()).add(role)
            self._end("set_role")

    def unset_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None:
        with self._lock:
            self._begin("unset_role", room_id)
            room = self._room(room_id)
            if role is RoomRole.OWNER and self._is_last_owner(room, account_id):
                raise RocketChatError("last owner", code="error-remove-last-owner")
            room.roles.get(account_id, set()).discard(role)
            self._end("unset_role")

    # ── Small things ──────────────────────────────────────────────────────────────────────────────

    def _begin(self, call: str, about: str) -> None:
        self.before(call)
        self.calls.append((call, about))

    def _end(self, call: str) -> None:
        self.after(call)

    def _account(self, account_id: str) -> Account:
        if account_id not in self.accounts:
            raise NotFound("no such account", code="error-invalid-user")
        return self.accounts[account_id]

    def _room(self, room_id: str) -> Room:
        if room_id not in self.rooms or BOT not in self.rooms[room_id].members:
            raise NotFound("no such room", code="error-room-not-found")
        return self.rooms[room_id]

    def _is_last_owner(self, room: Room, account_id: str) -> bool:
        owners = {who for who, roles in room.roles.items() if RoomRole.OWNER in roles}
        return owners & room.members == {account_id}

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}{1000 + self._number}"


def _just(needs: Needs, whole: RemoteState) -> RemoteState | None:
    """What the needs name and not a thing more; None where one of them is not there."""
    if not (needs.account_ids <= whole.accounts.keys() and needs.rooms <= whole.channels.keys()):
        return None
    accounts = {one: whole.accounts[one] for one in needs.account_ids}
    rooms = {one: whole.channels[one] for one in needs.rooms}
    searched = needs.first_searches() | needs.more_searches(accounts, rooms)
    texts = {text.lower() for text in searched}
    names = {name.lower() for name in needs.room_searches(rooms)}
    accounts |= {
        number: one
        for number, one in whole.accounts.items()
        if texts & {one.username.lower(), *one.emails}
    }
    rooms |= {number: one for number, one in whole.channels.items() if one.name.lower() in names}
    return replace(whole, accounts=accounts, channels=rooms)


def _account(one: Account) -> RemoteAccount:
    emails = (one.email.lower(),) if one.email else ()
    return RemoteAccount(
        one.account_id,
        one.username,
        one.name,
        emails,
        one.active,
        one.roles,
        one.kind,
        verified=True,
    )
