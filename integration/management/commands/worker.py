"""`worker`: works on runs, keeps the schedules and watches Moodle's events, until told to stop."""

import _thread
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.checks import startup_problems
from integration.services.ledger import heartbeat
from integration.services.worker import systemd
from integration.services.worker.supervisor import BEAT_SECONDS, Supervisor

CANNOT_RUN = 2
WAIT_SECONDS = 5.0


def ended_by_signals() -> threading.Event:
    """Is set after SIGTERM or SIGINT."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        """In a thread: this one waits for the event, and may hold its lock at this moment."""
        _thread.start_new_thread(stop.set, ())

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


class Command(BaseCommand):
    help = (
        "Work in the background: schedules, events and runs. Ends on SIGTERM after the tasks under "
        "way. Exit status 2: the configuration is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--wait", action="store_true", help="wait for missing settings instead of refusing"
        )
        parser.add_argument(
            "--beat", type=float, default=BEAT_SECONDS, metavar="SECONDS",
            help="how often the cluster has to prove that it works",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        stop = ended_by_signals()
        self._settings_are_there(stop, wait=options["wait"])
        if stop.is_set():
            return
        name = heartbeat.new_cluster_name()
        self.stdout.write(f"Worker {name} starts. Ctrl-C ends it.")
        Supervisor(name, stop, beat_seconds=options["beat"]).run()
        self.stdout.write(f"Worker {name} has ended.")

    def _settings_are_there(self, stop: threading.Event, *, wait: bool) -> None:
        problems = startup_problems()
        while problems and wait and not stop.is_set():
            self.stderr.write(f"The worker waits: {problems[0]}")
            systemd.ready(f"waits: {problems[0]}")
            systemd.alive()
            stop.wait(WAIT_SECONDS)
            problems = startup_problems()
        if problems and not stop.is_set():
            raise CommandError("\n".join(problems), returncode=CANNOT_RUN)
