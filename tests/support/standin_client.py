"""A small HTTP client for the tests of the stand-in: it retries nothing and hides nothing."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is parsed when it is JSON and text otherwise."""

    status: int
    body: Any
    headers: dict[str, str]  # names in lower case


class Client:
    """One kept-alive connection to a stand-in, as the administrator unless told otherwise."""

    def __init__(
        self, server: StandIn, user_id: str = ADMIN_ID, token: str = ADMIN_TOKEN, timeout: float = 5
    ) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
        self.auth = {"X-User-Id": user_id, "X-Auth-Token": token} if user_id else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, name: str, /, **parameters: Any) -> Answer:
        """GET /api/v1/NAME; a list gives a parameter several times."""
        query = urlencode(parameters, doseq=True)
        return self.send("GET", f"/api/v1/{name}?{query}" if query else f"/api/v1/{name}")

    def post(self, name: str, headers: dict[str, str] | None = None, /, **body: Any) -> Answer:
        """POST /api/v1/NAME with a JSON body."""
        return self.send("POST", f"/api/v1/{name}", json.dumps(body), headers)

    def hook(self, name: str, /, **body: Any) -> Answer:
        """POST /_standin/NAME."""
        return self.send("POST", f"/_standin/{name}", json.dumps(body))

    def replay(
        self, method: str, path: str, parameters: dict[str, Any], body: Any, headers: dict[str, str]
    ) -> Answer:
        """A recorded request; a body that is text goes out as it is."""
        query = urlencode(parameters, doseq=True)
        target = f"{path}?{query}" if query else path
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        return self.send(method, target, text, headers)

    def send(
        self,
        method: str,
        target: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Any request."""
        self.begin(method, target, body, headers)
        return self.finish()

    def begin(
        self,
        method: str,
        target: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Sends a request without waiting for its answer."""
        all_headers = {"Content-Type": "application/json", **self.auth, **(headers or {})}
        data = body.encode() if body is not None else None
        self._connection.request(method, target, body=data, headers=all_headers)

    def finish(self) -> Answer:
        """The answer to what was begun."""
        response = self._connection.getresponse()
        text = response.read().decode()
        is_json = (response.getheader("Content-Type") or "").startswith("application/json")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if is_json and text else text, found)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def person(username: str, **more: Any) -> dict[str, Any]:
    """What `users.create` needs."""
    return {
        "username": username,
        "name": username.title(),
        "email": f"{username}@example.com",
        "password": "invented",
        "joinDefaultChannels": False,
        **more,
    }


def create_user(client: Client, username: str, **more: Any) -> str:
    """The id of a new account."""
    answer = client.post("users.create", **person(username, **more))
    assert answer.status == 200, answer.body
    return str(answer.body["user"]["_id"])


def create_room(client: Client, name: str, plural: str = "groups", **more: Any) -> dict[str, Any]:
    """A new room as the server shows it."""
    answer = client.post(f"{plural}.create", name=name, **more)
    assert answer.status == 200, answer.body
    return dict(answer.body[plural.removesuffix("s")])


def login(server: StandIn, username: str, password: str = "invented") -> Client:
    """A client of somebody else."""
    with Client(server, "") as stranger:
        data = stranger.post("login", user=username, password=password).body["data"]
    return Client(server, data["userId"], data["authToken"])


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and kind of an error."""
    return answer.status, answer.body.get("errorType") or answer.body["error"]
