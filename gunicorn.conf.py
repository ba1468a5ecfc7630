"""gunicorn's settings; it reads this file where it is started. Arguments and GUNICORN_CMD_ARGS win.

Threads, because a process without them serves one client at a time, however slowly that one talks.
"""

import logging
import logging.config
import os
import socket
import struct
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger

from rcsync_project.logs import WithRequestId

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

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcsync_project.settings")
try:
    logging.config.dictConfig(settings.LOGGING)
except ImproperlyConfigured as error:
    sys.stderr.write(f"rcsync is not configured: {error}\n")
    sys.exit(2)  # as manage.py


class logger_class(Logger):  # type: ignore[misc]  # noqa: N801  # untyped; one of the settings
    """gunicorn's own lines look like all others: LOG_FORMAT."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        (ours,) = logging.getLogger().handlers
        for handler in self.error_log.handlers:
            handler.setFormatter(ours.formatter)
            handler.addFilter(WithRequestId())


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
