"""JSON from a platform, in seconds or not at all."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from integration.domain.addresses import is_refused
from integration.services.rocketchat.address_guard import guarded_pools

TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, and between two bytes
MOST_BYTES = 256 * 1024


class FetchFailed(Exception):
    """No JSON object came. Says which address and why, in English."""


def get_json(url: str, token: str = "") -> dict[str, Any]:
    """The object at `url`; FetchFailed."""
    return _object("GET", url, token, None)


def post_json(url: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The object that answers the post; FetchFailed."""
    return _object("POST", url, token, body)


class _GuardedAdapter(HTTPAdapter):
    """Sends nothing to addresses where only machines find out about themselves."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = guarded_pools(_check_addresses)


def _check_addresses(found: Iterable[str]) -> None:
    for address in found:
        if is_refused(address, settings.ALLOWED_NETWORKS):
            raise FetchFailed(f"nothing is sent to the address {address}")


def _object(method: str, url: str, token: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    status, content = _answer(method, url, token, body)
    if not 200 <= status < 300 or len(content) > MOST_BYTES:
        raise FetchFailed(f"{url} answers with status {status} and {len(content)} bytes")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise FetchFailed(f"{url} does not answer with JSON") from None
    if not isinstance(value, dict):
        raise FetchFailed(f"{url} does not answer with a JSON object")
    return value


def _answer(method: str, url: str, token: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
    """The status and the first bytes; no redirect is followed."""
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _GuardedAdapter())
        try:
            answer = session.request(
                method,
                url,
                json=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            )
            return answer.status_code, answer.raw.read(MOST_BYTES + 1, decode_content=True)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise FetchFailed(f"{url} does not answer ({type(error).__name__})") from None
