"""A run on the terminal: progress, plan, result. For people; scripts take --json."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from django.core.management.base import OutputWrapper

from integration.domain.operations import Operation, labels
from integration.models import SyncRun
from integration.services.runs import runner
from integration.services.runs.runner import Finished
from integration.services.sync import apply
from integration.services.sync.report import RunReport

SHOWN = 40  # lines for each kind of operation; the admin and --json show all of them
NAMES = 8  # of people who are put into one channel
WIDTH = 30


@contextmanager
def told_once() -> Iterator[None]:
    """Failures that the command prints itself are not logged to the same terminal as well."""
    loggers = [logging.getLogger(module.__name__) for module in (runner, apply)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class RunPrinter:
    """Prints runs. `style` is a command's own, which knows whether colours are wanted."""

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper, style: Any) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.style = style

    def progress(self, done: int, total: int) -> None:
        """A bar that redraws itself; on something that is no terminal, only its end."""
        if not self.stdout.isatty() and done < total:
            return
        filled = WIDTH * done // max(total, 1)
        self.stdout.write(
            f"\r  [{'#' * filled:<{WIDTH}}] {done}/{total}", ending="\n" if done == total else ""
        )
        self.stdout.flush()

    def show(self, finished: Finished, *, with_plan: bool = True, shown: int = SHOWN) -> None:
        """`shown` is the number of lines for each kind of operation."""
        run, report = finished.run, finished.report
        for note in finished.notes:
            self.stdout.write(self.style.WARNING(note))
        if report is None:
            self.stderr.write(self.style.ERROR(f"{run.message} {run.hint}".strip()))
            return
        if with_plan:
            self._plan(report, shown)
            self._left_alone(report, shown)
        self._failures(report)
        self._result(finished, report)

    def _plan(self, report: RunReport, shown: int) -> None:
        if not report.plan.operations:
            self.stdout.write("Nothing to do: Rocket.Chat is in step with Moodle.")
        for kind, operations in groupby(report.plan.operations, key=lambda o: o.kind):
            self.stdout.write(
                self.style.MIGRATE_LABEL(f"{labels()[kind]}: {report.plan.counts[kind]}")
            )
            self._lines([_line(operation) for operation in operations], shown)

    def _lines(self, lines: Sequence[str], shown: int) -> None:
        for line in lines[:shown]:
            self.stdout.write(f"  {line}")
        if len(lines) > shown:
            self.stdout.write(f"  … and {len(lines) - shown} more")

    def _left_alone(self, report: RunReport, shown: int) -> None:
        for conflict in report.plan.conflicts:
            self.stdout.write(
                self.style.WARNING(f"Conflict: {conflict.moodle_side}: {conflict.rocketchat_side}.")
                + f" {conflict.advice}"
            )
        if report.plan.skips:
            self.stdout.write("left alone:")
            self._lines([f"{skip.subject}: {skip.reason}" for skip in report.plan.skips], shown)

    def _failures(self, report: RunReport) -> None:
        for outcome in report.failed:
            self.stdout.write(
                self.style.ERROR(f"Failed: {outcome.operation.describe()}: {outcome.error}")
                + f" {outcome.hint}"
            )

    def _result(self, finished: Finished, report: RunReport) -> None:
        run = finished.run
        writes = run.kind == SyncRun.Kind.APPLY
        self.stdout.write(
            f"{'Done' if writes else 'Planned'}: {_counts(report, writes)}. "
            f"Run {run.pk}, {run.get_status_display().lower()}, "
            f"{run.requests.get('total', 0)} requests, {finished.seconds:.1f} s."
        )
        if run.message:
            self.stderr.write(self.style.ERROR(f"{run.get_status_display()}: {run.message}"))
        if run.hint:
            self.stderr.write(run.hint)
        if not writes and report.plan.operations:
            self.stdout.write("This was the plan; nothing was changed.")


def _line(operation: Operation) -> str:
    names = [joiner.username or str(joiner.user_id) for joiner in operation.people]
    if len(names) > NAMES:
        names = [*names[:NAMES], f"{len(names) - NAMES} more"]
    people = f": {', '.join(names)}" if names else ""
    return f"{operation.describe()}{people}  ({operation.reason})"


def _counts(report: RunReport, writes: bool) -> str:
    counts = report.applied if writes else report.plan.counts
    return ", ".join(f"{count} x {labels()[kind]}" for kind, count in counts.items()) or "nothing"
