"""Corrects what the ledger says rcsync switched off or renamed, by what the server shows. Pure.

A process may die, or an answer get lost, between a change in Rocket.Chat and its record; and people
take changes back by hand. The record is corrected before anything is planned, so that what rcsync
did stays its own and it never takes back what it did not do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from integration.domain.operations import (
    Activate,
    Archive,
    Deactivate,
    FreeName,
    RenameChannel,
    SetReadOnly,
    SetTexts,
    Unarchive,
    UnsetReadOnly,
)
from integration.domain.room_texts import TEXTS
from integration.domain.state import (
    Ending,
    Managed,
    ManagedAccount,
    ManagedChannel,
    RemoteChannel,
    RemoteState,
    Scope,
)
from integration.services.sync.confirm import Claims

RENAMING = (RenameChannel.kind, FreeName.kind)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Rows to store as they are here; nothing is sent."""

    accounts: tuple[ManagedAccount, ...] = ()
    channels: tuple[ManagedChannel, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.channels)


def refresh(managed: Managed, remote: RemoteState, scope: Scope) -> tuple[Managed, Refreshed]:
    """The ledger as it should be, and the rows in which it differs."""
    claims = Claims(managed)
    refreshed = Refreshed(
        tuple(_accounts(managed, remote, claims)),
        tuple(_channels(managed, remote, scope, claims)),
    )
    if not refreshed:
        return managed, refreshed
    accounts = {link.user_id: link for link in refreshed.accounts}
    channels = {link.group_id: link for link in refreshed.channels}
    return replace(
        managed,
        accounts={**managed.accounts, **accounts},
        channels={**managed.channels, **channels},
    ), refreshed


def _accounts(managed: Managed, remote: RemoteState, claims: Claims) -> Iterator[ManagedAccount]:
    for link in managed.accounts.values():
        known = remote.accounts.get(link.account_id)
        if known is None or known.active is not link.deactivated:
            continue  # gone, or as noted
        never_woken = any(claims.of_user(Activate, link.user_id))
        switched_off = (Deactivate.kind, link.user_id) in managed.unfinished_changes
        if known.active or never_woken or switched_off:
            yield link._replace(deactivated=not known.active)


def _channels(
    managed: Managed, remote: RemoteState, scope: Scope, claims: Claims
) -> Iterator[ManagedChannel]:
    for link in managed.channels.values():
        room = remote.channels.get(link.room_id)
        if room is None or not scope.has_course(link.course_id):
            continue
        unfinished = managed.unfinished_changes
        renamed = any((kind, link.group_id) in unfinished for kind in RENAMING)
        true = replace(
            link,
            ended=_ended(link, room, unfinished, claims),
            name=room.name if renamed else link.name,
            **_texts(link, room, managed, claims),
        )
        if true != link:
            yield true


def _texts(
    link: ManagedChannel, room: RemoteChannel, managed: Managed, claims: Claims
) -> dict[str, Any]:
    """Of what was being set, or was said to be set and is as before, the room knows the truth."""
    found: dict[str, Any] = {}
    for name in TEXTS:
        known, there = getattr(link, name), getattr(room, name)
        unsure = (link.group_id, name) in managed.unfinished_texts or any(
            one.new.get(name) == known and one.old[name] == there
            for one in claims.of_group(SetTexts, link.group_id)
        )
        found[name] = there if unsure else known
    return found


def _ended(
    link: ManagedChannel,
    room: RemoteChannel,
    unfinished: frozenset[tuple[str, int]],
    claims: Claims,
) -> Ending | None:
    """How rcsync ended the channel; None when it did not, or when somebody took it back. What we
    were told was taken back, and was not, is still ended.
    """
    if room.archived and (
        link.ended is Ending.ARCHIVE
        or (Archive.kind, link.group_id) in unfinished
        or any(claims.of_group(Unarchive, link.group_id))
    ):
        return Ending.ARCHIVE
    if room.read_only and (
        link.ended is Ending.READ_ONLY
        or (SetReadOnly.kind, link.group_id) in unfinished
        or any(claims.of_group(UnsetReadOnly, link.group_id))
    ):
        return Ending.READ_ONLY
    return Ending.KEEP if link.ended is Ending.KEEP else None
