"""What our ledger says about accounts and channels, made true by a look at the server. Pure.

A process may die, or an answer get lost, between the change in Rocket.Chat and our note of it. The note is
made up for before anything is planned, so that what rcsync did stays its own: it is taken back when its reason
is gone, and nothing that others did is taken for ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from integration.services.operations import Archive, Deactivate, RenameChannel, SetReadOnly
from integration.services.state import (
    Ending,
    Managed,
    ManagedAccount,
    ManagedChannel,
    RemoteAccount,
    RemoteChannel,
    RemoteState,
    Scope,
)


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows to store as they are here; nothing is sent."""

    accounts: tuple[ManagedAccount, ...] = ()
    channels: tuple[ManagedChannel, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.channels)


def settle(managed: Managed, remote: RemoteState, scope: Scope) -> tuple[Managed, Settled]:
    """The ledger as it should be, and the rows in which it differs."""
    settled = Settled(
        tuple(_accounts(managed, remote)),
        tuple(_channels(managed, remote, scope)),
    )
    if not settled:
        return managed, settled
    accounts = {link.user_id: link for link in settled.accounts}
    channels = {link.group_id: link for link in settled.channels}
    return replace(
        managed,
        accounts={**managed.accounts, **accounts},
        channels={**managed.channels, **channels},
    ), settled


def _accounts(managed: Managed, remote: RemoteState) -> Iterator[ManagedAccount]:
    for link in managed.accounts.values():
        known = remote.accounts.get(link.account_id)
        if known is not None:
            deactivated = _deactivated(link, known, managed)
            if deactivated is not link.deactivated:
                yield replace(link, deactivated=deactivated)


def _deactivated(link: ManagedAccount, known: RemoteAccount, managed: Managed) -> bool:
    """By us, that is. An active account is not, whoever switched it on."""
    if known.active:
        return False
    return link.deactivated or (Deactivate.kind, link.user_id) in managed.unfinished


def _channels(managed: Managed, remote: RemoteState, scope: Scope) -> Iterator[ManagedChannel]:
    for link in managed.channels.values():
        room = remote.channels.get(link.room_id)
        if room is not None and scope.has_course(link.course_id):
            name = link.name
            if (RenameChannel.kind, link.group_id) in managed.unfinished:
                name = room.name
            true = replace(link, ended=_ended(link, room, managed), name=name)
            if true != link:
                yield true


def _ended(link: ManagedChannel, room: RemoteChannel, managed: Managed) -> Ending | None:
    """By us, that is. What somebody took back is not ended any more."""
    if link.ended is Ending.ARCHIVE:
        return Ending.ARCHIVE if room.archived else None
    if room.archived and (Archive.kind, link.group_id) in managed.unfinished:
        return Ending.ARCHIVE
    if link.ended is Ending.READ_ONLY:
        return Ending.READ_ONLY if room.read_only else None
    if room.read_only and (SetReadOnly.kind, link.group_id) in managed.unfinished:
        return Ending.READ_ONLY
    return link.ended
