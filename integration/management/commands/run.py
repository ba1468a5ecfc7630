"""`run`: the web pages and the worker together, for one machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from integration.checks import installation_problems
from integration.services.worker import guardian

CANNOT_RUN = 2
LOOK_SECONDS = 0.2
WEB_DRAIN_SECONDS = 10


class Command(BaseCommand):
    help = "Start the web pages and the worker. Ctrl-C ends both. Exit status 2: cannot start."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="ADDRESS:PORT")
        parser.add_argument("--web-processes", type=int, default=2, metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = installation_problems()
        if problems:
            raise CommandError("\n".join(problems), returncode=CANNOT_RUN)
        if not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0)
        self._ended = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        children = {
            "web": _start(*_web(options["bind"], options["web_processes"])),
            "worker": _start("-m", "django", "worker", "--wait"),
        }
        self.stdout.write(f"The admin is at http://{options['bind']}/ ; Ctrl-C ends everything.")
        try:
            self._watch(children)
        finally:
            _stop_all(list(children.values()))

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        self._ended = True

    def _watch(self, children: dict[str, "subprocess.Popen[bytes]"]) -> None:
        while not self._ended:
            for name, child in children.items():
                if child.poll() is not None:
                    raise CommandError(
                        f"The {name} ended by itself (status {child.returncode}); its messages are "
                        "above. Everything is stopped.",
                        returncode=1,
                    )
            time.sleep(LOOK_SECONDS)


def _web(bind: str, processes: int) -> list[str]:
    web = ["-m", "gunicorn", "rcsync_project.wsgi", "--bind", bind, "--workers", str(processes)]
    return [*web, "--graceful-timeout", str(WEB_DRAIN_SECONDS)]  # the rest: gunicorn.conf.py


def _start(*arguments: str) -> "subprocess.Popen[bytes]":
    """In a session of its own: Ctrl-C is for us, and we pass it on once. It ends with us."""
    seconds = settings.DRAIN_SECONDS + WEB_DRAIN_SECONDS
    return guardian.start(
        [sys.executable, *arguments], seconds, cwd=settings.BASE_DIR, env=os.environ
    )


def _stop_all(children: list["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
    for child in children:
        try:
            child.wait(settings.DRAIN_SECONDS + WEB_DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
