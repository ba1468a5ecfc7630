"""`undo`: turn a run back. Without --apply it shows what that would do."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.management.printing import told_once
from integration.models import SyncRun
from integration.services.runs import runner, undo_orders
from integration.services.runs.order import Order


class Command(BaseCommand):
    help = (
        "Turn a run back, as far as things still are as it left them. Without --apply it only "
        "shows the plan. The courses it touched are taken out of the automatic sync, which would "
        "do the same again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int)
        parser.add_argument(
            "--operation", type=int, nargs="+", help="only these, by their number in the run"
        )
        parser.add_argument("--apply", action="store_true", help="carry the plan out")
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument(
            "--keep-syncing", action="store_true", help="leave the courses in the sync"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run = SyncRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.", returncode=2)
        chosen = options["operation"] and [number - 1 for number in options["operation"]]
        try:
            order = self._order(run, chosen, options)
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        with told_once():
            finished = runner.execute(order)
        if finished.report is None:
            raise CommandError(f"{finished.run.message} {finished.run.hint}", returncode=2)
        for operation in finished.report.plan.operations:
            self.stdout.write(operation.describe())
        for skip in finished.report.plan.skips:
            self.stdout.write(f"left: {skip.subject}: {skip.reason}")
        self.stdout.write(f"Run {finished.run.pk}: {finished.run.get_status_display()}.")
        if finished.run.message:
            self.stderr.write(f"{finished.run.message} {finished.run.hint}".strip())
        if not options["apply"]:
            self.stdout.write("This was the plan. Add --apply --reason ... to carry it out.")
        elif finished.run.status != SyncRun.Status.DONE:
            raise SystemExit(1)

    def _order(self, run: SyncRun, chosen: list[int] | None, options: dict[str, Any]) -> Order:
        if not options["apply"]:
            return undo_orders.preview_order(run, Operator(), chosen=chosen)
        return undo_orders.undo(
            run,
            Operator(),
            options["reason"],
            chosen=chosen,
            keep_syncing=options["keep_syncing"],
        )
