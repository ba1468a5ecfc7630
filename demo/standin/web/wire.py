"""HTTP/1.1 with kept-alive connections, just as much as an API client needs.

`http.server` parses headers with the e-mail package, which alone takes longer than most answers.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from io import BufferedIOBase
from urllib.parse import parse_qs, unquote

from demo.standin.web.call import Reply, Request
from demo.standin.web.faults import Died, Hangup

LINE = 65536
REASONS = {status.value: status.phrase for status in HTTPStatus}


class BadRequest(Exception):
    """What came is no HTTP request."""


def read_request(stream: BufferedIOBase, address: str) -> Request | None:
    """The next request on a connection; nothing when the other side has closed it.

    Raises:
        BadRequest: it cannot be understood.
    """
    line = stream.readline(LINE)
    if not line:
        return None
    parts = line.split()
    if len(parts) != 3:
        raise BadRequest(line[:100])
    headers = _read_headers(stream)
    if "transfer-encoding" in headers:
        raise BadRequest("chunked bodies are not understood")
    body = stream.read(int(headers.get("content-length", 0)))
    path, _, query = parts[1].decode("latin-1").partition("?")
    parameters = parse_qs(query, keep_blank_values=True) if query else {}
    return Request(parts[0].decode("latin-1"), unquote(path), parameters, headers, body, address)


def _read_headers(stream: BufferedIOBase) -> dict[str, str]:
    headers = {}
    while (line := stream.readline(LINE)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def head_of(reply: Reply, *, keep_alive: bool) -> bytes:
    """Status line and headers of a reply."""
    lines = [
        f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Connection(socketserver.StreamRequestHandler):
    """One client's connection, in a thread of its own, for as many requests as it likes."""

    server: WebServer
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        """Answers requests until one side has enough."""
        with contextlib.suppress(OSError), self.server.connected(self.connection):
            try:
                while self._answer_one():
                    pass
            except BadRequest:
                self._send(Reply(400, b""), keep_alive=False, with_body=True)

    def finish(self) -> None:
        """Closes the connection; after a reset there is nothing left to send."""
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def _answer_one(self) -> bool:
        """Whether the connection goes on."""
        request = read_request(self.rfile, self.client_address[0])
        if request is None or self.server.is_dead():
            return False
        try:
            reply = self.server.answer(request)
        except Hangup as hangup:
            self._hang_up(reset=hangup.reset)
            return False
        except Died:
            self.server.die()
            return False
        if self.server.is_dead():  # killed meanwhile: what it did stays, and nobody is told
            return False
        keep_alive = request.headers.get("connection", "").lower() != "close"
        self._send(reply, keep_alive=keep_alive, with_body=request.method != "HEAD")
        return keep_alive

    def _send(self, reply: Reply, *, keep_alive: bool, with_body: bool) -> None:
        self.wfile.write(head_of(reply, keep_alive=keep_alive))
        if with_body:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _hang_up(self, *, reset: bool) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


class WebServer(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 only; `answer` does the work."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._dead = False

    @contextlib.contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        """Knows an open connection for as long as it is open.

        Raises:
            ConnectionAbortedError: the server died after it had let the client in.
        """
        with self._lock:
            if self._dead:
                raise ConnectionAbortedError
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)

    def is_dead(self) -> bool:
        """Whether it was killed."""
        return self._dead

    def verify_request(self, request: object, client_address: object) -> bool:
        """A dead server lets nobody in any more."""
        return not self._dead

    def die(self) -> None:
        """Cuts every connection and stops listening, as a killed process would."""
        with self._lock:
            self._dead = True
            open_connections = list(self._connections)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=self._close, daemon=True).start()

    def _close(self) -> None:
        self.shutdown()
        self.server_close()
