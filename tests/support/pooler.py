"""A connection pooler in front of PostgreSQL, as far as it matters here: PgBouncer's refusal.

Like PgBouncer it lets only a few startup parameters through and passes on everything else.
"""

import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.servers import Postgres

ALLOWED = {
    *("user", "database", "client_encoding", "datestyle", "timezone"),
    *("standard_conforming_strings", "application_name"),
}
PROTOCOL_3 = 196608
SOCKET = ".s.PGSQL.5432"


@contextmanager
def pooler(server: Postgres) -> Iterator[str]:
    """The folder of its socket, for an address in place of the server's own."""
    with tempfile.TemporaryDirectory(prefix="rcsync-pooler-", dir="/tmp") as folder:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(Path(folder) / SOCKET))
        listener.listen()
        thread = threading.Thread(target=_accept, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield folder
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()


def _accept(listener: socket.socket, server: Postgres) -> None:
    with suppress(OSError):
        while True:
            client, _address = listener.accept()
            threading.Thread(target=_serve, args=(client, server), daemon=True).start()


def _serve(client: socket.socket, server: Postgres) -> None:
    with client, suppress(OSError):
        packet = _packet(client)
        while packet and struct.unpack("!I", packet[:4])[0] != PROTOCOL_3:
            client.sendall(b"N")  # neither TLS nor GSS encryption
            packet = _packet(client)
        names = {name.decode().lower() for name in packet[4:].split(b"\0")[:-2:2]}
        if refused := sorted(names - ALLOWED):
            client.sendall(_error(f"unsupported startup parameter: {refused[0]}"))
            return
        with socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(str(server.folder / SOCKET))
            upstream.sendall(struct.pack("!I", len(packet) + 4) + packet)
            back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
            back.start()
            _pump(client, upstream)
            back.join()


def _packet(client: socket.socket) -> bytes:
    (length,) = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
    return client.recv(length - 4, socket.MSG_WAITALL)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _error(words: str) -> bytes:
    body = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", "08P01"), (b"M", words))
    )
    return b"E" + struct.pack("!I", len(body) + 5) + body + b"\0"
