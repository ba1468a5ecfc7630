"""`alive`: the health check of one process on this machine, for containers."""

from argparse import ArgumentParser
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from socket import gethostname
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from integration.services.ledger import heartbeat
from integration.services.monitoring.own_database import explain_own

TIMEOUT_SECONDS = 5


class Command(BaseCommand):
    help = (
        "Ask whether the web pages or the worker of this machine work. Exit status: 0 yes, 1 no. "
        "Whether Moodle and Rocket.Chat answer is another question: `status`."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["web", "worker"])
        parser.add_argument("--port", type=int, default=8000, help="of the web pages")

    def handle(self, *args: Any, **options: Any) -> None:
        problem = _web(options["port"]) if options["what"] == "web" else _worker()
        if problem:
            raise CommandError(problem, returncode=1)


def _web(port: int) -> str:
    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith("*")), "localhost")
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)) as asked:
            asked.request("GET", "/healthz", headers={"Host": host.lstrip(".")})
            status = asked.getresponse().status
    except (OSError, HTTPException) as error:
        return f"The web pages do not answer: {error}"
    return "" if status == 200 else f"The web pages answer with HTTP {status}"


def _worker() -> str:
    try:
        clusters = heartbeat.live_clusters()
    except Error as error:
        return str(explain_own(error))
    if any(name.startswith(f"{gethostname()}/") for name in clusters):
        return ""
    return "No worker of this machine shows a sign of life"
