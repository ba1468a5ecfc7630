"""A web server that plays Moodle's side of LTI 1.3, with keys of its own, for tests and pictures.

The addresses, parameters and claims are those recorded from a Moodle 5.1.6: `/mod/lti/auth.php`
wants its session cookie (SameSite=Lax, so it comes with a GET and not with a post from elsewhere)
and answers with a form that posts the token to the tool.
"""

import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
CLIENT, DEPLOYMENT = "Xk2p9", "3"
PAGE = '<!doctype html><html lang="en"><title>Course</title>{}</html>'
FORM = '<form method="post" action="{url}" id="f">{fields}</form><script>f.submit()</script>'


class Key:
    """A key pair with its id."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_hex(8)

    def jwk(self) -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"kty": "RSA", "n": public["n"], "e": public["e"]} | {
            "kid": self.kid,
            "alg": "RS256",
            "use": "sig",
        }


class FakeMoodle:
    """`user_id` is who is signed in, `course_id` where the activity is; tests change them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = [Key()]
        self.keyset_requests = 0
        self.down = False
        self.user_id = 1000
        self.course_id = 10
        self.custom: dict[str, str] = {}
        self.locale = "en"
        self.target = "window"
        self.tool = ""  # where rcsync is
        self.registered: list[dict[str, Any]] = []
        self.registration_token = "token-of-a-registration"
        self.session = secrets.token_hex(8)

    def claims(self, fresh: str, /, **changes: Any) -> dict[str, Any]:
        """As recorded. A change to None leaves the claim out; names are without the prefix."""
        now = int(time.time())
        claims = {
            "nonce": fresh,
            "iat": now,
            "exp": now + 60,
            "iss": self.url,
            "aud": CLIENT,
            "sub": str(self.user_id),
            f"{CLAIM}deployment_id": DEPLOYMENT,
            f"{CLAIM}target_link_uri": f"{self.tool}/lti/launch",
            f"{CLAIM}roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
            f"{CLAIM}context": {
                "id": str(self.course_id),
                "label": "C10",
                "title": "Course C10",
                "type": ["CourseSection"],
            },
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}resource_link": {"title": "Chat", "description": "", "id": "1"},
            f"{CLAIM}launch_presentation": {
                "locale": self.locale,
                "document_target": self.target,
                "return_url": f"{self.url}/mod/lti/return.php?course={self.course_id}",
            },
            f"{CLAIM}ext": {"lms": "moodle-2"},
            f"{CLAIM}tool_platform": {
                "product_family_code": "moodle",
                "version": "2025100606",
                "guid": "0f1e2d",
                "name": "M",
                "description": "Moodle",
            },
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}custom": {"context_memberships_url": "x", **self.custom},
        }
        for name, value in changes.items():
            key = name if name in claims else f"{CLAIM}{name}"
            claims[key] = value
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], key: Key | None = None, **header: Any) -> str:
        key = key or self.keys[0]
        return jwt.encode(claims, key.private, "RS256", headers={"kid": key.kid, **header})

    # --- answers ----------------------------------------------------------------------------------

    def initiation(self) -> dict[str, str]:
        return {
            "iss": self.url,
            "target_link_uri": f"{self.tool}/lti/launch",
            "login_hint": str(self.user_id),
            "lti_message_hint": '{"cmid":7,"launchid":"ltilaunch1_42"}',
            "client_id": CLIENT,
            "lti_deployment_id": DEPLOYMENT,
        }

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "token_endpoint": f"{self.url}/mod/lti/token.php",
            "jwks_uri": f"{self.url}/mod/lti/certs.php",
            "authorization_endpoint": f"{self.url}/mod/lti/auth.php",
            "registration_endpoint": f"{self.url}/mod/lti/openid-registration.php",
            "scopes_supported": ["openid"],
            "response_types_supported": ["id_token"],
            "claims_supported": ["sub", "iss"],
        }

    def page(self, path: str, query: dict[str, str], cookie: str) -> str:
        """A page of the site as HTML."""
        if path == "/course":
            target = "" if self.target == "iframe" else ' target="_blank"'
            link = f'<a href="/launch" id="activity"{target}>Chat</a>'
            frame = '<iframe src="/launch" width="900" height="600"></iframe>'
            return PAGE.format(frame if self.target == "iframe" else link)
        if path == "/launch":
            return PAGE.format(_form(f"{self.tool}/lti/start", self.initiation()))
        if path != "/mod/lti/auth.php":
            return PAGE.format("")
        if self.session not in cookie:
            return PAGE.format("You are not signed in")
        fields = {"state": query["state"], "id_token": self.sign(self.claims(query["nonce"]))}
        return PAGE.format(_form(query["redirect_uri"], fields))

    def document(self, path: str) -> dict[str, Any] | None:
        if path.endswith("/certs.php"):
            self.keyset_requests += 1
            return {"keys": [key.jwk() for key in self.keys]}
        return self.configuration() if path.endswith("/openid-configuration.php") else None

    def register(self, authorization: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if authorization != f"Bearer {self.registration_token}":
            return None
        self.registered.append(body)
        return {"client_id": "registered", TOOL: {"deployment_id": "8"}}


def _form(url: str, fields: dict[str, str]) -> str:
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return FORM.format(url=html.escape(url), fields=inputs)


class _Handler(BaseHTTPRequestHandler):
    moodle: FakeMoodle

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        document = self.moodle.document(parts.path)
        if self.moodle.down:
            self._answer(503, "text/html", "down")
        elif document is not None:
            self._answer(200, "application/json", json.dumps(document))
        else:
            page = self.moodle.page(parts.path, query, self.headers.get("Cookie", ""))
            self._answer(200, "text/html", page)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.moodle.register(self.headers.get("Authorization", ""), body)
        status = 401 if answer is None else 200
        self._answer(status, "application/json", json.dumps(answer))

    def _answer(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        session = f"MoodleSession={self.moodle.session}; path=/; SameSite=Lax; HttpOnly"
        self.send_header("Set-Cookie", session)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


@contextmanager
def running_fake_moodle() -> Iterator[FakeMoodle]:
    class Handler(_Handler):
        """One for each server, because the class knows its Moodle."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.moodle = FakeMoodle(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Handler.moodle
        finally:
            server.shutdown()
            thread.join()
