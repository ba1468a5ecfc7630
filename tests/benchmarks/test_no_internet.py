"""A server without internet is asked for everything once."""

from benchmarks.no_internet import first_sync
from demo.standin import ADMIN_ID, ADMIN_TOKEN, Options, StandIn
from integration.services.rocketchat import Connection, Credentials, RocketChat, RocketChatRemote


def test_a_first_sync_without_internet_asks_for_each_account_once() -> None:
    """Each takes longer than the usual time-out."""
    names = [f"person{number}" for number in range(8)]
    with StandIn(like="8.6", options=Options(outside_seconds=0.2)) as server:
        credentials = Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN)
        connection = Connection(
            server.url, credentials, read_timeout=0.15, long_read_timeout=20, max_connections=8
        )
        with RocketChatRemote(RocketChat(connection)) as remote:
            applied = first_sync(remote, names)
            assert {result for _, result in applied.tally.by_kind} == {"done"}
            assert remote.stats.by_endpoint["POST users.create"] == len(names)
            assert "GET users.info" not in remote.stats.by_endpoint
            assert remote.client.limiter.concurrency.places == 8
