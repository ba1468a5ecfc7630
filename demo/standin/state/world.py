"""The state of one server: accounts, rooms, who is in them, tokens, settings, permissions.

The world enforces nothing but its indexes; the rules live in `names`, `people`, `rooms` and
`membership`.
Whoever reads or writes it holds `lock`.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from demo.standin.dialects import Dialect
from demo.standin.state.clock import Ids, now_iso, sha256
from demo.standin.state.defaults import ROLES
from demo.standin.state.options import Options
from demo.standin.state.records import (
    ImportOperation,
    LateJoin,
    Room,
    Subscription,
    Team,
    Token,
    User,
)

FIXED = ("dialect", "lock", "options", "ids")  # no part of what calls change


class ServerState:
    """Accounts and rooms with the indexes that keep names and addresses unique."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.lock = threading.RLock()
        self.ids = Ids()
        self.changes = 0
        self.users: dict[str, User] = {}
        self.options = Options()
        self.rooms: dict[str, Room] = {}
        self.teams: dict[str, Team] = {}
        self.mails: list[str] = []  # addresses that were sent a link to set a password
        self.late_joins: list[LateJoin] = []
        self.tokens: dict[str, Token] = {}  # by digest
        self.settings: dict[str, Any] = {}
        self.public_settings: set[str] = set()
        self.permissions: dict[str, list[str]] = {}
        self.roles: set[str] = set(ROLES)
        self.import_operation: ImportOperation | None = None
        self.membership_serial = 0
        self._orders: dict[str, list[User]] = {}  # sorted accounts, dropped when that may change
        self._ids_by_username: dict[str, str] = {}
        self._ids_by_email: dict[str, str] = {}
        self._room_ids_by_name: dict[str, str] = {}

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever is done inside has not happened afterwards; nobody else acts meanwhile."""
        with self.lock:
            kept = {name: value for name, value in vars(self).items() if name not in FIXED}
            vars(self).update(copy.deepcopy(kept))  # all at once, as they refer to one another
            try:
                yield
            finally:
                vars(self).update(kept)

    # Accounts

    def user_named(self, username: str) -> User | None:
        """The account of that username, ignoring case."""
        return self.users.get(self._ids_by_username.get(username.lower(), ""))

    def user_with_email(self, email: str) -> User | None:
        """The account of that address, ignoring case."""
        return self.users.get(self._ids_by_email.get(email.lower(), ""))

    def users_by(self, field: Literal["id", "username"]) -> list[User]:
        """All accounts in order; the list is kept for the next call and must not be changed."""
        if field not in self._orders:
            self._orders[field] = sorted(self.users.values(), key=lambda user: getattr(user, field))
        return self._orders[field]

    def add_user(
        self,
        username: str,
        *,
        name: str = "",
        email: str = "",
        password: str = "",
        roles: Iterable[str] = ("user",),
        **fields: Any,
    ) -> User:
        """Stores a new account without asking any rule."""
        now = now_iso()
        fields = {"created_at": now, "updated_at": now} | fields
        user_id = fields.pop("id", "") or self.ids.new("user")
        digest = sha256(password) if password else ""
        user = User(user_id, username, name, email, password_digest=digest, **fields)
        user.roles = list(roles)
        self.store_user(user)
        return user

    def store_user(self, user: User) -> None:
        """Puts an account into the indexes."""
        self.users[user.id] = user
        self._ids_by_username[user.username.lower()] = user.id
        if user.email:
            self._ids_by_email[user.email.lower()] = user.id
        self._orders.clear()
        self.changes += 1

    def remove_user(self, user: User) -> None:
        """Deletes an account with its memberships and tokens."""
        for room_id in list(user.subscriptions):
            self.unsubscribe(self.rooms[room_id], user)
        for room in self.rooms.values():
            room.banned = [user_id for user_id in room.banned if user_id != user.id]
        self.drop_tokens(user)
        del self._ids_by_username[user.username.lower()]
        self._ids_by_email.pop(user.email.lower(), None)
        del self.users[user.id]
        self._orders.clear()
        self.changes += 1

    def rename_user(self, user: User, username: str) -> None:
        """Gives an account another username, also where rooms show it."""
        del self._ids_by_username[user.username.lower()]
        user.username = username
        self._ids_by_username[username.lower()] = user.id
        for subscription in user.subscriptions.values():
            subscription.username = username
        self._orders.clear()
        self.touch_user(user)

    def set_email(self, user: User, email: str, *, verified: bool) -> None:
        """Gives an account another address."""
        self._ids_by_email.pop(user.email.lower(), None)
        user.email, user.verified = email, verified
        self._ids_by_email[email.lower()] = user.id
        self.touch_user(user)

    def touch_user(self, user: User) -> None:
        """Notes a change: new `_updatedAt`, ready-made JSON dropped."""
        user.updated_at = now_iso()
        user.fragments.clear()
        self.changes += 1

    # Tokens

    def add_token(
        self, user: User, text: str = "", *, name: str = "", bypass_two_factor: bool = False
    ) -> str:
        """A new login token (or, with a name, personal access token); answers its text."""
        text = text or self.ids.text(43)
        self.tokens[sha256(text)] = Token(
            digest=sha256(text),
            user_id=user.id,
            created_at=now_iso(),
            name=name,
            last_part=text[-6:],
            bypass_two_factor=bypass_two_factor,
        )
        self.changes += 1
        return text

    def token_of(self, user_id: str, text: str) -> Token | None:
        """The token with that text, if it belongs to that account."""
        token = self.tokens.get(sha256(text))
        return token if token and token.user_id == user_id else None

    def tokens_of(self, user: User) -> list[Token]:
        """All tokens of an account, oldest first."""
        return [token for token in self.tokens.values() if token.user_id == user.id]

    def drop_tokens(self, user: User) -> None:
        """Ends every session of an account."""
        for token in self.tokens_of(user):
            del self.tokens[token.digest]
        self.changes += 1

    # Rooms

    def room_named(self, name: str) -> Room | None:
        """The room of exactly that name: channels and private groups share one name space."""
        return self.rooms.get(self._room_ids_by_name.get(name, ""))

    def room_displayed_as(self, fname: str) -> Room | None:
        """The first room with that display name."""
        return next((room for room in self.rooms.values() if room.fname == fname), None)

    def add_room(self, name: str, creator: User, t: str = "p", **fields: Any) -> Room:
        """Stores a new, empty room without asking any rule."""
        now = now_iso()
        fields = {"fname": name, "ts": now, "updated_at": now} | self._room_defaults() | fields
        room = Room(
            fields.pop("id", "") or self.ids.new("room"),
            name,
            t=t,
            creator_id=creator.id,
            creator_username=creator.username,
            creator_name=creator.name,
            **fields,
        )
        self.store_room(room)
        return room

    def _room_defaults(self) -> dict[str, Any]:
        """What a new room of this version shows without being asked."""
        defaults = self.dialect.rooms_start_with_defaults
        return {
            "custom_fields": {} if self.dialect.rooms_start_with_fields else None,
            "default": False if defaults else None,
            "system_messages": True if defaults else None,
        }

    def store_room(self, room: Room) -> None:
        """Puts a room into the indexes."""
        self.rooms[room.id] = room
        self._room_ids_by_name[room.name] = room.id
        self.changes += 1

    def rename_room(self, room: Room, name: str, fname: str) -> None:
        """Gives a room another name."""
        del self._room_ids_by_name[room.name]
        room.name, room.fname = name, fname
        self._room_ids_by_name[name] = room.id
        for user_id in room.members:
            self.users[user_id].fragments.clear()
        self.touch_room(room)

    def remove_room(self, room: Room) -> None:
        """Deletes a room with everything in it."""
        for user_id in list(room.members):
            self.unsubscribe(room, self.users[user_id])
        del self._room_ids_by_name[room.name]
        del self.rooms[room.id]
        self.changes += 1

    def touch_room(self, room: Room) -> None:
        """Notes a change: new `_updatedAt`, ready-made JSON dropped."""
        room.updated_at = now_iso()
        room.fragments.clear()
        self.changes += 1

    def system_message(self, room: Room) -> None:
        """A line such as "X added Y"; only its being counted matters here."""
        room.msgs += 1
        self.touch_room(room)

    # Memberships

    def subscribe(
        self, room: Room, user: User, roles: Iterable[str] = (), display_name: str = ""
    ) -> Subscription:
        """Puts a person into a room."""
        self.membership_serial += 1
        now = now_iso()
        subscription = Subscription(
            id=self.ids.new("subscription"),
            room_id=room.id,
            user_id=user.id,
            username=user.username,
            ts=now,
            serial=self.membership_serial,
            updated_at=now,
            display_name=display_name,
            roles=list(roles),
        )
        self.store_subscription(subscription)
        self.touch_room(room)
        return subscription

    def let_in(self, room: Room, user: User) -> None:
        """Puts an invited person into a room, with one message, unless in already."""
        if user.id not in room.members:
            self.subscribe(room, user, display_name=user.name)
            self.system_message(room)

    def expect(self, room: Room, user: User) -> None:
        """Notes a person who is to get into a room after a while."""
        at = time.time() + self.options.late_join_seconds
        self.late_joins.append(LateJoin(at, room.id, user.id))

    def let_in_due(self) -> None:
        """Lets those in whose time has come. To be called before anybody looks."""
        due = [join for join in self.late_joins if join.at <= time.time()]
        for join in due:
            self.late_joins.remove(join)
            if join.room_id in self.rooms and join.user_id in self.users:
                self.let_in(self.rooms[join.room_id], self.users[join.user_id])

    def store_subscription(self, subscription: Subscription) -> None:
        """Hangs a membership into its room and its account."""
        user = self.users[subscription.user_id]
        self.rooms[subscription.room_id].members[user.id] = subscription
        user.subscriptions[subscription.room_id] = subscription
        user.fragments.clear()

    def unsubscribe(self, room: Room, user: User) -> None:
        """Takes a person, and the roles held there, out of a room."""
        room.members.pop(user.id, None)
        user.subscriptions.pop(room.id, None)
        user.fragments.clear()
        self.touch_room(room)

    # Teams

    def team_named(self, name: str) -> Team | None:
        """The team of that name, ignoring case."""
        wanted = str(name).lower()
        return next((team for team in self.teams.values() if team.name.lower() == wanted), None)

    def team_led_by(self, room: Room) -> Team | None:
        """The team whose main room this is."""
        return self.teams.get(room.team_id) if room.is_team else None

    # Rights

    def allowed(self, user: User, permission: str, room: Room | None = None) -> bool:
        """Whether an account, by its global roles or its roles in the room, may do that."""
        granted = self.permissions.get(permission, [])
        held = user.roles
        if room is not None and user.id in room.members:
            held = held + room.members[user.id].roles
        return any(role in granted for role in held)
