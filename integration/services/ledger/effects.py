"""Applies outcomes to the tables of what rcsync manages, with a few statements for a whole
batch.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import F, Model, Q, QuerySet

from integration.domain.chunks import chunks
from integration.domain.operations import (
    Activate,
    AddMembers,
    AdoptAccount,
    AdoptChannel,
    Archive,
    CreateAccount,
    CreateChannel,
    Deactivate,
    Operation,
    RemoveMember,
    RenameChannel,
    SetReadOnly,
    SetRoomRole,
    SetTexts,
    Unarchive,
    UnsetReadOnly,
    UnsetRoomRole,
)
from integration.domain.room_texts import TEXTS
from integration.domain.state import Ending, Managed, RoomRole
from integration.models import AccountLink, ChannelLink, IntegratedCourse, ManagedMembership
from integration.services.ledger import bulk
from integration.services.ledger.membership_rows import MembershipRows
from integration.services.sync.identity import Identities
from integration.services.sync.partial_plans import Observed
from integration.services.sync.refresh import Refreshed
from integration.services.sync.report import Outcome

Kind = TypeVar("Kind", bound=Operation)
Value = TypeVar("Value")
PERSON = ("moodle_timecreated", "moodle_username", "moodle_email", "moodle_idnumber")
GROUP = ("group_timecreated", "group_name", "group_idnumber")
COURSE = ("known_timecreated", "known_shortname", "known_idnumber")
ACCOUNT = (
    *("moodle_user_id", "rocketchat_user_id", "username", "created", "deactivated"),
    "address_only",
    *PERSON,
)
CHANNEL = (
    "moodle_group_id",
    "moodle_course_id",
    "room_id",
    "name",
    *TEXTS,
    "created",
    "users_count",
    "ended",
    *GROUP,
)


NOBODY = (None, "", "", "")  # not known: the next run stores it
NO_GROUP = (None, "", "")


class Effects:
    """Stores the effects of outcomes."""

    def __init__(self, managed: Managed) -> None:
        self._managed = managed
        self._counts = {group: channel.users_count for group, channel in managed.channels.items()}
        self._members = MembershipRows()
        self._not_all_in = {  # or there by hand
            group
            for group, members in managed.members.items()
            if any(member.missing or not member.ours for member in members.values())
        }
        self._touched: set[int] = set()  # groups whose membership this run changed
        self.identities = Identities()  # of this run's reading, once there is a plan

    def forget_keys(self) -> None:
        """A transaction was rolled back."""
        self._members.forget_keys()

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """The effects of operations that were done."""
        self._store_accounts(outcomes)
        self._store_channels(outcomes)
        self._store_added(outcomes)
        self._store_removed(outcomes)
        self._store_roles(outcomes)
        self._store_active(outcomes)
        for outcome in outcomes:
            self._store_one(outcome)

    def doubt(self, outcomes: Sequence[Outcome]) -> None:
        """Mark channels whose failed change of members may have taken effect: the next run reads
        them.
        """
        groups = {
            outcome.operation.group_id
            for outcome in outcomes
            if isinstance(outcome.operation, AddMembers | RemoveMember) and outcome.in_doubt
        }
        if groups:
            self._touched |= groups
            ChannelLink.objects.filter(moodle_group_id__in=groups).update(users_count=None)

    def leave_alone(self, outcomes: Sequence[Outcome]) -> None:
        """Who was not let in by a decision there is known to be out: a kick would lift a ban."""
        people = [
            (outcome.operation.group_id, joiner.user_id)
            for outcome in outcomes
            if isinstance(outcome.operation, AddMembers) and not outcome.refused
            for joiner in outcome.operation.joiners
        ]
        if people:
            self._members.insert([(*person, False) for person in people])
            self._members.of(people).update(missing=True)
            self._not_all_in |= {group for group, _ in people}

    def store_observed(self, observed: Iterable[Observed]) -> None:
        """Store what reading the server showed. A count that this run changed afterwards is not
        put back.
        """
        for look in observed:
            channel = ChannelLink.objects.filter(moodle_group_id=look.group_id)
            if look.group_id not in self._touched:
                channel.update(users_count=look.users_count)
            self._members.insert(
                [(look.group_id, user, True) for user in look.taken_over]
                + [(look.group_id, user, False) for user in look.found]
            )
            people = ManagedMembership.objects.filter(channel__moodle_group_id=look.group_id)
            people.filter(account__moodle_user_id__in=look.gone).delete()
            for users, missing in ((look.missing, True), (look.back, False)):
                people.filter(account__moodle_user_id__in=users).update(missing=missing)

    def store_refreshed(self, refreshed: Refreshed) -> None:
        """Correct rows that no longer say what is true on the server."""
        for account in refreshed.accounts:
            AccountLink.objects.filter(moodle_user_id=account.user_id).update(
                deactivated=account.deactivated
            )
        for channel in refreshed.channels:
            _channels([channel.group_id]).update(
                ended=channel.ended or "", name=channel.name, **channel.texts._asdict()
            )

    def store_identities(self, identities: Identities) -> None:
        """What the links are made of now. Links that this run makes get theirs with the row."""
        self.identities = identities
        people = _only(identities.people, self._managed.accounts)
        groups = _only(identities.groups, self._managed.channels)
        _store_values(AccountLink, "moodle_user_id", PERSON, people)
        _store_values(ChannelLink, "moodle_group_id", GROUP, groups)
        _store_values(IntegratedCourse, "course_id", COURSE, identities.courses)

    # --- whole batches ----------------------------------------------------------------------------

    def _store_accounts(self, outcomes: Sequence[Outcome]) -> None:
        """Columns as in ACCOUNT."""
        known: list[tuple[Outcome, CreateAccount | AdoptAccount]]
        known = [*_those(outcomes, CreateAccount), *_those(outcomes, AdoptAccount)]
        rows: list[tuple[Any, ...]] = []
        found: list[tuple[Any, ...]] = []
        replaced = []
        for outcome, operation in known:
            created, address_only = True, False
            if isinstance(operation, AdoptAccount):
                created, address_only = operation.created, operation.address_only
            if operation.user_id in self._managed.accounts:
                replaced.append(operation.user_id)
            ids = (operation.user_id, outcome.account_id)
            person = self.identities.people.get(operation.user_id, NOBODY)
            row = (*ids, outcome.username, created, False, address_only, *person)
            is_new = isinstance(operation, AdoptAccount) and operation.user_id not in replaced
            (found if is_new else rows).append(row)
        ManagedMembership.objects.filter(account__moodle_user_id__in=replaced).delete()
        AccountLink.objects.filter(moodle_user_id__in=replaced).update(password_mail="")
        bulk.insert_or_update(AccountLink, "moodle_user_id", ACCOUNT, rows)
        # Who has a link by now got it from another run, which knows better whose the account is:
        # it may have made the account after our look into the ledger and before that at the server.
        bulk.insert_missing(AccountLink, ACCOUNT, found)

    def _store_channels(self, outcomes: Sequence[Outcome]) -> None:
        """Columns as in CHANNEL."""
        known: list[tuple[Outcome, CreateChannel | AdoptChannel]]
        known = [*_those(outcomes, CreateChannel), *_those(outcomes, AdoptChannel)]
        rows, members, replaced = [], [], []
        for outcome, operation in known:
            if operation.group_id in self._managed.channels:
                replaced.append(operation.group_id)
            created, texts = True, outcome.texts
            if isinstance(operation, CreateChannel):
                members += self._joined(outcome, operation)
            else:
                created, texts = operation.created, operation.texts
            ended = Ending.READ_ONLY.value if operation.read_only else ""
            ids = (operation.group_id, operation.course_id, outcome.room_id)
            group = self.identities.groups.get(operation.group_id, NO_GROUP)
            rows.append((*ids, operation.name, *texts, created, outcome.users_count, ended, *group))
        ManagedMembership.objects.filter(channel__moodle_group_id__in=replaced).delete()
        bulk.insert_or_update(ChannelLink, "moodle_group_id", CHANNEL, rows)
        self._members.insert(members)

    def _store_added(self, outcomes: Sequence[Outcome]) -> None:
        members = []
        counts: dict[int | None, list[int]] = defaultdict(list)  # count -> groups that have it now
        for outcome, operation in _those(outcomes, AddMembers):
            joined = self._joined(outcome, operation)
            members += joined
            known = self._counts.get(operation.group_id)
            expected = None if known is None else known + len(joined)
            count = outcome.users_count if outcome.users_count == expected else None
            counts[count].append(operation.group_id)
            self._touched.add(operation.group_id)
        for count, groups in counts.items():
            _channels(groups).update(users_count=count)
        came_back = [(group, user) for group, user, _ in members if group in self._not_all_in]
        if came_back:  # were in, or kept out, and were put in by us now
            rows = self._members.of(came_back)
            rows.filter(Q(missing=True) | Q(ours=False)).update(ours=True, missing=False)
        self._members.insert(members)

    def _store_removed(self, outcomes: Sequence[Outcome]) -> None:
        removed = []
        for _, operation in _those(outcomes, RemoveMember):
            removed.append((operation.group_id, operation.user_id))
        if not removed:
            return
        self._members.of(removed).delete()
        leavers = Counter(group_id for group_id, _ in removed)
        self._touched |= leavers.keys()
        for number in set(leavers.values()):
            groups = [group_id for group_id, count in leavers.items() if count == number]
            _channels(groups).filter(users_count__gte=number).update(
                users_count=F("users_count") - number
            )

    def _store_roles(self, outcomes: Sequence[Outcome]) -> None:
        people: dict[RoomRole, list[tuple[int, int]]] = defaultdict(list)
        for _, given in _those(outcomes, SetRoomRole):
            people[given.role].append((given.group_id, given.user_id))
        for _, taken in _those(outcomes, UnsetRoomRole):
            people[RoomRole.MEMBER].append((taken.group_id, taken.user_id))
        for role, members in people.items():
            self._members.set_role(members, role)

    def _store_active(self, outcomes: Sequence[Outcome]) -> None:
        activated = [operation.user_id for _, operation in _those(outcomes, Activate)]
        deactivated = [operation.user_id for _, operation in _those(outcomes, Deactivate)]
        for users, is_off in ((activated, False), (deactivated, True)):
            links = AccountLink.objects.filter(moodle_user_id__in=users)
            links.update(deactivated=is_off)

    def _joined(
        self, outcome: Outcome, operation: CreateChannel | AddMembers
    ) -> list[tuple[int, int, bool]]:
        dropped = set(outcome.dropped)
        return [
            (operation.group_id, joiner.user_id, True)
            for joiner in operation.joiners
            if joiner.user_id not in dropped
        ]

    # --- one outcome ------------------------------------------------------------------------------

    def _store_one(self, outcome: Outcome) -> None:
        operation = outcome.operation
        match operation:
            case RenameChannel(group_id=group_id, name=name):
                _channel(group_id, name=name)
            case SetTexts(group_id=group_id):
                _channel(group_id, **operation.new)
            case SetReadOnly(group_id=group_id):
                _channel(group_id, ended=Ending.READ_ONLY)
            case UnsetReadOnly(group_id=group_id):
                _channel(group_id, ended="")
            case Archive(group_id=group_id):
                _channel(group_id, ended=Ending.ARCHIVE)
            case Unarchive(group_id=group_id):
                self._touched.add(group_id)
                _channel(group_id, ended="", users_count=None)
            case _:
                pass  # stored with others, or nothing of it is kept in our tables


def _only(values: Mapping[int, Value], keys: Collection[int]) -> dict[int, Value]:
    return {key: value for key, value in values.items() if key in keys}


def _store_values(
    model: type[Model], key: str, columns: Sequence[str], now: Mapping[int, Sequence[Any]]
) -> None:
    """Set `columns` of the rows whose `key` is in `now`, without a statement for each row."""
    for keys in chunks(list(now), 500):
        rows = list(model._default_manager.filter(**{f"{key}__in": keys}))
        for row in rows:
            for column, value in zip(columns, now[getattr(row, key)], strict=True):
                setattr(row, column, value)
        model._base_manager.bulk_update(rows, columns)


def _channels(groups: Iterable[int]) -> QuerySet[ChannelLink]:
    return ChannelLink.objects.filter(moodle_group_id__in=list(groups))


def _channel(group_id: int, **values: Any) -> None:
    _channels([group_id]).update(**values)


def _those(outcomes: Iterable[Outcome], kind: type[Kind]) -> Iterator[tuple[Outcome, Kind]]:
    """The outcomes of this kind of operation, each with its operation."""
    for outcome in outcomes:
        if isinstance(outcome.operation, kind):
            yield outcome, outcome.operation
