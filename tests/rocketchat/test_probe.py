"""A wrong address is told for what it is, and soon; a slow server is waited for."""

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.standin import ADMIN_ID, ADMIN_TOKEN, StandIn
from integration.domain.errors import ConfigurationError, SyncError, TransientError
from integration.services.rocketchat import Connection, Credentials, probe
from tests.support.tls import make_certificate, tls_context

BOT = Credentials(user_id=ADMIN_ID, token=ADMIN_TOKEN)
SOON = 12.0  # seconds; before the time-out of a slow server


def wrong(url: str) -> SyncError:
    started = time.monotonic()
    with pytest.raises(SyncError) as caught:
        probe.check_address(Connection(url, BOT))
    assert time.monotonic() - started < SOON
    return caught.value


class _Page(http.server.BaseHTTPRequestHandler):
    answer = (200, b"<!doctype html><title>Welcome</title>")

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # http.server calls methods by these names

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def web_server(
    status: int = 200, body: bytes = _Page.answer[1], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    page = type("Page", (_Page,), {"answer": (status, body)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), page)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("like", ["3.11", "6.5", "8.8"])
def test_rocketchat_is_recognised(like: str) -> None:
    with StandIn(like) as chat:
        probe.check_address(Connection(chat.url, BOT))


def test_a_host_that_does_not_exist_is_named() -> None:
    error = wrong("https://chat.nobody.invalid")
    assert isinstance(error, ConfigurationError)
    assert "There is no host named chat.nobody.invalid." in error.text


def test_a_closed_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = wrong(f"http://127.0.0.1:{port}")
    assert isinstance(error, TransientError)
    assert f"Nothing listens on port {port} of 127.0.0.1." in error.text


def test_tls_on_a_plain_port_is_told_with_the_right_address() -> None:
    with StandIn("8.8") as chat:
        error = wrong(chat.url.replace("http://", "https://"))
    assert "speaks plain HTTP" in error.text
    assert error.hint == f"Write {chat.url}"


def test_plain_http_on_a_tls_port_is_told_with_the_right_address(tmp_path: Path) -> None:
    with web_server(tls=tls_context(make_certificate(tmp_path))) as place:
        error = wrong(f"http://{place}")
    assert "speaks HTTPS" in error.text
    assert error.hint == f"Write https://{place}"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<!doctype html><title>Welcome</title>"),
        (404, b"not here"),
        (200, b'{"name": "another service"}'),
        (200, b"[1, 2]"),
        (401, b"who are you?"),
    ],
)
def test_a_web_page_that_is_not_rocketchat_is_called_so(status: int, body: bytes) -> None:
    with web_server(status, body) as place:
        error = wrong(f"http://{place}")
    assert isinstance(error, ConfigurationError)
    assert f"http://{place} answers, but is not Rocket.Chat." in error.text


def test_a_server_that_fails_may_be_the_right_one() -> None:
    with web_server(502, b"bad gateway") as place:
        error = wrong(f"http://{place}")
    assert isinstance(error, TransientError)


def test_a_slow_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven seconds of silence are more than any other step takes, and fewer than the patience."""
    assert probe.PATIENCE_SECONDS >= 15
    with StandIn("8.8", latency_ms=7000) as chat:
        probe.check_address(Connection(chat.url, BOT))
