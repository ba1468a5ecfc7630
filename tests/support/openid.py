"""A small OpenID Connect provider with keys of its own, and rcsync registered with it."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from django.contrib.auth.models import Group
from django.test import Client

from demo.moodle_activity import Key
from integration.domain.secret import Secret
from integration.domain.sign_in import OpenId, SignIn
from rcsync_project import sign_in

CLIENT_ID, CLIENT_SECRET = "rcsync", "the-secret-of-rcsync-at-the-provider"
GROUPS = {
    "viewer": frozenset({"helpdesk"}),
    "operator": frozenset({"elearning"}),
    "administrator": frozenset({"it"}),
}


class Provider:
    """Signs in whom `person` describes without asking. `changes` spoil the next tokens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = Key()
        self.signed_with = self.key
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {
            "sub": "u-1",
            "preferred_username": "anna",
            "email": "anna@example.org",
            "groups": ["elearning"],
        }
        self.changes: dict[str, Any] = {}
        self.userinfo_changes: dict[str, Any] = {}
        self.discovery_changes: dict[str, Any] = {}
        self.token_status = 200
        self.redirects: dict[str, str] = {}  # path -> where it sends whoever asks
        self.asked: list[str] = []  # paths
        self.codes: dict[str, dict[str, str]] = {}  # code -> the query that asked for it

    def settings(self) -> SignIn:
        secret = Secret(CLIENT_SECRET)
        scopes = "openid email profile"
        return SignIn(OpenId(self.url, CLIENT_ID, secret, "groups", scopes, ""), None, GROUPS)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            **self.discovery_changes,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes with the code."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """The answer to a code that is used for the first time by the client it was made for."""
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["client_secret"] != CLIENT_SECRET:
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        return {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token(asked)}

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": self.person["sub"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            **self.changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.key.kid}
        if self.algorithm == "HS256":
            return jwt.encode(claims, CLIENT_SECRET, "HS256", headers=headers)
        if self.algorithm == "none":
            return jwt.encode(claims, "", "none", headers=headers)
        return jwt.encode(claims, self.signed_with.private, "RS256", headers=headers)

    def userinfo(self) -> dict[str, Any]:
        told = {**self.person, **self.userinfo_changes}
        return {name: value for name, value in told.items() if value is not None}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def _redirected(self) -> bool:
        self.provider.asked.append(self.path)
        location = self.provider.redirects.get(self.path, "")
        if location:
            self.send_response(307)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return bool(location)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self._redirected():
            return
        if parts.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        documents = {
            "/.well-known/openid-configuration": self.provider.discovery,
            "/keys": lambda: {"keys": [self.provider.key.jwk()]},
            "/userinfo": self.provider.userinfo,
        }
        self._answer(200, documents[parts.path]())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._redirected():
            return
        answer = self.provider.token({name: one[0] for name, one in parse_qs(body).items()})
        status = 400 if answer is None else self.provider.token_status
        self._answer(status, answer or {"error": "invalid_grant", "sent": body})

    def _answer(self, status: int, document: Any) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    class Handler(_Handler):
        """One for each server, because the class knows its provider."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.provider = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Handler.provider
        finally:
            server.shutdown()
            thread.join()


def our_groups() -> None:
    """Those of migration 0002, which tests with transactions take away."""
    for role in GROUPS:
        Group.objects.get_or_create(name=role)


def switch_on(settings: Any, chosen: SignIn) -> None:
    """As `settings.py` does at the start."""
    settings.SIGN_IN = chosen
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        *sign_in.backends(chosen),
    ]


def begin(client: Client, next_page: str = "") -> dict[str, str]:
    """The parameters with which the browser comes to the provider."""
    answer = client.get("/sign-in/openid/", {"next": next_page} if next_page else {})
    assert answer.status_code == 302, answer.content
    query = urlsplit(answer["Location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def come_back(client: Client, provider: Provider, asked: dict[str, str]) -> Any:
    query = urlsplit(provider.authorize(asked)).query
    return client.get(f"/sign-in/openid/callback/?{query}")


def sign_in_with(provider: Provider, client: Client | None = None) -> Any:
    client = client or Client()
    return come_back(client, provider, begin(client))
