"""`./rcsync demo`: a sample Moodle, a stand-in Rocket.Chat, a plan, a real sync, and the admin to
look around.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from demo import demo_site
from demo.check_result import mistakes
from demo.standin import StandIn
from integration.management.printing import RunPrinter
from integration.models import IntegratedCourse, SyncRun
from integration.services.runs import runner
from integration.services.runs.order import Order
from integration.services.worker import guardian

WRONG = 1
WORKER_SECONDS = 15  # to end what it is doing
SHOWN = 4  # lines of the plan for each kind of operation


class Command(BaseCommand):
    help = "Try rcsync without Moodle and Rocket.Chat: make both, sync them, and serve the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="do not serve; exit 0 if all is right"
        )
        parser.add_argument("--fresh", action="store_true", help="begin with nothing")
        parser.add_argument("--port", type=int, default=8000, help="where the admin is served")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: exit_cleanly())
        if not options["once"] and not _is_free(options["port"]):
            raise CommandError(
                f"Port {options['port']} is in use. Choose another: ./rcsync demo --port 8001"
            )
        self._step("Preparing the sample Moodle and rcsync's own tables")
        demo_site.prepare(fresh=options["fresh"])
        with demo_site.chat_server() as chat:
            self.stdout.write(f"  Stand-in Rocket.Chat {chat.world.dialect.version} at {chat.url}")
            self._sync()
            problems = self._judge(chat)
            if options["once"]:
                if problems:
                    raise SystemExit(WRONG)
                return
            self._serve(options["port"])

    def _sync(self) -> None:
        courses = IntegratedCourse.objects.count()
        self._step(f"The plan for {courses} courses: what a sync would change")
        self._printer.show(self._run(SyncRun.Kind.PREVIEW), shown=SHOWN)
        self._step("The sync")
        self._printer.show(self._run(SyncRun.Kind.APPLY), with_plan=False)

    def _run(self, kind: str) -> runner.Finished:
        return runner.execute(
            Order(kind=kind, trigger=SyncRun.Trigger.COMMAND, actor="demo"),
            self._printer.progress,
        )

    @property
    def _printer(self) -> RunPrinter:
        return RunPrinter(self.stdout, self.stderr, self.style)

    def _judge(self, chat: StandIn) -> list[str]:
        self._step("Looking again, straight into Moodle's tables and the stand-in's rooms")
        problems = mistakes(chat.state())
        again = self._run(SyncRun.Kind.PREVIEW).run
        if again.status != SyncRun.Status.PLANNED or again.planned:
            problems.append(
                f"a second run would change something: {again.planned or again.message}"
            )
        for problem in problems:
            self.stderr.write(self.style.ERROR(f"  {problem}"))
        if not problems:
            self.stdout.write(
                self.style.SUCCESS(
                    "  Every channel holds exactly the right people; nothing is left to do."
                )
            )
        return problems

    def _serve(self, port: int) -> None:
        username, password = demo_site.administrator()
        self._step("The admin")
        self.stdout.write(
            f"  http://127.0.0.1:{port}/   user {username}, password {password}\n"
            "  Stop with Ctrl-C. `./rcsync demo` goes on from here; with --fresh it begins anew."
        )
        self.stdout.flush()
        with _worker():
            call_command(
                "runserver", f"127.0.0.1:{port}", use_reloader=False, skip_checks=True, verbosity=0
            )

    def _step(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n{text}"))


@contextlib.contextmanager
def _worker() -> Iterator[None]:
    """So that schedule and events can be seen at work. It ends with the demo."""
    command = [sys.executable, "-m", "django", "worker", "--wait"]
    worker = guardian.start(command, WORKER_SECONDS, cwd=settings.BASE_DIR, env=os.environ)
    try:
        yield
    finally:
        worker.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(WORKER_SECONDS)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def exit_cleanly() -> None:
    raise SystemExit(0)
