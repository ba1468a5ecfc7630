"""`python -m demo.standin` and `manage.py standin`: serve until stopped."""

from __future__ import annotations

import _thread
import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from demo.standin.constants import ADMIN_PASSWORD, ADMIN_USERNAME
from demo.standin.dialects import DIALECTS, dialect_like
from demo.standin.server import StandIn
from demo.standin.state import storage
from demo.standin.state.fresh import fresh_world
from demo.standin.state.options import Abac, Options
from demo.standin.state.world import ServerState

SAVE_EVERY = 1.0  # seconds
OUTSIDE_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options both ways to start share."""
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: a free one")
    parser.add_argument("--like", choices=list(DIALECTS), default="8.8", help="server to resemble")
    parser.add_argument("--latency-ms", type=float, default=0, help="least duration of a call")
    parser.add_argument("--rate-limit", action="store_true", help="limit calls as a server does")
    parser.add_argument("--state", type=Path, help="file to start from and to save to")
    _add_surroundings(parser.add_argument_group("the server's surroundings"))
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another value of a server setting, as JSON or as it is; may be given again",
    )


def _add_surroundings(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--no-internet",
        type=float,
        nargs="?",
        const=OUTSIDE_SECONDS,
        default=0,
        metavar="SECONDS",
        help="calls to the outside fail after so long: users.create takes one to eight times that",
    )
    group.add_argument(
        "--late-joins",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how long after its refusal a half accepted invitation lets the last people in",
    )
    group.add_argument("--seats", type=int, help="active people the licence allows")
    group.add_argument("--abac", choices=get_args(Abac), default="off", help="access by attributes")
    group.add_argument("--not-compliant", action="append", default=[], metavar="USERNAME")
    group.add_argument("--unregistered", action="store_true", help="the workspace is so")
    group.add_argument(
        "--young-admin", action="store_true", help="made just now: not asked for a second factor"
    )


def run(given: Mapping[str, Any], say: Callable[[str], object]) -> int:
    """Serves until SIGTERM, SIGINT or death; answers the exit code.

    Args:
        given: the options by the names that `add_arguments` gives them.
    """
    try:
        world = _world(given)
        server = StandIn(
            port=given["port"],
            latency_ms=given["latency_ms"],
            rate_limit=given["rate_limit"],
            world=world,
            options=_options(given),
        )
        server.configure(**dict(_setting(text) for text in given["set"]))
    except storage.UnreadableState as error:
        say(f"Cannot start from the state file: {error}")
        return 2
    except (KeyError, ValueError) as error:
        say(f"Cannot start: {error}")
        return 2
    _serve(server, given["state"], say)
    return 0


def _world(given: Mapping[str, Any]) -> ServerState:
    dialect, state = dialect_like(given["like"]), given["state"]
    if state is not None and state.exists():
        return storage.load_file(state, dialect)
    return fresh_world(dialect, young_admin=given["young_admin"])


def _options(given: Mapping[str, Any]) -> Options:
    return Options(
        outside_seconds=given["no_internet"],
        late_join_seconds=given["late_joins"],
        registered=not given["unregistered"],
        seats=given["seats"],
        abac=given["abac"],
        not_compliant=set(given["not_compliant"]),
    )


def _setting(text: str) -> tuple[str, Any]:
    """The name and value of a setting; what is no JSON is text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"not NAME=VALUE: {text}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _serve(server: StandIn, state: Path | None, say: Callable[[str], object]) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread: this one waits for the event, and may hold its lock at this moment.
        signal.signal(number, lambda *_: _thread.start_new_thread(stopped.set, ()))
    server.start()
    say(f"Stand-in Rocket.Chat {server.world.dialect.version} at {server.url}")
    say(f"Administrator: {ADMIN_USERNAME}, password {ADMIN_PASSWORD}")
    saved = 0
    while not stopped.wait(SAVE_EVERY) and server.serving:
        saved = _save_if_changed(server.world, state, saved)
    _save_if_changed(server.world, state, saved)
    server.stop()


def _save_if_changed(world: ServerState, state: Path | None, saved: int) -> int:
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
    return run(vars(parser.parse_args(arguments)), _say)
