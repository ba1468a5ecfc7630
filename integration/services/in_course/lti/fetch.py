"""JSON from a platform, in seconds or not at all."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from integration.services.rocketchat.address_guard import guarded_session

TIMEOUT_SECONDS = (3.0, 5.0)  # to connect, and between two bytes
WHOLE_SECONDS = 10.0  # for the whole answer: a server that drips holds nobody up
MOST_BYTES = 256 * 1024
PIECE_BYTES = 16 * 1024
WORDS = re.compile(r"[\w .,:'-]{1,100}")  # such as Moodle's token_already_used


class FetchFailed(Exception):
    """No JSON object came. Says which address and why, in English."""


def get_json(url: str, token: str = "") -> dict[str, Any]:
    """The object at `url`; FetchFailed."""
    return _object("GET", url, token, None)


def post_json(url: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The object that answers the post; FetchFailed."""
    return _object("POST", url, token, body)


def _object(method: str, url: str, token: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    status, content = _answer(method, url, token, body)
    if not 200 <= status < 300 or len(content) > MOST_BYTES:
        raise FetchFailed(f"{url} answers with status {status}{_said(content)}")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise FetchFailed(f"{url} does not answer with JSON") from None
    if not isinstance(value, dict):
        raise FetchFailed(f"{url} does not answer with a JSON object")
    return value


def _said(content: bytes) -> str:
    """A few plain words of an error, else its length. No pages and no binary data."""
    words = content.decode("ascii", "replace").strip()
    return f": {words}" if WORDS.fullmatch(words) else f" and {len(content)} bytes"


def _content(answer: requests.Response) -> bytes:
    """At most one byte more than is read; FetchFailed where it takes too long."""
    ends, content = time.monotonic() + WHOLE_SECONDS, b""
    while len(content) <= MOST_BYTES:
        piece = answer.raw.read1(PIECE_BYTES, decode_content=True)
        if not piece:
            return content
        content += piece
        if time.monotonic() > ends:
            raise FetchFailed(f"{answer.url} takes more than {WHOLE_SECONDS:g} s to answer")
    return content[: MOST_BYTES + 1]


def _answer(method: str, url: str, token: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
    """The status and the first bytes; no redirect is followed."""
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with guarded_session(settings.ALLOWED_NETWORKS, FetchFailed) as session:
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
            return answer.status_code, _content(answer)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise FetchFailed(f"{url} does not answer ({type(error).__name__})") from None
