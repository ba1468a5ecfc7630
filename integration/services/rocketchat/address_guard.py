"""Connections that look at the IP address behind a name before anything is sent to it.

A name may lead to another address at every look-up, so the one that was connected to is checked
too. A proxy looks names up itself: through one, only addresses written as numbers are checked.
"""

import socket
from collections.abc import Callable, Iterable

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

Check = Callable[[Iterable[str]], None]


def guarded_pools(check: Check) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme; `check` raises for addresses that are refused."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            check(_addresses_of(self._dns_host, self.port))
            return _checked(super()._new_conn(), check)

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            check(_addresses_of(self._dns_host, self.port))
            return _checked(super()._new_conn(), check)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _addresses_of(host: str, port: int | None) -> list[str]:
    """None where the name is unknown: the connection then says so."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]) for *_, address in found]


def _checked(connected: socket.socket, check: Check) -> socket.socket:
    try:
        check([str(connected.getpeername()[0])])
    except BaseException:
        connected.close()
        raise
    return connected
