"""What a person may link a conflict to: accounts and rooms of Rocket.Chat, searched by words.

The whole list is read, as a sync does: the server's own searches leave out e-mail addresses and
who is deactivated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from integration.domain.errors import ConfigurationError
from integration.domain.policy import Policy
from integration.domain.state import RemoteAccount, RemoteChannel, RemoteState
from integration.models import AccountLink, ChannelLink, Conflict, IntegrationSettings
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.marks import is_foreign
from integration.services.sync.protection import is_protected

MAX_CANDIDATES = 25
BOT_OUTSIDE = gettext_noop(
    "the bot is not in it: somebody in the room has to add it as an owner, "
    "otherwise nobody can be added or removed"
)
MAIN_ROOM = "GENERAL"  # the id of the channel that everybody is in; Rocket.Chat gives it itself


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account or a room. `problem` says why it cannot be taken, "" = it can."""

    remote_id: str
    title: str
    facts: tuple[str, ...]
    off: str  # "deactivated" or "archived" in words, "" when it is in use
    problem: str


@dataclass(frozen=True, slots=True)
class Search:
    found: tuple[Candidate, ...]
    more: bool


def search(conflict: Conflict, words: str) -> Search:
    """Those that hold every word in name, username, address or id. SyncError where it fails."""
    wanted = words.casefold().split()
    if not wanted:
        return Search((), more=False)
    state = remote_state()
    if conflict.moodle_user_id is not None:
        accounts = sorted(state.accounts.values(), key=lambda one: one.username.casefold())
        fitting = [one for one in accounts if _fits(wanted, _words_of(one))]
        return Search(
            tuple(_accounts(fitting[:MAX_CANDIDATES], state)), len(fitting) > MAX_CANDIDATES
        )
    rooms = sorted(state.channels.values(), key=lambda one: one.name.casefold())
    named = [one for one in rooms if _fits(wanted, (one.name, one.room_id))]
    return Search(
        tuple(_rooms(named[:MAX_CANDIDATES], conflict.moodle_group_id or 0)),
        len(named) > MAX_CANDIDATES,
    )


def read_target(conflict: Conflict, remote_id: str) -> tuple[Candidate, RemoteState]:
    """The one of that id as it is now. ConfigurationError where it is gone."""
    with connect(rocketchat_connection()) as remote:
        state = remote.read(known_counts={}, wanted_names=())
        room = state.channels.get(remote_id)
        if conflict.moodle_user_id is None and room is not None:  # with the mark that it carries
            state = remote.read(known_counts={}, wanted_names=[room.name])
    found: list[Candidate] = []
    if conflict.moodle_user_id is not None:
        account = state.accounts.get(remote_id)
        found = _accounts([account], state) if account else []
    elif room is not None and remote_id in state.channels:
        found = _rooms([state.channels[remote_id]], conflict.moodle_group_id or 0)
    if not found:
        raise ConfigurationError(gettext("That does not exist in Rocket.Chat any more."))
    return found[0], state


def remote_state() -> RemoteState:
    with connect(rocketchat_connection()) as remote:
        return remote.read(known_counts={}, wanted_names=())


def _fits(wanted: Iterable[str], texts: Iterable[str]) -> bool:
    known = " ".join(texts).casefold()
    return all(word in known for word in wanted)


def _words_of(account: RemoteAccount) -> tuple[str, ...]:
    return (account.username, account.name, account.account_id, *account.emails)


# --- accounts -------------------------------------------------------------------------------------


def _accounts(accounts: list[RemoteAccount], state: RemoteState) -> list[Candidate]:
    ids = [account.account_id for account in accounts]
    rows = AccountLink.objects.filter(rocketchat_user_id__in=ids)
    owners = dict(rows.values_list("rocketchat_user_id", "moodle_user_id"))
    names = IntegrationSettings.objects.values_list("protected_usernames", flat=True).first()
    policy = Policy(protected_usernames=frozenset((names or "").lower().split()))
    return [
        Candidate(
            account.account_id,
            account.username,
            tuple(filter(None, (account.name, ", ".join(account.emails)))),
            "" if account.active else gettext("deactivated"),
            _problem_of_account(account, state.bot_id, policy, owners),
        )
        for account in accounts
    ]


def _problem_of_account(
    account: RemoteAccount, bot_id: str, policy: Policy, owners: Mapping[str, int]
) -> str:
    if is_protected(account, bot_id, policy):
        return gettext("a bot, an administrator or protected by the settings")
    owner = owners.get(account.account_id)
    if owner is not None:
        return gettext("linked to the person with the Moodle id %(n)d already") % {"n": owner}
    return ""


# --- rooms ----------------------------------------------------------------------------------------


def _rooms(rooms: list[RemoteChannel], group_id: int) -> list[Candidate]:
    ids = [room.room_id for room in rooms]
    rows = ChannelLink.objects.filter(room_id__in=ids)
    owners = dict(rows.values_list("room_id", "moodle_group_id"))
    ours = IntegrationSettings.load().installation
    return [
        Candidate(
            room.room_id,
            room.name,
            (
                gettext("private") if room.private else gettext("public"),
                *_people_in(room),
                *((room.topic,) if room.topic else ()),
                *((gettext(BOT_OUTSIDE),) if room.bot_outside else ()),
            ),
            gettext("archived") if room.archived else "",
            gettext("created by another installation of rcsync")
            if is_foreign(room, ours)
            else _problem_of_room(room, group_id, owners),
        )
        for room in rooms
    ]


def _people_in(room: RemoteChannel) -> tuple[str, ...]:
    """Nothing where the server does not count them."""
    if room.users_count is None:
        return ()
    return (gettext("%(n)d members") % {"n": room.users_count},)


def _problem_of_room(room: RemoteChannel, group_id: int, owners: Mapping[str, int]) -> str:
    if room.room_id == MAIN_ROOM:
        return gettext("the default room that everybody is in")
    owner = owners.get(room.room_id)
    if owner is None and room.moodle_group not in (None, group_id):
        owner = room.moodle_group  # the mark that rcsync left when it made the room
    if owner is not None:
        return gettext("belongs to the group with the Moodle id %(n)d already") % {"n": owner}
    return ""
