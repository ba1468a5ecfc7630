"""`sync`: show what would change, and with --apply change it."""

import getpass
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.models import AccountLink, IntegratedCourse, SyncRun
from integration.services import runner
from integration.services.errors import ConfigurationError, SyncError
from integration.services.moodle_reader import MoodleReader
from integration.services.operations import LABELS, describe
from integration.services.report import RunReport
from integration.services.state import Scope

CLEAN, FAILURES, CANNOT_RUN, REFUSED = 0, 1, 2, 3
EXIT_CODES = {
    SyncRun.Status.PLANNED: CLEAN,
    SyncRun.Status.DONE: CLEAN,
    SyncRun.Status.FAILED: FAILURES,
    SyncRun.Status.STOPPED: FAILURES,
    SyncRun.Status.REFUSED: REFUSED,
}
SHOWN = 200  # lines of a plan on the terminal; the admin and --json show all of it


class Command(BaseCommand):
    help = (
        "Bring Rocket.Chat in step with Moodle. Without --apply it only shows the plan. "
        "Exit status: 0 clean, 1 some operation failed, 2 cannot run, 3 refused as unsafe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--course", nargs="+", action="extend", metavar="ID|SHORTNAME", help="only these courses"
        )
        parser.add_argument("--user", metavar="ID|USERNAME", help="only this person (of Moodle)")
        parser.add_argument("--apply", action="store_true", help="carry the plan out")
        parser.add_argument(
            "--audit", action="store_true", help="read the members of every channel, not only of changed ones"
        )
        parser.add_argument(
            "--force", action="store_true", help="pass the limits of the safety guard, on purpose"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scope = _scope(options["course"] or [], options["user"])
        except SyncError as error:
            raise CommandError(str(error), returncode=CANNOT_RUN) from None
        order = runner.Order(
            kind=_kind(options),
            trigger=SyncRun.Trigger.COMMAND,
            scope=scope,
            actor=_who(),
            audit=options["audit"],
            force=options["force"],
        )
        show_progress = options["apply"] and not options["json"] and self.stdout.isatty()
        finished = runner.execute(order, self._progress if show_progress else lambda done, total: None)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(finished), ensure_ascii=False))
        else:
            self._print(finished)
        status = EXIT_CODES.get(SyncRun.Status(finished.run.status), CANNOT_RUN)
        if status != CLEAN:
            raise SystemExit(status)

    # --- for people ---------------------------------------------------------------------------------------

    def _progress(self, done: int, total: int) -> None:
        width = 30
        filled = width * done // max(total, 1)
        end = "\n" if done == total else ""
        self.stdout.write(f"\r[{'#' * filled:<{width}}] {done}/{total}", ending=end)
        self.stdout.flush()

    def _print(self, finished: runner.Finished) -> None:
        run, report = finished.run, finished.report
        for note in finished.notes:
            self.stdout.write(self.style.WARNING(note))
        if report is None:
            self.stderr.write(self.style.ERROR(f"{run.message} {run.hint}".strip()))
            return
        self._print_plan(report)
        self._print_rest(report)
        self._print_result(finished, report)

    def _print_plan(self, report: RunReport) -> None:
        operations = report.plan.operations
        if not operations:
            self.stdout.write("Nothing to do: Rocket.Chat is in step with Moodle.")
        for operation in operations[:SHOWN]:
            self.stdout.write(f"  {describe(operation)}  ({operation.reason})")
        if len(operations) > SHOWN:
            self.stdout.write(f"  … and {len(operations) - SHOWN} more; --json shows all of them.")

    def _print_rest(self, report: RunReport) -> None:
        for conflict in report.plan.conflicts:
            self.stdout.write(
                self.style.WARNING(f"Conflict: {conflict.moodle_side}: {conflict.rocketchat_side}.")
                + f" {conflict.advice}"
            )
        for skip in report.plan.skips[:SHOWN]:
            self.stdout.write(f"Left alone: {skip.subject}: {skip.reason}.")
        for outcome in report.failed:
            self.stdout.write(
                self.style.ERROR(f"Failed: {describe(outcome.operation)}: {outcome.error}")
                + f" {outcome.hint}"
            )

    def _print_result(self, finished: runner.Finished, report: RunReport) -> None:
        run = finished.run
        counts = report.applied if run.kind == SyncRun.Kind.APPLY else report.plan.counts
        words = ", ".join(f"{count} x {LABELS[kind]}" for kind, count in counts.items()) or "nothing"
        verb = "Done" if run.kind == SyncRun.Kind.APPLY else "Planned"
        self.stdout.write(
            f"{verb}: {words}. Run {run.pk}, {run.get_status_display().lower()}, "
            f"{run.requests.get('total', 0)} requests, {finished.seconds:.1f} s."
        )
        if run.message:
            self.stderr.write(self.style.ERROR(f"{run.get_status_display()}: {run.message}"))
        if run.hint:
            self.stderr.write(run.hint)
        if run.kind != SyncRun.Kind.APPLY and report.plan.operations:
            self.stdout.write("This was the plan. Add --apply to carry it out.")


