"""Notices within seconds that a server is back, as long as runs wait for it."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from django.db import close_old_connections, connections

from integration.domain.errors import SyncError
from integration.domain.outcomes import RunCause
from integration.services.background import retries
from integration.services.monitoring.own_database import log_failure
from integration.services.moodle.reader import MoodleReader
from integration.services.rocketchat.transport import NoAuth, Request, Transport
from integration.services.runs.configured_connection import rocketchat_connection

logger = logging.getLogger(__name__)

ASK_SECONDS = 10.0
TIMEOUT_SECONDS = 4.0  # an exchange ends after three of them: 30 s hold both together
# Any Rocket.Chat refuses this call at once, with JSON, without a look at accounts or the internet.
WHO_AM_I = Request("GET", "api/v1/me", "GET me")


def watch_until(stop: threading.Event) -> None:
    """The thread of the worker command: in one of its own, because a server may be slow."""
    watch = Watch()
    try:
        while not stop.wait(ASK_SECONDS):
            try:
                close_old_connections()
                watch.check()
            except Exception as error:  # noqa: BLE001 - it is logged
                log_failure(logger, "the look after an outage", error)
    finally:
        connections.close_all()


def chat_answers() -> bool:
    """Whether something answers that is a Rocket.Chat. One request, without credentials."""
    try:
        connection = replace(
            rocketchat_connection(), read_timeout=TIMEOUT_SECONDS, connect_timeout=TIMEOUT_SECONDS
        )
        transport = Transport(connection)
        try:
            answer = transport.send(WHO_AM_I, NoAuth())
        finally:
            transport.close()
    except SyncError:
        return False
    return answer.status < 500 and answer.body is not None


def moodle_answers() -> bool:
    try:
        MoodleReader().roles()
    except SyncError:
        return False
    return True


ASK: Mapping[RunCause, Callable[[], bool]] = {
    RunCause.CHAT_AWAY: chat_answers,
    RunCause.MOODLE: moodle_answers,
}


class Watch:
    """Wakes what waits once for each return of a server.

    A server that answers here and fails all the same under a run leaves the pauses as they are.
    """

    def __init__(self, ask: Mapping[RunCause, Callable[[], bool]] = ASK) -> None:
        self._ask = ask
        self._away = set(ask)  # what was before we looked is not known

    def check(self) -> int:
        """The number of runs that begin now."""
        begun = 0
        for cause, answers in self._ask.items():
            if not retries.waiting(cause).exists():
                continue
            if not answers():
                self._away.add(cause)
            elif cause in self._away:
                self._away.discard(cause)
                begun += retries.begin_now(cause)
                logger.warning("outage=%s is over: %d runs begin", cause, begun)
        return begun
