"""One HTTP exchange: bounded in time and size, no redirects, no secrets in its errors."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers, get_environ_proxies

from integration import __version__
from integration.domain.errors import ConfigurationError, RocketChatError, TransientError
from integration.domain.messages import msg
from integration.services.rocketchat.address_guard import guarded_pools
from integration.services.rocketchat.answers import words
from integration.services.rocketchat.connection import MEGABYTE, Connection, check_addresses
from integration.services.rocketchat.errors import AnswerTooLarge, NotSent
from integration.services.rocketchat.json_rows import ValueTooLong, object_with_rows

PIECE = 64 * 1024
ROW_BY_ROW = 16  # times as large may be an answer of which only what its rows come to is kept
SUCCESS = 200
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

    `slow`: a bulk read, or a create with many members. `each`: the name of a list in the answer,
    and what is made of each of its rows as soon as it came; the rows themselves are not kept.
    """

    method: str
    path: str  # below the server's address
    endpoint: str  # "GET users.list", for people
    params: Mapping[str, object] | None = None
    body: Mapping[str, object] | None = None
    repeatable: bool = False
    slow: bool = False
    each: tuple[str, Callable[[object], object]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Content and body are not shown: an answer to a login holds the token.

    `body` is the JSON object in `content`, None when there is none. Of an answer that was read row
    by row `content` is the beginning. `size`: bytes of the body as they were sent.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    body: Mapping[str, object] | None = field(repr=False)
    seconds: float
    size: int = 0

    @property
    def succeeded(self) -> bool:
        msg = self.body or {}
        return (
            self.status < 300 and msg.get("success") is not False and msg.get("status") != "error"
        )

    @property
    def words(self) -> str:
        """What the server says about an error, raw."""
        msg = (self.body or {}).get("error")
        return msg if isinstance(msg, str) else ""


class NoAuth(AuthBase):
    """Sends nothing, and keeps requests from looking for a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class OneServer(HTTPAdapter):
    """Connections to one server in one way: the same TLS settings and proxies for every request.

    An HTTPAdapter looks up the pool and fills a jar of cookies at every request. Without that an
    exchange takes a good deal less of the processor time that all threads share.
    """

    _pool: Any = None  # what urllib3 uses for this server; requests' stubs do not agree on its type

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> Any:
        """Looked up once. Threads that do so at the same time find the same pool."""
        pool = self._pool
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pool = pool
        return pool

    def build_response(
        self, req: requests.PreparedRequest, resp: urllib3.BaseHTTPResponse
    ) -> requests.Response:
        """What `Transport` reads of it: status and `raw`, which has the headers and the body."""
        response = requests.Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        return response

    def close(self) -> None:
        self._pool = None
        super().close()


class Transport:
    """Pooled connections to one server, shared by threads. Keeps no cookies."""

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._clock = clock
        self._proxies = get_environ_proxies(connection.url)  # looked up once, not at every request
        ours = {"Accept": "application/json", "User-Agent": f"rcsync/{__version__}"}
        self._headers = CaseInsensitiveDict({**default_headers(), **ours})
        self._urls: dict[str, str | None] = {}  # by path, as they are sent
        if not connection.verify_tls:  # chosen so, and the doctor says it: not at every request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        size = connection.max_connections
        self._adapter = OneServer(pool_connections=1, pool_maxsize=size, pool_block=True)
        self._adapter.poolmanager.pool_classes_by_scheme = guarded_pools(self._check)

    def close(self) -> None:
        self._adapter.close()

    def _check(self, addresses: Iterable[str]) -> None:
        check_addresses(self._connection.url, addresses, self._connection.allowed_networks)

    def send(self, request: Request, auth: AuthBase) -> Answer:
        """The complete answer, whatever its status; or the error that says why there is none."""
        started = self._clock()
        try:
            with closing(self._open(request, auth)) as response:
                status, headers = response.status_code, response.raw.headers
                if status in REDIRECTS:
                    location = headers.get("Location", "")
                    raise _redirected(request, location, self._connection.url)
                pieces = self._pieces(request, response, started)
                content, body = self._content(request, status, pieces)
                size = response.raw.tell()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            failure = _no_answer(request, problem, self._connection.url)
        else:
            seconds = self._clock() - started
            return Answer(status, headers, content, body, seconds, size)
        raise failure  # outside of the handler: what requests raised may hold headers

    def _open(self, request: Request, auth: AuthBase) -> requests.Response:
        """Past `Session.request`: its merging of settings that never change, and its looks for
        cookies, hooks and redirects, take as much processor time as all the rest of an exchange.
        """
        connection = self._connection
        read = connection.long_read_timeout if request.slow else connection.read_timeout
        return self._adapter.send(
            self._prepared(request, auth),
            stream=True,
            timeout=(connection.connect_timeout, read),
            verify=connection.verify,
            proxies=self._proxies,
        )

    def _prepared(self, request: Request, auth: AuthBase) -> requests.PreparedRequest:
        """What `requests.Request(…).prepare()` makes of it, for a third of the processor time."""
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.headers = self._headers.copy()
        if request.params:
            address = f"{self._connection.url}/{request.path}"
            prepared.prepare_url(address, dict(request.params))
        else:
            prepared.url = self._url(request.path)
        if request.body is not None:
            prepared.body = json.dumps(request.body, allow_nan=False).encode()
            prepared.headers["Content-Length"] = str(len(prepared.body))
            prepared.headers["Content-Type"] = "application/json"
        auth(prepared)
        return prepared

    def _url(self, path: str) -> str | None:
        """Checked and spelled out by requests, once for each path: there are a few dozen."""
        url = self._urls.get(path)
        if url is None:
            prepared = requests.PreparedRequest()
            prepared.prepare_url(f"{self._connection.url}/{path}", None)
            url = self._urls[path] = prepared.url
        return url

    def _pieces(
        self, request: Request, response: requests.Response, started: float
    ) -> Iterator[bytes]:
        """The body, piece by piece, so that neither size nor slowness is without a bound."""
        connection, size = self._connection, 0
        read = connection.long_read_timeout if request.slow else connection.read_timeout
        most = connection.max_answer_bytes * (1 if request.each is None else ROW_BY_ROW)
        while piece := response.raw.read1(PIECE, decode_content=True):
            size += len(piece)
            if size > most:
                raise _too_large(request, most)
            if self._clock() - started > TOTAL_FACTOR * read:
                raise _too_slow(request, TOTAL_FACTOR * read)
            yield piece

    def _content(
        self, request: Request, status: int, pieces: Iterator[bytes]
    ) -> tuple[bytes, dict[str, object] | None]:
        """Content and body of the answer."""
        if request.each is None or status != SUCCESS:
            content = b"".join(pieces)
            return content, parsed(content)
        beginning, most = next(pieces, b""), self._connection.max_answer_bytes
        try:
            return beginning, object_with_rows(chain([beginning], pieces), *request.each, most)
        except ValueTooLong:
            raise _too_large(request, most) from None


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
            msg(
                "The server answers {call} with a redirect instead of JSON.", call=request.endpoint
            ),
            hint=msg(
                "Check the address of Rocket.Chat and any proxy or login page in front of it."
            ),
        )
    if urlsplit(better).hostname == urlsplit(url).hostname:
        return ConfigurationError(
            msg("The server redirects from {url} to {better}.", url=url, better=better),
            hint=msg("Set the address of Rocket.Chat to {url}", url=better),
        )
    return ConfigurationError(
        msg(
            "The server {url} redirects to another host, {better}; no credentials were sent there.",
            url=url,
            better=better,
        ),
        hint=msg(
            "If that is your Rocket.Chat, set it as the address. If it is a login page, "
            "let rcsync bypass it."
        ),
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
        msg(
            "The answer to {call} is larger than {size} MB.",
            call=request.endpoint,
            size=f"{limit / MEGABYTE:g}",
        ),
        hint=msg("Raise the limit for answers if the workspace is really that large."),
        endpoint=request.endpoint,
    )


def _too_slow(request: Request, seconds: float) -> RocketChatError:
    return TransientError(
        msg(
            "The answer to {call} was not complete after {seconds} seconds.",
            call=request.endpoint,
            seconds=f"{seconds:g}",
        ),
        hint=msg("Check the load of the server; a new run finishes what is left."),
        endpoint=request.endpoint,
    )


def _no_answer(
    request: Request, problem: Exception, url: str
) -> RocketChatError | ConfigurationError:
    """Our error for what requests raised, without its text: that may hold addresses and headers.

    `url` is the server's, which holds no credentials (Connection refuses them).
    """
    text = str(problem)
    if isinstance(problem, requests.exceptions.SSLError) and any(
        sign in text for sign in _WRONG_TLS
    ):
        return ConfigurationError(
            msg("The TLS certificate of the Rocket.Chat server {url} is not trusted.", url=url),
            hint=msg(
                "Is the address right (http or https)? For an own authority, set its CA file."
            ),
        )
    if isinstance(problem, requests.exceptions.ProxyError):
        return _lost(
            NotSent,
            request,
            msg("the proxy does not allow the connection to {url}", url=url),
            msg("Check the proxy of this machine."),
        )
    if isinstance(problem, requests.exceptions.ConnectTimeout) or isinstance(
        _root(problem), _NEVER_SENT
    ):
        hint = msg("Check the address, the firewall, and that Rocket.Chat runs.")
        return _lost(NotSent, request, msg("no connection to {url}", url=url), hint)
    if isinstance(problem, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return _lost(
            TransientError,
            request,
            msg("no answer in time"),
            msg("Check the load of the server, then run again."),
        )
    if isinstance(problem, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return ConfigurationError(
            msg("The address of Rocket.Chat is not valid."), hint=msg("Correct it.")
        )
    return _lost(
        TransientError,
        request,
        msg("the connection broke"),
        msg("Check whether the server was restarted."),
    )


def _lost(kind: type[TransientError], request: Request, what: str, hint: str) -> TransientError:
    message = msg("{call}: {what}.", call=request.endpoint, what=what)
    return kind(message, hint=hint, endpoint=request.endpoint)


def _root(problem: Exception) -> object:
    """urllib3's reason inside requests' exception."""
    inner = problem.args[0] if problem.args else problem
    return getattr(inner, "reason", inner)
