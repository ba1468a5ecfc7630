"""What the sync needs from Moodle, from Rocket.Chat and from rcsync's own tables.

The boundaries implement these protocols; tests do too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from integration.domain.needs import Needs
from integration.domain.operations import CreateAccount, Operation
from integration.domain.outcomes import MadeChannel
from integration.domain.room_texts import RoomTexts
from integration.domain.state import (
    Managed,
    ManagedAccount,
    MoodleState,
    NameRules,
    RemoteAccount,
    RemoteState,
    RoomRole,
    Scope,
)
from integration.services.sync.guard import WholePass
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome


class Source(Protocol):
    """Moodle, read only."""

    def read(
        self,
        scope: Scope,
        *,
        integrated: Collection[int],
        linked_users: Collection[int],
        known: Mapping[int, ManagedAccount] = ...,
    ) -> MoodleState:
        """One complete reading of `scope`, or SourceError.

        `integrated` are the ids of all integrated courses. `linked_users` are people to know about
        even when they are in no group any more (they left, were deleted): their rows are read too.
        What the `known` links say of a person too is kept once.
        """
        ...

    def taken_out(self, users: Collection[int], since: int) -> frozenset[tuple[int, int]] | None:
        """(course id, user id) of whom Moodle's log tells that they left a group, lost a role or
        were unenrolled since `since` (unix seconds); None where the site keeps no log.
        """
        ...


class Writes(Protocol):
    """Rocket.Chat, one change a call. Each method raises RocketChatError or one of its kinds.

    Repeating any of them is harmless: a create first looks whether the thing is there when the
    outcome of an earlier attempt is unknown; "is already so" counts as done.
    """

    def pause(self, seconds: float) -> None:
        """Wait. For an operation that the server takes only after a while."""
        ...

    def create_account(self, *, username: str, name: str, email: str) -> RemoteAccount: ...

    def find_account(self, username: str, email: str) -> RemoteAccount | None:
        """The account of exactly this name and address; None: there is no such name. NameTaken
        where the name is another account's.
        """
        ...

    def update_account(self, account_id: str, *, name: str | None, email: str | None) -> None:
        """Set what is not None; everything else of the account stays (bio and nickname are sent
        again).
        """
        ...

    def set_active(self, account_id: str, active: bool) -> None: ...

    def send_password_mail(self, email: str) -> None:
        """The one call that is never repeated: each sends a mail."""
        ...

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
        """The new room, with the mark of its Moodle group. `users_count` tells dropped members (bot
        included).
        """
        ...

    def rename_channel(self, room_id: str, name: str) -> None: ...

    def set_texts(self, room_id: str, texts: Mapping[str, str]) -> None:
        """By their names (room_texts.TEXTS), in one request."""
        ...

    def set_read_only(self, room_id: str, read_only: bool) -> None: ...

    def mark_channel(self, room_id: str, group_id: int, course_id: int) -> None:
        """Write our whole mark into a room that has one without the installation."""
        ...

    def archive(self, room_id: str) -> None: ...

    def unarchive(self, room_id: str) -> None: ...

    def add_members(self, room_id: str, private: bool, account_ids: Sequence[str]) -> int | None:
        """Add in chunks. Returns the room's users_count afterwards, None where the server does not
        say. PartlyRefused (by account id) where single people were refused: all others are in.
        """
        ...

    def remove_member(self, room_id: str, private: bool, account_id: str) -> None: ...

    def set_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None: ...

    def unset_role(self, room_id: str, private: bool, account_id: str, role: RoomRole) -> None: ...


class Accounts(Protocol):
    """How the accounts of a plan come into being. Threads share it."""

    def make(self, operation: CreateAccount) -> RemoteAccount:
        """The person's account. Raises as Writes does, or Busy where another run is making it."""
        ...


class Remote(Protocol):
    """Rocket.Chat: what it has, and how to change it."""

    @property
    def writes(self) -> Writes: ...

    def begin(self, known: Collection[ManagedAccount]) -> None:
        """May begin to read in the background what `name_rules` and `read` will be asked for. What
        the `known` links say of an account too is kept once.

        Raises nothing: they will.
        """
        ...

    def name_rules(self) -> NameRules: ...

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
        """One complete reading in bulk, or RocketChatError.

        `known_counts` maps managed room ids to the users_count after our last look: only rooms
        whose count differs (or is None) have their members read. `wanted_names` are names of
        channels about to be made: where a room has one already, its mark is looked up. Rooms in
        `full_check` have members and roles read in any case. `needed_*` are ids without which
        something would be made anew: each that the list does not have is asked for by its id. So
        are `linked_accounts` and known rooms where a row of the list cannot be understood.

        Where `only` says what the plan is made of, just that may be read, each thing for itself. As
        soon as one of them is not there, cannot be read or proves too little, the lists are read
        all the same: nothing is taken for gone by a single read.
        """
        ...

    def banned(self, rooms: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Room id -> banned account ids. Without the rooms of which the server does not tell."""
        ...

    def look_again(
        self,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        members_of: Collection[str] = (),
    ) -> RemoteState:
        """These accounts and rooms as they are now, by their ids, or RocketChatError.

        Rooms in `members_of` have members and roles read. What is gone is not in it.
        """
        ...


class Records(Protocol):
    """What our own tables know."""

    def managed(self, scope: Scope, *, part: bool = False) -> Managed:
        """All accounts and channels; the members of the channels in `scope`.

        `part`: of a narrow scope only what it is about: the accounts of its people, or of anybody
        where they have none, the channels of its courses, and `Managed.site` for the rest.
        """
        ...

    def known_by(
        self,
        managed: Managed,
        *,
        accounts: Collection[str] = (),
        rooms: Collection[str] = (),
        usernames: Collection[str] = (),
        names: Collection[str] = (),
        values: Collection[str] = (),
    ) -> Managed:
        """A part of the ledger with the links besides that have one of these: account id, room id,
        username or channel name in any case, address or idnumber in Moodle (`values`).
        """
        ...

    def counted(self, managed: Managed) -> Managed:
        """A part of the ledger with the numbers that limits are measured by: `site`, and `ours_in`
        for the courses of its channels.
        """
        ...

    def integrated(self) -> Collection[int]:
        """Moodle course ids."""
        ...


class Journal(Protocol):
    """Records operations. Called from the coordinating thread only."""

    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        """Note that these are about to be sent. The answer is those that must not be sent any more:
        another run did.
        """
        ...

    def put_off(self, operations: Sequence[Operation]) -> None:
        """These were begun and not sent: they will be begun again."""
        ...

    def finished(self, outcomes: Sequence[Outcome]) -> None:
        """With those of single people whom a list was refused for, of which nobody heard before."""
        ...


class Ledger(Records, Journal, Protocol):
    """Our own tables: what is managed, and the record of what happens."""

    def share_limits(self, taking: Mapping[str, int]) -> WholePass | None:
        """Tell the other parts of the pass what this one takes away, then hear what they do. None:
        the run is no part.
        """
        ...

    def planned(self, plan: Plan, held: Collection[Operation] = ()) -> Iterable[Operation]:
        """Store the plan before anything is written; what is to be written now, in its order.

        `held` will not be: it waits for a person. Of a long plan the answer is read back some at a
        time, while it is carried out, and so has to be used once and at once.
        """
        ...

    def confirmed(self, operations: Sequence[Operation]) -> None:
        """Of the operations that were done, these have been seen to be."""
        ...

    def suspected(self, operations: Sequence[Operation]) -> None:
        """Of the operations that were done, these do not seem to be."""
        ...
