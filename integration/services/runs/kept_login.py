"""Which log-in a run uses, and how a worker gives its log-in back.

Only where a worker runs on a username and a password. Pages and commands log in and out.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from multiprocessing import util

from django.conf import settings

from integration.domain.addresses import origin
from integration.domain.errors import SyncError
from integration.domain.secret import Secret
from integration.models import KeptLogin
from integration.services.ledger import heartbeat
from integration.services.ledger.kept_logins import ProcessLogin, StoredLogin
from integration.services.rocketchat.connection import Connection
from integration.services.rocketchat.session import Identity, KeptLogins
from integration.services.rocketchat.transport import Request, Transport
from integration.services.runs.configured_connection import rocketchat_connection

logger = logging.getLogger(__name__)

LOGOUT = Request("POST", "api/v1/logout", "POST logout", body={})
TIMEOUT_SECONDS = 3.0  # a worker that ends waits for nobody

_of_process: ProcessLogin | None = None


def kept_login(connection: Connection) -> KeptLogins | None:
    """Where this run finds and leaves its log-in; None: it logs in and out by itself."""
    if not (heartbeat.in_worker() and connection.credentials.by_password):
        return None
    server, username = origin(connection.url), connection.credentials.username
    if settings.RCSYNC_SECRET_KEYS:
        return StoredLogin(heartbeat.cluster_name(), server, username)
    return _login_of_process(connection, server, username)


def _login_of_process(connection: Connection, server: str, username: str) -> ProcessLogin:
    global _of_process  # noqa: PLW0603  # one for each process is what it is
    known = _of_process
    if known is None or (known.server, known.username) != (server, username):
        known = _of_process = ProcessLogin(server, username)
        # Called when a process that multiprocessing started ends, which atexit is not.
        util.Finalize(None, _give_up_of_process, args=(connection, known), exitpriority=10)
    return known


def _give_up_of_process(connection: Connection, login: ProcessLogin) -> None:
    if kept := login.recall():
        _log_out(connection, *kept)


def give_up(workers: Iterable[str]) -> None:
    """Log out and forget. Never raises SyncError: a worker ends all the same."""
    rows = KeptLogin.objects.filter(worker__in=list(workers))
    if not rows.exists():
        return
    try:
        connection = rocketchat_connection()
        for row in rows.filter(server=origin(connection.url)):
            _log_out(connection, row.user_id, Secret(row.token))
    except SyncError as problem:
        logger.debug("a log-in was not given back: %s", type(problem).__name__)
    rows.delete()


def give_up_left_behind() -> None:
    """What workers left that were killed."""
    names = set(KeptLogin.objects.values_list("worker", flat=True))
    give_up(names - set(heartbeat.live_clusters()))


def _log_out(connection: Connection, user_id: str, token: Secret) -> None:
    """One try. The token goes to the server that it came from: the caller has compared them."""
    quick = replace(connection, connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS)
    transport = Transport(quick)
    try:
        transport.send(LOGOUT, Identity(user_id, token))
    except SyncError as problem:
        logger.debug("endpoint=%s problem=%s", LOGOUT.endpoint, type(problem).__name__)
    finally:
        transport.close()
