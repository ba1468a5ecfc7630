"""Take back what provably is rcsync's (services/sync/claimable.py): a look, then its result stored.

Nothing is sent to Rocket.Chat but questions.
"""

from datetime import datetime

from django.db import transaction

from integration.domain import reasons
from integration.domain.errors import ConfigurationError
from integration.domain.messages import counted, joined, msg
from integration.domain.operations import RemoveMember
from integration.domain.state import EVERYTHING, Managed, RemoteState
from integration.models import (
    AccountLink,
    ChannelLink,
    IntegrationSettings,
    ManagedMembership,
    SyncOperation,
)
from integration.services.admin.both_sides import read_both_sides
from integration.services.ledger import audit_trail, runs
from integration.services.ledger.managed import LookOnly
from integration.services.rocketchat import RocketChatRemote
from integration.services.sync.claimable import Claimable, as_installation, find_claimable


def find(installation: str = "", since: datetime | None = None) -> Claimable:
    """What could be claimed now. `installation`: in the place of that one, "" = as ourselves.
    `since`: when the copy was made that Rocket.Chat was restored from, None = it was not.

    SourceError, RocketChatError, ConfigurationError; the latter also where the workspace is another
    one than the links are about.
    """
    managed = as_installation(LookOnly().managed(EVERYTHING), installation)
    sides = read_both_sides(managed, rooms_of_ours)
    check_workspace(managed, sides.remote)
    return find_claimable(sides.desired, sides.remote, managed, sides.policy, _removed(since))


def claim(reason: str, installation: str = "", since: datetime | None = None) -> Claimable:
    """Look, and store what was found as made by rcsync. ConfigurationError where refused."""
    _check(reason, installation)
    found = find(installation, since)
    with transaction.atomic():
        if installation:
            IntegrationSettings.objects.update(installation=installation)
        _store(found)
        audit_trail.record(
            "claim",
            joined(
                ", ",
                [
                    counted("{n} room", "{n} rooms", len(found.rooms)),
                    counted("{n} account", "{n} accounts", len(found.accounts)),
                    counted("{n} membership", "{n} memberships", len(found.members)),
                ],
            ),
            after={
                "rooms": sorted(room.room_id for room in found.rooms.values()),
                "accounts": sorted(one.account_id for one in found.accounts.values()),
                "installation": IntegrationSettings.load().installation,
            },
            reason=reason.strip(),
        )
    return found


def _check(reason: str, installation: str) -> None:
    reasons.check(reason, msg("Claiming needs a reason."))
    runs.check_none_is_running(msg("Wait until it has finished, then claim again."))
    if installation and ChannelLink.objects.exists():
        raise ConfigurationError(
            msg("This installation has channels of its own; it cannot take another's place."),
            hint=msg("Do this with an empty database, before its first sync."),
        )


def _removed(since: datetime | None) -> frozenset[tuple[int, int]]:
    """(group id, user id) of the memberships that runs took away since then."""
    if since is None:
        return frozenset()
    done = SyncOperation.objects.filter(
        kind=RemoveMember.kind, status=SyncOperation.Status.DONE, finished_at__gte=since
    )
    pairs = done.values_list("moodle_group_id", "moodle_user_id")
    return frozenset((group, user) for group, user in pairs if group and user)


def check_workspace(managed: Managed, state: RemoteState) -> None:
    """ConfigurationError where another workspace answers than the one that all links are about."""
    if managed.server_id and state.server_id not in ("", managed.server_id):
        raise ConfigurationError(
            msg("This is another Rocket.Chat workspace than the one that the links are about."),
            hint=msg("Decide that first: ./rcsync server"),
        )


def rooms_of_ours(remote: RocketChatRemote) -> RemoteState:
    """Everything, with marks and members of the rooms that our own account created."""
    listed = remote.read(known_counts={}, wanted_names=())
    ours = [one for one in listed.channels.values() if one.creator_id == listed.bot_id]
    return remote.read(
        known_counts={},
        wanted_names={name for one in ours for name in one.names},
        full_check=[one.room_id for one in ours],
    )


def _store(found: Claimable) -> None:
    """What the links are made of in Moodle is stored by the next sync, as on every new link."""
    AccountLink.objects.bulk_create(
        AccountLink(
            moodle_user_id=user_id,
            rocketchat_user_id=account.account_id,
            username=account.username,
            created=True,
        )
        for user_id, account in found.accounts.items()
    )
    ChannelLink.objects.bulk_create(
        ChannelLink(
            moodle_group_id=group_id,
            moodle_course_id=room.mark.course_id or 0,
            room_id=room.room_id,
            name=room.name,
            **room.texts._asdict(),
            created=True,
        )
        for group_id, room in found.rooms.items()
        if room.mark is not None
    )
    channels = dict(ChannelLink.objects.values_list("moodle_group_id", "pk"))
    accounts = dict(AccountLink.objects.values_list("moodle_user_id", "pk"))
    for (group_id, user_id), role in found.members.items():
        ManagedMembership.objects.update_or_create(
            channel_id=channels[group_id],
            account_id=accounts[user_id],
            defaults={"room_role": role, "ours": True},
        )
