"""Rocket.Chat's two lists as one reading gave them, and as text for whoever shares them. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple

from integration.domain.chunks import chunks
from integration.domain.messages import packed, unpacked
from integration.domain.state import Mark, RemoteAccount, RemoteChannel

FORMAT = 2  # of the text; another number when a field of a row comes, goes or moves
ROWS = 2_000  # in one piece: some 400 KB of text
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class RemoteLists:
    """Every account and room by its id. `unclear_*`: the id, or a part of the row, of what is there
    and cannot be understood -> what is wrong with it.
    """

    accounts: dict[str, RemoteAccount]
    channels: dict[str, RemoteChannel]
    unclear_accounts: dict[str, str]
    unclear_channels: dict[str, str]

    def __len__(self) -> int:
        """Rows of all kinds."""
        unclear = len(self.unclear_accounts) + len(self.unclear_channels)
        return len(self.accounts) + len(self.channels) + unclear


class Changed(NamedTuple):
    """What rcsync itself changed since the lists were read, as far as rows of them show it.

    `accounts` and `rooms` are ids; `renamed` are those rooms whose name changed, which may matter
    to every plan. `made` are new accounts as they were made.
    """

    accounts: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    renamed: frozenset[str] = frozenset()
    made: tuple[RemoteAccount, ...] = ()


class Shared(NamedTuple):
    """A reading by another run, which `number` names, and what changed since."""

    number: int
    lists: RemoteLists
    changed: Changed


def to_texts(lists: RemoteLists) -> Iterator[str]:
    """Pieces in any order, of which `from_texts` makes the lists again."""
    for name, rows in (
        ("accounts", lists.accounts.values()),
        ("channels", map(_channel_row, lists.channels.values())),
        ("unclear_accounts", _packed(lists.unclear_accounts)),
        ("unclear_channels", _packed(lists.unclear_channels)),
    ):
        for some in chunks(list(rows), ROWS):
            yield _encode([name, some])


def from_texts(texts: Iterable[str]) -> RemoteLists:
    """ValueError where a piece is none."""
    lists = RemoteLists({}, {}, {}, {})
    take: Mapping[str, Callable[[Any], None]] = {
        "accounts": lambda row: _take_account(lists.accounts, row),
        "channels": lambda row: _take_channel(lists.channels, row),
        "unclear_accounts": lambda row: lists.unclear_accounts.update({row[0]: unpacked(row[1])}),
        "unclear_channels": lambda row: lists.unclear_channels.update({row[0]: unpacked(row[1])}),
    }
    for text in texts:
        name, rows = json.loads(text)
        for row in rows:
            take[name](row)
    return lists


def _take_account(accounts: dict[str, RemoteAccount], row: list[Any]) -> None:
    account_id, username, name, emails, active, roles, kind, verified = row
    account_id = intern(account_id)
    accounts[account_id] = RemoteAccount(
        account_id,
        *(username, name, tuple(emails), active),
        tuple(map(intern, roles)),
        *(intern(kind), verified),
    )


def _channel_row(room: RemoteChannel) -> list[Any]:
    """What a row of the list says; members and roles are never in it."""
    return [
        *(room.room_id, room.name, room.private, room.users_count, room.archived, room.read_only),
        *(room.topic, room.creator_id, room.mark, room.slug, room.team),
        *(room.description, room.announcement),
    ]


def _take_channel(channels: dict[str, RemoteChannel], row: list[Any]) -> None:
    room_id, name, private, count, archived, read_only, topic, creator_id, *more = row
    mark, slug, team, description, announcement = more
    room_id = intern(room_id)
    channels[room_id] = RemoteChannel(
        *(room_id, name, private, count, archived, read_only, topic, creator_id),
        mark=mark and Mark(*mark),
        slug=slug,
        team=team,
        description=description,
        announcement=announcement,
    )


def _packed(unclear: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((row, packed(problem)) for row, problem in unclear.items())
