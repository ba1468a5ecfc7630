"""The stand-in as one object: start it, use it, look into it, stop it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from demo.standin import hooks
from demo.standin.application import Application
from demo.standin.dialects import dialect_like
from demo.standin.state.fresh import fresh_world
from demo.standin.state.options import Options
from demo.standin.state.world import ServerState
from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Fault
from demo.standin.web.wire import WebServer


class StandIn:
    """A stand-in Rocket.Chat on 127.0.0.1.

    Args:
        like: which server it resembles: "3.11", "6.5", "7.2", "7.7", "8.6", "8.8" or "9.0".
        latency_ms: how long every API call takes at least.
        rate_limit: whether callers without `api-bypass-rate-limit` (and logins) are limited.
        port: 0 takes a free one.
        world: the state to serve; a fresh one by default.
        options: its network, its licence, its add-ons; see `state/options.py`.
        young_admin: the administrator was made just now: for half an hour nobody asks for a
            second factor.

    As a context manager it serves inside the block:

        with StandIn(like="8.8") as server:
            requests.get(f"{server.url}/api/info")
    """

    def __init__(
        self,
        like: str = "6.5",
        *,
        latency_ms: float = 0,
        rate_limit: bool = False,
        port: int = 0,
        world: ServerState | None = None,
        options: Options | None = None,
        young_admin: bool = False,
    ) -> None:
        self.world = world or fresh_world(dialect_like(like), young_admin=young_admin)
        self.world.options = options or self.world.options
        self.application = Application(self.world, latency_ms=latency_ms, rate_limit=rate_limit)
        self._web = WebServer(port, self._reply)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._web.server_address[1])

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def _reply(self, request: Request) -> Reply:
        if request.path.startswith(hooks.PREFIX):
            return hooks.reply(self.application, request)
        return self.application.reply(request)

    def start(self) -> None:
        """Serves from a thread of its own."""
        self._thread = threading.Thread(target=self.serve, name="standin", daemon=True)
        self._thread.start()

    def serve(self) -> None:
        """Serves until `stop` is called or a fault makes the server die."""
        self._web.serve_forever(poll_interval=0.05)

    @property
    def serving(self) -> bool:
        """Whether the thread made by `start` still serves."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Stops serving and cuts every connection."""
        if self._thread is not None:
            self._web.die()
            self._thread.join()
        self._web.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def state(self) -> dict[str, Any]:
        """What `GET /_standin/state` answers."""
        return hooks.state(self.world)

    def stats(self) -> dict[str, Any]:
        """What `GET /_standin/stats` answers: total, writes, by_endpoint, by_status."""
        return self.application.stats.as_dict()

    def reset_stats(self) -> None:
        """Counts from zero again."""
        self.application.stats.reset()

    def fault(self, kind: str, **options: Any) -> None:
        """Orders a fault; options as in `faults.Fault`."""
        self.application.faults.order(Fault(kind, **options))

    def clear_faults(self) -> None:
        """Forgets the faults that are not used up."""
        self.application.faults.clear()

    def configure(self, **wishes: Any) -> None:
        """Changes latency_ms, rate_limit, permissions, any option or any server setting."""
        hooks.configure(self.application, wishes)
