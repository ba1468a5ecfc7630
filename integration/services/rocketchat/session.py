"""Who we are at the server: by a token given to us, or by logging in once, and out at the end."""

import threading
from dataclasses import dataclass
from typing import Protocol

import requests
from requests.auth import AuthBase

from integration.domain.errors import AuthenticationError, UnexpectedAnswer
from integration.domain.messages import msg
from integration.domain.secret import Secret
from integration.services.rocketchat.answers import Json, identifier, inner, wrong
from integration.services.rocketchat.connection import HEADER_VALUE, Credentials


@dataclass(frozen=True, slots=True)
class Identity(AuthBase):
    """Puts the credentials into the headers of one request, and nowhere else."""

    user_id: str
    token: Secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["X-User-Id"] = self.user_id
        request.headers["X-Auth-Token"] = str(self.token)
        return request


@dataclass(frozen=True, slots=True)
class WithSecondFactor(AuthBase):
    """An identity, and the password's digest, which Rocket.Chat takes as second factor."""

    identity: Identity
    digest: Secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["x-2fa-code"] = str(self.digest)
        request.headers["x-2fa-method"] = "password"
        return self.identity(request)


class KeptLogins(Protocol):
    """Where a log-in is kept for the next run: always that of one server and one username."""

    def recall(self) -> tuple[str, Secret] | None:
        """Account id and token, None where there is none."""

    def keep(self, user_id: str, token: Secret) -> None: ...


class Session:
    """The identity in use. With `kept` it is found there, and left there for others.

    Several threads may find out at once that it has ended; one of them renews it.
    """

    def __init__(self, credentials: Credentials, kept: KeptLogins | None = None) -> None:
        self._credentials = credentials
        self._kept = kept if credentials.by_password else None
        self._lock = threading.Lock()
        self.identity: Identity | None = None
        self.refusal: AuthenticationError | None = None  # trying again would lock the account
        if not credentials.by_password:
            self.identity = Identity(credentials.user_id, Secret(credentials.token))

    @property
    def lock(self) -> threading.Lock:
        return self._lock

    @property
    def logged_in(self) -> bool:
        """Whether there is a token that we made and have to give back."""
        return self._credentials.by_password and self.identity is not None

    @property
    def has_to_log_out(self) -> bool:
        """Whether nobody else will use the token that we made: it is not the one that is kept."""
        if not self.logged_in:
            return False
        kept = self._kept.recall() if self._kept else None
        return kept is None or self.identity != Identity(*kept)

    @property
    def attempts(self) -> int:
        """How often a call may be made: a log-in that was kept may have ended as well."""
        return 3 if self._kept else 2

    def recall(self, ended: Identity | None) -> Identity | None:
        """The identity that is kept, unless it is the one that has ended."""
        found = self._kept.recall() if self._kept else None
        if found is None or Identity(*found) == ended:
            return None
        self.identity = Identity(*found)
        return self.identity

    def login_body(self) -> dict[str, object]:
        return {"user": self._credentials.username, "password": self._credentials.password}

    def take(self, answer: Json) -> Identity:
        """The identity that a login brought."""
        data: Json = {}
        try:
            data = inner(answer, "data", "POST login")
            token = Secret(_header(data, "authToken"))
            self.identity = Identity(_header(data, "userId"), token)
        except UnexpectedAnswer:
            answer = data = {}  # a page with this error must not show half a login
            raise wrong("POST login", msg("it brings no user id and token")) from None
        if self._kept:
            self._kept.keep(self.identity.user_id, self.identity.token)
        return self.identity

    def secrets(self) -> tuple[str, ...]:
        mine = self._credentials
        token = self.identity.token if self.identity else ""
        return (mine.token, mine.password, mine.second_factor_password, token)


def _header(data: Json, name: str) -> str:
    """What goes into a header of every further request."""
    value = identifier(data, "POST login", name)
    if not HEADER_VALUE.fullmatch(value):
        raise wrong("POST login", msg("it brings no user id and token"))
    return value
