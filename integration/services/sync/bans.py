"""Of which channels the server has to be asked who is banned. Pure.

Only a member can be banned, and is out then: so it is asked only where somebody who is to be in was
in, or was refused for a ban, and is not in now.
"""

from collections.abc import Iterator, Mapping

from integration.domain.state import Managed, ManagedMember, RemoteChannel, RemoteState
from integration.services.sync.desired import Desired


def rooms_in_doubt(desired: Desired, managed: Managed, remote: RemoteState) -> Iterator[str]:
    """Room ids."""
    for group_id, wanted in desired.channels.items():
        link, rows = managed.channels.get(group_id), managed.members.get(group_id, {})
        room = remote.channels.get(link.room_id) if link else None
        if room is None:
            continue
        for user_id in _absent(rows, room, managed, remote):
            refused = managed.left_out.get((group_id, user_id))
            if user_id in wanted.members and (refused is None or refused.banned):
                yield room.room_id
                break


def _absent(
    rows: Mapping[int, ManagedMember], room: RemoteChannel, managed: Managed, remote: RemoteState
) -> Iterator[int]:
    """People with a row who are known to be out; of deactivated ones a list tells nothing."""
    for user_id, row in rows.items():
        if room.members is None and not row.missing:
            continue
        account = remote.accounts.get(managed.accounts[user_id].account_id)
        if account and account.active and account.account_id not in (room.members or ()):
            yield user_id
