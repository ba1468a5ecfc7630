"""The client: authentication, limits, retries, second factor and errors around one HTTP exchange.

It knows nothing of accounts and channels; `snapshot` and `writes` do.
"""

import hashlib
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from requests.auth import AuthBase

from integration.domain.errors import (
    AuthenticationError,
    RocketChatError,
    SecondFactorRequired,
    SyncError,
    TransientError,
)
from integration.domain.secret import Secret
from integration.services.rocketchat.answers import Json
from integration.services.rocketchat.connection import Connection
from integration.services.rocketchat.errors import SecondFactorAsked, no_json, refused
from integration.services.rocketchat.limiter import Limiter, shared_limiter
from integration.services.rocketchat.retries import RetryBudget
from integration.services.rocketchat.session import (
    Identity,
    KeptLogins,
    Session,
    WithSecondFactor,
)
from integration.services.rocketchat.transport import Answer, NoAuth, Request, Transport

RENEWED = "renewed"


class Stats:
    """Counters that threads may share.

    Every request that was sent counts, retries and refusals too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, float] = {}
        self._waited = 0.0

    def sent(self, endpoint: str) -> None:
        with self._lock:
            self._requests[endpoint] += 1

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        with self._lock:
            self._answers[endpoint, str(status)] += 1
            self._seconds[endpoint] = self._seconds.get(endpoint, 0.0) + seconds

    def renewed(self, endpoint: str, status: int) -> None:
        """An answer was about a log-in that had ended, and there is a new one: no refusal."""
        with self._lock:
            self._answers[endpoint, str(status)] -= 1
            self._answers[endpoint, RENEWED] += 1

    def waited(self, seconds: float) -> None:
        with self._lock:
            self._waited += seconds

    @property
    def total(self) -> int:
        with self._lock:
            return self._requests.total()

    @property
    def by_endpoint(self) -> Mapping[str, int]:
        """A copy, most used first: {"POST users.create": 500, "GET users.list": 1}."""
        with self._lock:
            return dict(self._requests.most_common())

    @property
    def by_status(self) -> Mapping[tuple[str, str], int]:
        """By endpoint and HTTP status; "none" for requests that got no complete answer, "renewed"
        for those whose log-in had ended, after a new one.
        """
        with self._lock:
            found = Counter(self._answers)
            for endpoint, sent in self._requests.items():
                answered = sum(n for (one, _), n in self._answers.items() if one == endpoint)
                found[endpoint, "none"] = sent - answered
            return +found

    @property
    def seconds(self) -> Mapping[str, float]:
        """By endpoint: how long the answers took altogether."""
        with self._lock:
            return dict(self._seconds)

    @property
    def seconds_waited(self) -> float:
        with self._lock:
            return self._waited


logger = logging.getLogger(__name__)


class RocketChat:
    """The REST API of one server.

    Threads may share it; close it when done (it is a context manager).

    `get` and `post` return the JSON object of a success, or raise a kind of RocketChatError, or
    ConfigurationError (a redirect, an untrusted certificate). `stats` counts what was sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        limiter: Limiter | None = None,
        logins: KeptLogins | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.connection = connection
        self.stats = Stats()
        self.limiter = limiter or shared_limiter(
            connection.url, connection.max_connections, connection.max_rps
        )
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._transport = Transport(connection, clock)
        self._session = Session(connection.credentials, logins)
        self._digest = Secret(_digest(connection.credentials.factor))
        self._with_factor: set[str] = set()  # endpoints that asked for a second factor before
        self._reached = False  # whether the server has answered anything yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out where we logged in, and close the connections. Never raises."""
        try:
            if self._session.has_to_log_out:
                self._exchange(_api("POST", "logout", body={}), self._identity())
        except SyncError as problem:
            logger.debug("endpoint=%s problem=%s", "POST logout", type(problem).__name__)
        finally:
            self._session.identity = None
            self._transport.close()

    @property
    def user_id(self) -> str:
        """The bot's account id; logs in if necessary."""
        return self._identity().user_id

    def pause(self, seconds: float) -> None:
        self._sleep(seconds)
        self.stats.waited(seconds)

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        slow: bool = False,
        each: tuple[str, Callable[[object], object]] | None = None,
    ) -> Json:
        """`path` is below /api/v1 ("users.list"), or with a slash from the root ("/api/info").

        `each` (the name of a list, and a function that raises nothing) replaces every row of the
        list as soon as it came.
        """
        request = _api("GET", path, params=params, repeatable=True, slow=slow)
        return self._call(replace(request, each=each) if each else request)

    def post(
        self, path: str, body: Mapping[str, object], *, repeatable: bool = False, slow: bool = False
    ) -> Json:
        """`repeatable`: twice does no harm, so an unknown outcome leads to a second call."""
        return self._call(_api("POST", path, body=body, repeatable=repeatable, slow=slow))

    def _call(self, request: Request) -> Json:
        self._identity()  # before the attempts of the call: logging in has attempts of its own
        budget = RetryBudget(request.repeatable, self._clock, self._chance)
        unknown = False  # whether an earlier attempt may have had its effect
        while True:
            try:
                return self._authenticated(request)
            except RocketChatError as error:
                unknown = error.may_have_happened = unknown or error.may_have_happened
                if not isinstance(error, TransientError):
                    raise
                pause = budget.pause_after(error, reached=self._reached)
                if pause is None:
                    raise
                logger.debug(
                    "endpoint=%s again_in=%.1f after=%s",
                    request.endpoint,
                    pause,
                    type(error).__name__,
                )
            if pause:
                self.pause(pause)

    def _authenticated(self, request: Request) -> Json:
        """With the token we have; once more with a new one where we can log in and it has ended."""
        identity = self._identity()
        for _ in range(self._session.attempts - 1):
            try:
                return self._with_second_factor(request, identity)
            except SecondFactorRequired:
                raise
            except AuthenticationError as error:
                if not self._session.logged_in:
                    raise
                status = error.status
            identity = self._identity(ended=identity)
            self.stats.renewed(request.endpoint, status)
        return self._with_second_factor(request, identity)

    def _identity(self, ended: Identity | None = None) -> Identity:
        """The one in use; or a new one, where it is missing or has `ended`."""
        session = self._session
        with session.lock:
            identity = session.identity
            if identity is not None and identity is not ended:
                return identity
            return session.recall(ended) or session.take(self._log_in())

    def _log_in(self) -> Json:
        """Tried once: several failed logins would lock the account."""
        if self._session.refusal:
            raise self._session.refusal
        try:
            return self._logged_in(_api("POST", "login", body=self._session.login_body()))
        except AuthenticationError as refusal:
            self._session.refusal = refusal
            raise

    def _logged_in(self, request: Request) -> Json:
        budget = RetryBudget(True, self._clock, self._chance)  # one more token does no harm
        while True:
            try:
                return self._exchange(request, NoAuth())
            except TransientError as error:
                pause = budget.pause_after(error, reached=self._reached)
                if pause is None:
                    raise
            self.pause(pause)

    def _with_second_factor(self, request: Request, identity: Identity) -> Json:
        """The server asks per endpoint; once asked, the password goes along from the start."""
        strong = WithSecondFactor(identity, self._digest)
        if request.endpoint in self._with_factor:
            return self._exchange(request, strong)
        try:
            return self._exchange(request, identity)
        except SecondFactorAsked as asked:
            if not (asked.password_helps and self._digest):
                raise
        answer = self._exchange(request, strong)
        self._with_factor.add(request.endpoint)
        return answer

    def _exchange(self, request: Request, auth: AuthBase) -> Json:
        with self.limiter.turn(request.endpoint, self.stats.waited) as turn:
            self.stats.sent(request.endpoint)
            answer = self._transport.send(request, auth)
            self._reached = True
            self.stats.answered(request.endpoint, answer.status, answer.seconds)
            seconds = None if request.slow else answer.seconds
            turn.answered(answer.status, answer.headers, answer.words, seconds)
        logger.debug(
            "endpoint=%s status=%d ms=%d thread=%s",
            request.endpoint,
            answer.status,
            answer.seconds * 1000,
            threading.current_thread().name,
        )
        if answer.body is not None and answer.succeeded:
            return answer.body
        raise self._refused(request, answer)

    def _refused(self, request: Request, answer: Answer) -> RocketChatError:
        secrets = self._secrets(request)
        if answer.body is None:
            return no_json(request.endpoint, answer.status, answer.content, secrets)
        several = any(isinstance(value, list) for value in (request.body or {}).values())
        return refused(request.endpoint, answer.status, answer.body, secrets, several=several)

    def _secrets(self, request: Request) -> tuple[str, ...]:
        in_body = [value for value in (request.body or {}).values() if isinstance(value, Secret)]
        return (*self._session.secrets(), self._digest, *in_body)


def _api(
    method: str,
    path: str,
    *,
    params: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
    repeatable: bool = False,
    slow: bool = False,
) -> Request:
    below = path.removeprefix("/") if path.startswith("/") else f"api/v1/{path}"
    return Request(method, below, f"{method} {path}", params, body, repeatable, slow)


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest() if password else ""
