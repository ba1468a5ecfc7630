"""First sync on a server without internet, against the server's own time for the same calls.

    ./rcsync python -m benchmarks.no_internet [--people 40] [--like 8.6] [--seconds 0.5]

Such a server takes long for /api/info and for every new account (reference 11: 5 to 41 seconds).
All times are scaled, the time-outs too. The server's own time is /api/info, and the accounts dealt
out to so many connections in their order. Exit status 1 = more than 1.2 times that.
"""

import argparse
import heapq
import time
from collections.abc import Sequence

from benchmarks.leftovers import leaving_nothing
from demo.standin import ADMIN_ID, ADMIN_TOKEN, Options, StandIn
from demo.standin.rules import outside
from demo.standin.state.world import ServerState
from integration.domain.operations import (
    ChannelRef,
    CreateAccount,
    CreateChannel,
    Joiner,
    Operation,
)
from integration.domain.state import Managed
from integration.services.rocketchat import Connection, Credentials, RocketChat, RocketChatRemote
from integration.services.sync.apply import Applied, apply_plan
from integration.services.sync.perform import Ids
from integration.services.sync.plan import Plan
from integration.services.sync.report import Outcome

AIM = 1.2
REAL_SECONDS = 5.0  # what `--seconds` stands for
READ_TIMEOUT, LONG_READ_TIMEOUT, CONNECTIONS = 10.0, 120.0, 8


class NoJournal:
    def starting(self, operations: Sequence[Operation]) -> Sequence[Operation]:
        return ()

    def put_off(self, operations: Sequence[Operation]) -> None: ...

    def finished(self, outcomes: Sequence[Outcome]) -> None: ...


def main() -> int:
    options = _options()
    names = [f"person{number}" for number in range(options.people)]
    with StandIn(like=options.like, options=Options(outside_seconds=options.seconds)) as server:
        scale = options.seconds / REAL_SECONDS
        connection = Connection(
            server.url,
            Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN),
            read_timeout=READ_TIMEOUT * scale,
            long_read_timeout=LONG_READ_TIMEOUT * scale,
            max_connections=CONNECTIONS,
        )
        started = time.perf_counter()
        with RocketChatRemote(RocketChat(connection)) as remote:
            applied = first_sync(remote, names)
            requests = remote.stats.total
        took = time.perf_counter() - started
        own = own_seconds(server.world, names)
    ended = applied.tally.by_kind
    done = sum(number for (_, result), number in ended.items() if result == "done")
    ratio = took / own
    print(
        f"{options.like} without internet, {options.people} people: {done} of "
        f"{ended.total()} operations done with {requests} requests in {took:.1f} s; the "
        f"server's own time at {CONNECTIONS} connections is {own:.1f} s: {ratio:.2f} times"
    )
    return int(ratio > AIM or done < ended.total())


def first_sync(remote: RocketChatRemote, names: Sequence[str]) -> Applied:
    """Look, make every account, and put everybody into one channel."""
    remote.name_rules()
    remote.read(known_counts={}, wanted_names=["group"])
    accounts: list[Operation] = [
        CreateAccount(number, name, name.title(), f"{name}@example.com", reason="new")
        for number, name in enumerate(names)
    ]
    joiners = tuple(Joiner(number, "in the group", name) for number, name in enumerate(names))
    channel = CreateChannel(ChannelRef(1, 1, "group", None, True), joiners, reason="new")
    ids = Ids(Managed(), Plan())
    return apply_plan((*accounts, channel), remote.writes, ids, NoJournal(), workers=CONNECTIONS)


def own_seconds(world: ServerState, names: Sequence[str]) -> float:
    free = [0.0] * CONNECTIONS
    for name in names:
        start = heapq.heappop(free)
        heapq.heappush(free, start + outside.wait(world, "users.create", 200, name))
    return outside.wait(world, "/api/info", 200) + max(free)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--like", default="8.6", help="the version the stand-in resembles")
    parser.add_argument("--seconds", type=float, default=0.5, help="in place of 5 real ones")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(leaving_nothing(main))
