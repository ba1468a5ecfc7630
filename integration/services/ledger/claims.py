"""One account for one person, although two runs may need it at the same moment.

Two courses may be worked on at once, and both may find that the same person lacks an account.
Whoever claims the person first asks Rocket.Chat. The other makes the accounts that nobody has
claimed, and only then waits for the links to those that are left: so parts of a first sync share
the accounts out among them. Claims are taken batch by batch in ascending order of the people, so
that two runs never wait for each other.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from integration.domain.errors import Busy, MadeElsewhere, NameTaken
from integration.domain.messages import msg
from integration.domain.operations import CreateAccount, Operation
from integration.domain.state import AskedAccount, Managed, ManagedAccount, RemoteAccount
from integration.models import AccountClaim, AccountLink
from integration.services.ledger import heartbeat, moments, retry
from integration.services.ledger.bulk import insert_missing
from integration.services.ledger.leases import LEASE_SECONDS
from integration.services.ledger.managed import accounts_asked_elsewhere
from integration.services.sync.ports import Accounts

CLAIM_SECONDS = (
    3600  # longer than a batch under a slow rate limit; a dead run's are taken away sooner
)
WAIT_SECONDS = LEASE_SECONDS + 30.0  # a run that died elsewhere is given up before
LOOK_SECONDS = 0.1

Account = tuple[str, str]  # Rocket.Chat id, username


class Claims:
    """The claims of one run. `owner` is the process that works on it."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._known: Mapping[int, ManagedAccount] = {}  # those that our plan knew of
        self._ours: set[int] = set()
        self._made: dict[int, Account] = {}  # by another run, after our plan was made
        self._put_off: set[int] = set()  # user ids: another run was at it when we came first

    def learn(self, managed: Managed) -> None:
        """Remember the ledger that the plan will be made from."""
        self._known = managed.accounts

    def take(self, operations: Sequence[Operation]) -> None:
        """Claim everybody whose account is about to be made and whom no other run has claimed."""
        people = {one.user_id for one in operations if isinstance(one, CreateAccount)}
        if people:
            retry.retry_on_deadlock(lambda: self._claim(people))

    def holds(self, user_id: int) -> bool:
        """Whether the account of this person is ours to make."""
        return user_id in self._ours and user_id not in self._made

    def stored(self, operations: Sequence[Operation]) -> None:
        """These were carried out, and their links are stored."""
        done = {o.user_id for o in operations if isinstance(o, CreateAccount)} & self._ours
        if done:
            drop(self._owner, done)
            self._ours -= done

    def release(self) -> None:
        if self._ours:
            drop(self._owner, self._ours)
            self._ours = set()

    def made_elsewhere(self, user_id: int) -> Account | None:
        """The account that another run made of this person; None: it is ours to make.

        MadeElsewhere where another run is making it. Whoever asks again waits for it; Busy when
        that does not come to an end.
        """
        if user_id not in self._ours and user_id not in self._made:
            if user_id not in self._put_off:
                self._put_off.add(user_id)
                raise MadeElsewhere(f"Another run is making the account of the user {user_id}.")
            self._wait_for(user_id)
        return self._made.get(user_id)

    def look_again(self, user_id: int) -> tuple[Account | None, frozenset[AskedAccount]]:
        """For a name that is taken: what was linked since our plan, and what other runs asked for
        without having told how it ended.
        """
        try:
            self._look({user_id})
            return self._made.get(user_id), accounts_asked_elsewhere(user_id, self._owner)
        finally:
            _close_in_thread()

    def _claim(self, user_ids: Collection[int]) -> None:
        now = timezone.now()
        expires = now + _length()
        claims = ((user_id, self._owner, expires) for user_id in sorted(user_ids))
        insert_missing(AccountClaim, ("moodle_user_id", "owner", "expires"), claims)
        rows = AccountClaim.objects.filter(moodle_user_id__in=user_ids)
        free = rows.filter(moments.run_out("expires", _length(), now))
        free.update(owner=self._owner, expires=expires)
        ours = rows.filter(owner=self._owner)
        self._ours |= set(ours.values_list("moodle_user_id", flat=True))
        self._look(user_ids)

    def _look(self, user_ids: Collection[int]) -> None:
        """Links that were stored after this run's plan was made. Called only after claiming."""
        links = AccountLink.objects.filter(moodle_user_id__in=user_ids)
        for user_id, account_id, username in links.values_list(
            "moodle_user_id", "rocketchat_user_id", "username"
        ):
            known = self._known.get(user_id)
            if known is None or known.account_id != account_id:
                self._made[user_id] = (account_id, username)

    def _wait_for(self, user_id: int) -> None:
        """Another run is at it: until it has stored the link, or has given up. In a thread."""
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            while time.monotonic() < deadline:
                _drop_of_the_dead(user_id)
                retry.retry_on_deadlock(lambda: self._claim({user_id}))
                if user_id in self._ours or user_id in self._made:
                    return
                time.sleep(LOOK_SECONDS)
        finally:
            _close_in_thread()
        raise Busy(
            msg("Another run is creating this account and does not finish."),
            hint=msg("The next run checks again."),
        )


def _close_in_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def clear_expired() -> None:
    """Delete the claims of runs that are no longer heard of."""
    AccountClaim.objects.filter(moments.run_out("expires", _length(), timezone.now())).delete()


def _length() -> timedelta:
    return timedelta(seconds=CLAIM_SECONDS)


def drop(owner: str, user_ids: Collection[int] | None = None) -> None:
    """Delete claims of `owner`; all of them where no people are named."""
    rows = AccountClaim.objects.filter(owner=owner)
    if user_ids is not None:
        rows = rows.filter(moodle_user_id__in=user_ids)
    rows.delete()


def _drop_of_the_dead(user_id: int) -> None:
    """The claim on this person, where its process ran on this machine and is gone."""
    for owner in AccountClaim.objects.filter(moodle_user_id=user_id).values_list(
        "owner", flat=True
    ):
        if heartbeat.process_is_gone(owner):
            drop(owner)


class ClaimedAccounts:
    """`ports.Accounts` that respects the claims: made now by us, or a moment ago by another run."""

    def __init__(
        self, claims: Claims, accounts: Accounts, find: Callable[[str, str], RemoteAccount | None]
    ) -> None:
        """`find` is `ports.Writes.find_account`."""
        self._claims, self._accounts, self._find = claims, accounts, find

    def make(self, operation: CreateAccount) -> RemoteAccount:
        made = self._claims.made_elsewhere(operation.user_id)
        if made is not None:
            return _linked(made, operation)
        try:
            return self._accounts.make(operation)
        except NameTaken:
            if found := self._made_by_another_run(operation):
                return found
            raise

    def _made_by_another_run(self, operation: CreateAccount) -> RemoteAccount | None:
        """The account that appeared after our plan was made, where it is provably ours.

        The run that had claimed the person died, or was given up, between the server's work and its
        own note of it; the claim came to us, whose picture of the server is older.
        """
        made, asked = self._claims.look_again(operation.user_id)
        if made is not None:
            return _linked(made, operation)
        if not asked:
            return None
        found = self._find(operation.username, operation.email)
        return found if found and any(one.is_(found) for one in asked) else None


def _linked(made: Account, operation: CreateAccount) -> RemoteAccount:
    return RemoteAccount(*made, operation.name, (operation.email.lower(),), True, (), "user")