def as_json(finished: runner.Finished) -> Mapping[str, Any]:
    """The run as one object, for scripts."""
    run, report = finished.run, finished.report
    result: dict[str, Any] = {
        "run": run.pk,
        "status": run.status,
        "message": run.message,
        "hint": run.hint,
        "planned": dict(run.planned),
        "applied": dict(run.applied),
        "failed": [],
        "conflicts": [],
        "skipped": [{"subject": "settings", "reason": note} for note in finished.notes],
        "requests": {"total": 0, "by_endpoint": {}, **run.requests},
        "seconds": round(finished.seconds, 3),
    }
    if report is not None:
        result["digest"] = report.plan.digest
        result["operations"] = [
            {"kind": o.kind, "what": describe(o), "reason": o.reason} for o in report.plan.operations
        ]
        result["failed"] = [
            {
                "kind": outcome.operation.kind,
                "what": describe(outcome.operation),
                "error": outcome.error,
                "hint": outcome.hint,
                "status": outcome.status,
                "code": outcome.code,
            }
            for outcome in report.failed
        ]
        result["conflicts"] = [
            {
                "kind": conflict.kind.value,
                "moodle_user_id": conflict.user_id,
                "moodle_group_id": conflict.group_id,
                "moodle": conflict.moodle_side,
                "rocketchat": conflict.rocketchat_side,
                "advice": conflict.advice,
            }
            for conflict in report.plan.conflicts
        ]
        result["skipped"] += [
            {"subject": skip.subject, "reason": skip.reason} for skip in report.plan.skips
        ]
    return result


def _kind(options: Mapping[str, Any]) -> str:
    if options["apply"]:
        return SyncRun.Kind.APPLY
    return SyncRun.Kind.AUDIT if options["audit"] else SyncRun.Kind.PREVIEW


def _scope(courses: list[str], user: str | None) -> Scope:
    reader = MoodleReader()
    course_ids = frozenset(_course(reader, text) for text in courses) if courses else None
    user_ids = frozenset({_user(reader, user)}) if user else None
    return Scope(course_ids, user_ids)


def _course(reader: MoodleReader, text: str) -> int:
    course_id = reader.resolve_course(text)
    if course_id is None and text.isdecimal():
        course_id = int(text)  # deleted in Moodle, but perhaps still integrated
    if course_id is None or not IntegratedCourse.objects.filter(course_id=course_id).exists():
        known = ", ".join(map(str, IntegratedCourse.objects.all()[:10]))
        raise ConfigurationError(
            f"There is no integrated course '{text}'.",
            hint=f"Add it under Integrated courses. Integrated are: {known or 'none'}.",
        )
    return course_id


def _user(reader: MoodleReader, text: str) -> int:
    user_id = reader.resolve_user(text)
    if user_id is None:
        link = AccountLink.objects.filter(username=text).first()
        user_id = link.moodle_user_id if link else None
    if user_id is None:
        raise ConfigurationError(
            f"Moodle has no user '{text}'.", hint="Give the id or the username as Moodle has it."
        )
    return user_id


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
