"""Servers that misbehave below HTTP: silent, slow, endless, or gone in the middle."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from integration.domain.errors import (
    ConfigurationError,
    RocketChatError,
    TransientError,
    UnexpectedAnswer,
)
from integration.services.rocketchat import Connection, Credentials, RocketChat
from integration.services.rocketchat.errors import AnswerTooLarge, NotSent
from integration.services.rocketchat.limiter import Limiter
from tests.support.tls import make_certificate, tls_context

TOKEN = "tok-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
BOT = Credentials(user_id="bot-id", token=TOKEN)
OK = b'{"users": [], "success": true}'
Talk = Callable[[socket.socket], None]


def http(body: bytes, *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {size}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


@contextmanager
def server(*talks: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that treats its first connection by the first talk, and so on."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), connection:
                talk = talks[min(number, len(talks) - 1)]
                number += 1
                if tls:
                    connection = tls.wrap_socket(connection, server_side=True)
                with connection:
                    talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        assert not thread.is_alive()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            return data
        data += piece
    return data


def says(answer: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return talk


def says_at_once(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(http(OK))


def hangs_up(connection: socket.socket) -> None:
    read_request(connection)


def stays_silent(connection: socket.socket) -> None:
    read_request(connection)
    connection.settimeout(5)
    while connection.recv(4096):
        pass  # until the client gives up


def trickles(connection: socket.socket) -> None:
    """A byte now and then: no single pause is long, the whole would take for ever."""
    read_request(connection)
    connection.sendall(http(b"", length=100_000))
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.02)


def pours_out(connection: socket.socket) -> None:
    """An endless body, without a length."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


LONG = 15.0  # seconds; many times what a busy machine takes
SHORT = {"read_timeout": 0.2, "long_read_timeout": 0.2}  # for what never ends by itself


def client(url: str, **options: Any) -> RocketChat:
    options = {"connect_timeout": LONG, "read_timeout": LONG, "long_read_timeout": LONG} | options
    quick = {"limiter": Limiter(8), "sleep": lambda _seconds: None}
    return RocketChat(Connection(url, BOT, **options), **quick)  # type: ignore[arg-type]


def problem(url: str, **options: Any) -> RocketChatError:
    """What a call that must not be repeated ends with."""
    with client(url, **options) as rocketchat, pytest.raises(RocketChatError) as raised:
        rocketchat.post("users.create", {})
    return raised.value


def test_silence_ends_with_the_read_time_out() -> None:
    with server(stays_silent) as url:
        begin = time.monotonic()
        error = problem(url, **SHORT)
    assert type(error) is TransientError
    assert "no answer in time" in error.message
    assert time.monotonic() - begin < LONG


def test_a_trickle_ends_with_the_time_for_the_whole_answer() -> None:
    with server(trickles) as url:
        begin = time.monotonic()
        error = problem(url, **SHORT)
    assert type(error) is TransientError
    assert "not complete after 0.6 seconds" in error.message
    assert time.monotonic() - begin < LONG


def test_an_endless_answer_is_cut_off_at_the_limit() -> None:
    with server(pours_out) as url:
        error = problem(url, max_answer_bytes=1_000_000)
    assert isinstance(error, AnswerTooLarge)
    assert "larger than" in error.message


def test_a_bomb_of_compressed_nothing_is_cut_off_at_the_limit() -> None:
    bomb = http(gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip")
    with server(says(bomb)) as url:
        error = problem(url, max_answer_bytes=1_000_000)
    assert isinstance(error, AnswerTooLarge)


def test_a_compressed_answer_is_read() -> None:
    with (
        server(says(http(gzip.compress(OK), "Content-Encoding: gzip"))) as url,
        client(url) as rocketchat,
    ):
        assert rocketchat.get("users.list")["users"] == []


@pytest.mark.parametrize(
    "talk",
    [
        hangs_up,
        says(http(OK[:10], length=len(OK))),
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
        says(b"this is not HTTP\r\n\r\n"),
        says(http(b"not gzip", "Content-Encoding: gzip")),
        says(b""),
    ],
    ids=["hang-up", "short", "short-chunk", "no-http", "no-gzip", "nothing"],
)
def test_an_answer_that_breaks_off_has_an_unknown_effect(talk: Talk) -> None:
    with server(talk) as url:
        error = problem(url)
    assert isinstance(error, TransientError)
    assert not isinstance(error, NotSent | UnexpectedAnswer)


def test_a_read_goes_on_after_the_server_broke_off() -> None:
    with (
        server(hangs_up, says(http(OK[:10], length=len(OK))), says(http(OK))) as url,
        client(url) as rocketchat,
    ):
        assert rocketchat.get("users.list")["users"] == []
        assert rocketchat.stats.total == 3


def test_a_server_that_is_not_there_was_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    error = problem(url)
    assert isinstance(error, NotSent)
    assert "firewall" in error.hint
    assert url in error.message


def test_a_name_that_nobody_knows_was_not_reached() -> None:
    assert isinstance(problem("http://no-such-host.invalid"), NotSent)


def test_one_connection_serves_many_requests() -> None:
    connections = []

    def talk(connection: socket.socket) -> None:
        connections.append(connection)
        while read_request(connection):
            connection.sendall(http(OK))

    with server(talk) as url, client(url) as rocketchat:
        for _ in range(5):
            rocketchat.get("users.list")
    assert len(connections) == 1


def test_cookies_of_the_server_are_not_kept() -> None:
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        while request := read_request(connection):
            requests.append(request)
            connection.sendall(http(OK, "Set-Cookie: rc_token=stolen; Path=/"))

    with server(talk) as url, client(url) as rocketchat:
        rocketchat.get("users.list")
        rocketchat.get("users.list")
    assert b"cookie" not in requests[1].lower()


def test_a_password_file_of_the_machine_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(http(OK))

    with server(talk) as url, client(url) as rocketchat:
        rocketchat.get("users.list")
    assert b"authorization" not in requests[0].lower()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


def test_an_own_authority_is_trusted_only_when_it_is_named(certificate: Path) -> None:
    with server(says(http(OK)), tls=tls_context(certificate)) as url:
        with client(url) as rocketchat, pytest.raises(ConfigurationError, match="not trusted"):
            rocketchat.get("users.list")
        with client(url, ca_file=str(certificate)) as rocketchat:
            assert rocketchat.get("users.list")["users"] == []
        with client(url, verify_tls=False) as rocketchat:
            assert rocketchat.get("users.list")["users"] == []


def test_https_to_a_server_that_speaks_http_is_a_matter_of_configuration() -> None:
    with server(says_at_once) as url:
        https = url.replace("http://", "https://")
        with client(https) as rocketchat, pytest.raises(ConfigurationError, match="http or https"):
            rocketchat.get("users.list")
