"""gunicorn's settings; it reads this file where it is started. Arguments and GUNICORN_CMD_ARGS win.

Threads, because a process without them serves one client at a time, however slowly that one talks.
"""

import logging
import socket
import struct
from typing import Any

bind = "127.0.0.1:8000"
workers = 2
worker_class = "gthread"
threads = 8
timeout = 30  # of silence: a process is replaced, and a client is cut off
graceful_timeout = 10
keepalive = 5
max_requests = 5000  # then a process is replaced, one after the other
max_requests_jitter = 500
worker_tmp_dir = "/dev/shm"  # noqa: S108  # a heartbeat on a disk waits for the disk
control_socket_disable = True
proc_name = "rcsync"
loglevel = "warning"


def when_ready(server: Any) -> None:
    """A thread that waits for a silent client gives up. Accepted sockets inherit it (Linux)."""
    silence = struct.pack("ll", server.cfg.timeout, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, silence)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, silence)
    logging.getLogger("gunicorn.error").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """A client that fell silent is none; gunicorn would write a traceback for each."""
    return not (record.exc_info and record.exc_info[0] is BlockingIOError)
