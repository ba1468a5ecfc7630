"""What answers at an address: Rocket.Chat, or what else. Nothing but public pages is asked for.

A wrong address is told for what it is within seconds. A server that is only slow is waited for.
"""

import socket
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from integration.domain.errors import (
    ConfigurationError,
    SyncError,
    TransientError,
)
from integration.domain.messages import msg
from integration.services.rocketchat.connection import Connection, check_addresses
from integration.services.rocketchat.transport import Answer, NoAuth, Request, Transport

CONNECT_SECONDS = 3.0
SPEAK_SECONDS = 1.5  # for the first word of another protocol
PATIENCE_SECONDS = 15.0  # for the answer of a slow server
Place = tuple[str, int]  # IP address and port
HELLO = b"HEAD / HTTP/1.0\r\n\r\n"
INFO = Request("GET", "api/info", "GET /api/info", repeatable=True)
ME = Request("GET", "api/v1/me", "GET me", repeatable=True)


def check_address(connection: Connection) -> None:
    """Returns where Rocket.Chat answers. ConfigurationError: another address has to be entered;
    TransientError: the address may be right, and its server does not answer now.
    """
    patient = replace(connection, connect_timeout=CONNECT_SECONDS, read_timeout=PATIENCE_SECONDS)
    transport = Transport(patient)
    try:
        _ask(transport, connection.url)
    except SyncError as error:
        raise _explained(error, connection) from error
    finally:
        transport.close()


def _explained(error: SyncError, connection: Connection) -> SyncError:
    """What is at the address instead, found out with plain sockets; behind a proxy they are of no
    use. Nothing is sent to an address that `check_addresses` refuses.
    """
    url = connection.url
    if get_environ_proxies(url):
        return error
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    name, port = parts.hostname or "", parts.port or (443 if tls else 80)
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ConfigurationError(
            msg("There is no host named {host}.", host=name),
            hint=msg("Check the spelling, and the DNS server of this machine."),
        )
    addresses = [str(one[4][0]) for one in found]
    check_addresses(url, addresses, connection.allowed_networks)
    place = (addresses[0], port)
    return _unreached(name, place) or _other_protocol(url, place, tls=tls) or error


def _unreached(name: str, place: Place) -> SyncError | None:
    port = place[1]
    try:
        socket.create_connection(place, SPEAK_SECONDS).close()
    except TimeoutError:
        return TransientError(
            msg("{host} does not answer on port {port}.", host=name, port=port),
            hint=msg("Check the port, and whether a firewall blocks it."),
        )
    except OSError:
        return TransientError(
            msg("Nothing listens on port {port} of {host}.", port=port, host=name),
            hint=msg("Check the port, and that Rocket.Chat runs."),
        )
    return None


def _other_protocol(url: str, place: Place, *, tls: bool) -> SyncError | None:
    speaks_tls = _speaks_tls(place)
    if tls and not speaks_tls and _speaks_http(place):
        return ConfigurationError(
            msg("{url} is answered without TLS: this port speaks plain HTTP.", url=url),
            hint=msg("Write {url}", url=url.replace("https://", "http://", 1)),
        )
    if not tls and speaks_tls:
        return ConfigurationError(
            msg("{url} is answered with TLS: this port speaks HTTPS.", url=url),
            hint=msg("Write {url}", url=url.replace("http://", "https://", 1)),
        )
    return None


def _speaks_tls(place: Place) -> bool:
    """Whether a handshake works; whose certificate it is does not matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(place, SPEAK_SECONDS) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except (OSError, ValueError):
        return False


def _speaks_http(place: Place) -> bool:
    try:
        with socket.create_connection(place, SPEAK_SECONDS) as plain:
            plain.sendall(HELLO)
            return plain.recv(5) == b"HTTP/"
    except OSError:
        return False


def _ask(transport: Transport, url: str) -> None:
    """/api/info is the page of Rocket.Chat; where a proxy keeps it back, `me` says who answers."""
    if _is_rocketchat(transport.send(INFO, NoAuth())):
        return
    answer = transport.send(ME, NoAuth())
    if _is_rocketchat(answer):
        return
    if answer.status >= 500:
        raise TransientError(
            msg("{url} answers with HTTP {status}.", url=url, status=answer.status),
            hint=msg("Check whether Rocket.Chat runs behind it."),
        )
    raise ConfigurationError(
        msg("{url} answers, but is not Rocket.Chat.", url=url),
        hint=msg("Enter the address under which people open Rocket.Chat, with its path if any."),
    )


def _is_rocketchat(answer: Answer) -> bool:
    """Its JSON says `success`, or `status` where it wants a login."""
    body = answer.body or {}
    return body.get("success") is True or body.get("status") == "error" or "version" in body
