"""`python -m demo.standin` and `manage.py standin`: serve until stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from demo.standin.constants import ADMIN_PASSWORD, ADMIN_USERNAME
from demo.standin.dialects import DIALECTS, dialect_like
from demo.standin.server import StandIn
from demo.standin.state import storage
from demo.standin.state.fresh import fresh_world
from demo.standin.state.world import World

SAVE_EVERY = 1.0  # seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options both ways to start share."""
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: a free one")
    parser.add_argument("--like", choices=list(DIALECTS), default="8.8", help="server to resemble")
    parser.add_argument("--latency-ms", type=float, default=0, help="least duration of a call")
    parser.add_argument("--rate-limit", action="store_true", help="limit calls as a server does")
    parser.add_argument("--state", type=Path, help="file to start from and to save to")


def run(
    *,
    port: int,
    like: str,
    latency_ms: float,
    rate_limit: bool,
    state: Path | None,
    say: Callable[[str], object],
) -> int:
    """Serves until SIGTERM, SIGINT or death; answers the exit code."""
    dialect = dialect_like(like)
    try:
        known = state is not None and state.exists()
        world = storage.load_file(state, dialect) if state and known else fresh_world(dialect)
    except storage.UnreadableState as error:
        say(f"Cannot start from the state file: {error}")
        return 2
    server = StandIn(port=port, latency_ms=latency_ms, rate_limit=rate_limit, world=world)
    _serve(server, state, say)
    return 0


def _serve(server: StandIn, state: Path | None, say: Callable[[str], object]) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    say(f"Stand-in Rocket.Chat {server.world.dialect.version} at {server.url}")
    say(f"Administrator: {ADMIN_USERNAME}, password {ADMIN_PASSWORD}")
    saved = 0
    while not stopped.wait(SAVE_EVERY) and server.serving:
        saved = _save_if_changed(server.world, state, saved)
    _save_if_changed(server.world, state, saved)
    server.stop()


def _save_if_changed(world: World, state: Path | None, saved: int) -> int:
    """Saves once the world is not what was saved; answers what is saved now."""
    changes = world.changes
    if state is not None and (changes != saved or not state.exists()):
        storage.save_file(world, state)
    return changes


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line without Django."""
    parser = argparse.ArgumentParser(prog="python -m demo.standin", description=__doc__)
    add_arguments(parser)
    return run(**vars(parser.parse_args(arguments)), say=_say)
