"""`alive`: the health check of one container."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integration.models import WorkerBeat


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "rcsync.example.org" else 400)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_web_pages_are_asked_under_a_name_they_allow(port: int, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".rcsync.example.org", "other"]
    call_command("alive", "web", port=port)
    settings.ALLOWED_HOSTS = ["*"]
    with pytest.raises(CommandError, match="HTTP 400"):
        call_command("alive", "web", port=port)


def test_web_pages_that_are_not_there() -> None:
    with pytest.raises(CommandError, match="do not answer") as refused:
        call_command("alive", "web", port=9)
    assert refused.value.returncode == 1


@pytest.mark.django_db
def test_only_a_worker_of_this_machine_counts() -> None:
    WorkerBeat.objects.create(name="elsewhere/1", started_at=timezone.now(), beat_at=timezone.now())
    with pytest.raises(CommandError, match="No worker of this machine"):
        call_command("alive", "worker")
    WorkerBeat.objects.create(
        name=f"{socket.gethostname()}/1", started_at=timezone.now(), beat_at=timezone.now()
    )
    call_command("alive", "worker")
