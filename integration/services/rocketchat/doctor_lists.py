"""The doctor's look at the two lists that every run reads: whether each row can be understood."""

from collections.abc import Iterator

from integration.domain.checks import Check, CheckStatus
from integration.domain.messages import msg
from integration.services.rocketchat.client import RocketChat
from integration.services.rocketchat.features import Features
from integration.services.rocketchat.snapshot import RemoteReader

SHOWN = 10


def list_checks(client: RocketChat, features: Features) -> Iterator[Check]:
    """One line, and one more for each of the first rows that cannot be understood."""
    name = msg("Lists")
    accounts, rooms, unclear = RemoteReader(client, features).lists()
    if not unclear:
        found = msg(
            "{accounts} accounts and {rooms} rooms, each of which can be read",
            accounts=accounts,
            rooms=rooms,
        )
        yield Check(name, CheckStatus.OK, found)
        return
    found = msg("{n} accounts or rooms cannot be read: runs pass them over", n=len(unclear))
    yield Check(name, CheckStatus.WARNING, found, msg("Correct each in Rocket.Chat."))
    for row, problem in list(unclear.items())[:SHOWN]:
        yield Check(name, CheckStatus.WARNING, msg("{row}: {problem}", row=row, problem=problem))
