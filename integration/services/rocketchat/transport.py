"""One HTTP exchange: bounded in time and size, no redirects, no secrets in its errors."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import default_headers, get_environ_proxies

from integration.services.errors import ConfigurationError, RocketChatError, TransientError
from integration.services.rocketchat.answers import words
from integration.services.rocketchat.connection import MEGABYTE, Connection
from integration.services.rocketchat.reactions import AnswerTooLarge, NotSent

PIECE = 64 * 1024
TOTAL_FACTOR = 3  # a whole exchange may take this many read time-outs, however the bytes trickle
REDIRECTS = (301, 302, 303, 307, 308)
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ConnectTimeoutError,
)
_WRONG_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "Hostname mismatch")


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `repeatable`: doing it twice does no harm.

    `slow`: a bulk read, or a create with many members.
    """

    method: str
    path: str  # below the server's address
    endpoint: str  # "GET users.list", for people
    params: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None
    repeatable: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Content and body are not shown: an answer to a login holds the token.

    `body` is the JSON object in `content`, None when there is none.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    body: Mapping[str, object] | None = field(repr=False)
    seconds: float

    @property
    def succeeded(self) -> bool:
        said = self.body or {}
        return (
            self.status < 300 and said.get("success") is not False and said.get("status") != "error"
        )

    @property
    def words(self) -> str:
        """What the server says about an error, raw."""
        said = (self.body or {}).get("error")
        return said if isinstance(said, str) else ""


class NoAuth(AuthBase):
    """Sends nothing, and keeps requests from looking for a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    """Pooled connections to one server, shared by threads. Keeps no cookies."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._proxies = get_environ_proxies(connection.url)  # looked up once, not at every request
        self._headers = {**default_headers(), "Accept": "application/json"}
        if not connection.verify_tls:  # chosen so, and the doctor says it: not at every request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        size = connection.max_connections
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=size, pool_block=True)

    def close(self) -> None:
        self._adapter.close()

    def send(self, request: Request, auth: AuthBase) -> Answer:
        """The complete answer, whatever its status; or the error that says why there is none."""
        started = self._clock()
        try:
            with closing(self._open(request, auth)) as response:
                if response.status_code in REDIRECTS:
                    raise _redirected(
                        request, response.headers.get("Location", ""), self._connection.url
                    )
                content = self._content(request, response, started)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            failure = _no_answer(request, problem)
        else:
            seconds = self._clock() - started
            headers, body = response.headers, parsed(content)
            return Answer(response.status_code, headers, content, body, seconds)
        raise failure  # outside of the handler: what requests raised may hold headers

    def _open(self, request: Request, auth: AuthBase) -> requests.Response:
        """Past `Session.request`: its merging of settings that never change, and its looks for
        cookies, hooks and redirects, take as much processor time as all the rest of an exchange.
        """
        connection = self._connection
        read = connection.long_read_timeout if request.slow else connection.read_timeout
        prepared = requests.Request(
            request.method,
            f"{connection.url}/{request.path}",
            params=dict(request.params) if request.params else {},
            json=request.body,
            auth=auth,
            headers=self._headers,
        ).prepare()
        return self._adapter.send(
            prepared,
            stream=True,
            timeout=(connection.connect_timeout, read),
            verify=connection.verify,
            proxies=self._proxies,
        )

    def _content(self, request: Request, response: requests.Response, started: float) -> bytes:
        """The body, piece by piece, so that neither size nor slowness is without a bound."""
        connection, pieces, size = self._connection, [], 0
        read = connection.long_read_timeout if request.slow else connection.read_timeout
        while piece := response.raw.read1(PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > connection.max_answer_bytes:
                raise _too_large(request, connection.max_answer_bytes)
            if self._clock() - started > TOTAL_FACTOR * read:
                raise _too_slow(request, TOTAL_FACTOR * read)
        return b"".join(pieces)


def parsed(content: bytes) -> dict[str, object] | None:
    """The JSON object in `content`, None when there is none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _redirected(request: Request, location: str, url: str) -> ConfigurationError:
    """Never followed: the credentials would go along. Says which address would be right."""
    better = _address(request, location)
    if not better:
        return ConfigurationError(
            f"The server answers {request.endpoint} with a redirect instead of JSON.",
            hint="Check the address of Rocket.Chat and any proxy or login page in front of it.",
        )
    if urlsplit(better).hostname == urlsplit(url).hostname:
        return ConfigurationError(
            f"The server redirects from {url} to {better}.",
            hint=f"Set the address of Rocket.Chat to {better}",
        )
    return ConfigurationError(
        f"The server {url} redirects to another host, {better}; no credentials were sent there.",
        hint="If that is your Rocket.Chat, set it as the address; let rcsync pass a login page.",
    )


def _address(request: Request, location: str) -> str:
    """The server's address that a redirect points to, without user and query; "" if none."""
    try:
        target = urlsplit(location)
        port = f":{target.port}" if target.port else ""
    except ValueError:
        return ""
    if target.scheme not in ("http", "https") or not target.hostname:
        return ""
    known = target.path.endswith(f"/{request.path}")
    prefix = target.path.removesuffix(f"/{request.path}") if known else ""
    return words(f"{target.scheme}://{target.hostname}{port}{prefix}")


def _too_large(request: Request, limit: int) -> RocketChatError:
    return AnswerTooLarge(
        f"The answer to {request.endpoint} is larger than {limit / MEGABYTE:g} MB.",
        hint="Raise the limit for answers if the workspace is really that large.",
        endpoint=request.endpoint,
    )


def _too_slow(request: Request, seconds: float) -> RocketChatError:
    return TransientError(
        f"The answer to {request.endpoint} was not complete after {seconds:g} seconds.",
        hint="Look how busy the server is; a new run finishes what is left.",
        endpoint=request.endpoint,
    )


def _no_answer(request: Request, problem: Exception) -> RocketChatError | ConfigurationError:
    """Our error for what requests raised, without its text: that may hold addresses and headers."""
    text = str(problem)
    if isinstance(problem, requests.exceptions.SSLError) and any(
        sign in text for sign in _WRONG_TLS
    ):
        return ConfigurationError(
            "The TLS certificate of the Rocket.Chat server is not trusted.",
            hint="Is the address right (http or https)? For an own authority, set its CA file.",
        )
    if isinstance(problem, requests.exceptions.ProxyError):
        return _lost(
            NotSent,
            request,
            "the proxy does not let us through",
            "Check the proxy of this machine.",
        )
    if isinstance(problem, requests.exceptions.ConnectTimeout) or isinstance(
        _root(problem), _NEVER_SENT
    ):
        hint = "Check the address, the firewall, and that Rocket.Chat runs."
        return _lost(NotSent, request, "no connection to the server", hint)
    if isinstance(problem, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return _lost(
            TransientError,
            request,
            "no answer in time",
            "Look how busy the server is, then run again.",
        )
    if isinstance(problem, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return ConfigurationError("The address of Rocket.Chat is not valid.", hint="Correct it.")
    return _lost(
        TransientError, request, "the connection broke", "Look whether the server was restarted."
    )


def _lost(kind: type[TransientError], request: Request, what: str, hint: str) -> TransientError:
    return kind(f"{request.endpoint}: {what}.", hint=hint, endpoint=request.endpoint)


def _root(problem: Exception) -> object:
    """urllib3's reason inside requests' exception."""
    inner = problem.args[0] if problem.args else problem
    return getattr(inner, "reason", inner)
