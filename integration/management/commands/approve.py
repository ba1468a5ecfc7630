"""`approve`: let what waits in a run pass, or reject it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.management.printing import told_once
from integration.models import SyncRun
from integration.services.runs import approval, runner


class Command(BaseCommand):
    help = "Carry out what waits in a run that passed a limit, or reject it. Both need a reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "run", type=int, nargs="?", help="its number; without one, the runs that wait"
        )
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument("--reject", action="store_true", help="do not do it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["run"] is None:
            self._list()
            return
        try:
            self._decide(options["run"], options["reason"], reject=options["reject"])
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None

    def _list(self) -> None:
        waiting = SyncRun.objects.filter(status=SyncRun.Status.QUARANTINED)
        for run in waiting:
            self.stdout.write(f"Run {run.pk}: {run.held_count} operations wait. {run.message}")
        if not waiting:
            self.stdout.write("Nothing waits.")

    def _decide(self, number: int, reason: str, *, reject: bool) -> None:
        run = SyncRun.objects.filter(pk=number).first()
        if run is None:
            raise CommandError(f"There is no run {number}.", returncode=2)
        if reject:
            approval.reject(run, Operator(), reason)
            self.stdout.write(f"Run {number} is rejected.")
            return
        order = approval.approve(run, Operator(), reason, trigger=SyncRun.Trigger.COMMAND)
        with told_once():
            done = runner.execute(order).run
        self.stdout.write(f"Run {done.pk}: {done.get_status_display()}. {done.message} {done.hint}")
        if done.status != SyncRun.Status.DONE:
            raise SystemExit(1)
