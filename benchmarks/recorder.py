"""Writes down what a worker asks Rocket.Chat, in all of its processes: an app for INSTALLED_APPS.

A line of JSON for each request that was answered, into the file that RECORD names.
"""

import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import AppConfig

RECORD = "REQUESTS_RECORDED_IN"
SEARCHES = ("searchTerm", "query", "filter")
LISTS = ("GET users.listByStatus", "GET users.list", "GET rooms.adminRooms")


class Recorded(NamedTuple):
    """`run`: equal for requests of one run. `size`: bytes of the answer without its headers, as
    they were after decompression. `whole`: the beginning of a list, and not a search.
    """

    run: str
    endpoint: str
    size: int
    whole: bool


class Recorder(AppConfig):
    name = "benchmarks"

    def ready(self) -> None:
        from integration.services.rocketchat.transport import Answer, Request, Transport

        send, numbers = Transport.send, itertools.count(1)

        def recorded(transport: Transport, request: Request, auth: Any) -> Answer:
            answer = send(transport, request, auth)
            number = vars(transport).setdefault("recorded_as", next(numbers))
            whole = is_whole(request.endpoint, request.params or {})
            run = f"{os.getpid()}-{number}"  # a run has a transport of its own
            _append(Recorded(run, request.endpoint, len(answer.content), whole))
            return answer

        Transport.send = recorded  # type: ignore[method-assign,assignment]


def is_whole(endpoint: str, params: Any) -> bool:
    searched = any(name in params for name in SEARCHES)
    return endpoint in LISTS and not searched and not params.get("offset")


def _append(line: Recorded) -> None:
    """One small write at the end of the file, which other processes do not break into."""
    text = json.dumps(line) + "\n"
    target = os.open(os.environ[RECORD], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(target, text.encode())
    finally:
        os.close(target)


def recorded_in(path: Path) -> list[Recorded]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [Recorded(*json.loads(line)) for line in lines]


def reads(found: Iterable[Recorded]) -> list[Recorded]:
    return [one for one in found if one.endpoint.startswith("GET ")]
