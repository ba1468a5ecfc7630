"""Connections that look at the IP address behind a name before anything is sent to it.

A name may lead to another address at every look-up, so the one that was connected to is checked
too. A proxy looks names up itself: through one, only addresses written as numbers are checked.
"""

import socket
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from integration.domain.addresses import is_refused, number_of

Check = Callable[[Iterable[str]], None]


class GuardedAdapter(HTTPAdapter):
    """Sends nothing to an address that `check` raises for; through a proxy, as far as the host is a
    number.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = guarded_pools(self._check)

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        try:
            number = number_of(urlsplit(request.url or "").hostname or "")
        except ValueError:  # a name: looked up when it is connected to
            pass
        else:
            self._check([str(number)])
        return super().send(request, *args, **kwargs)


def guarded_session(
    allowed: Collection[str], refused: Callable[[str], Exception]
) -> requests.Session:
    """A session that raises `refused` of a text where nothing may be sent to. `allowed`: networks
    that are all right all the same.
    """

    def check(addresses: Iterable[str]) -> None:
        for address in addresses:
            if is_refused(address, allowed):
                raise refused(f"nothing is sent to the address {address}")

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter(check))
    return session


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
