"""`sync`: show what would change, and with --apply change it."""

import getpass
import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.operations import Operation
from integration.domain.state import Scope
from integration.management.printing import RunPrinter, told_once
from integration.models import AccountLink, IntegratedCourse, SyncRun
from integration.services.background.sweep import recover_dead_runs
from integration.services.moodle.reader import MoodleReader
from integration.services.runs import runner
from integration.services.runs.order import Order

CLEAN, FAILURES, CANNOT_RUN, REFUSED = 0, 1, 2, 3
EXIT_CODES = {
    SyncRun.Status.PLANNED: CLEAN,
    SyncRun.Status.DONE: CLEAN,
    SyncRun.Status.FAILED: FAILURES,
    SyncRun.Status.STOPPED: FAILURES,
    SyncRun.Status.QUARANTINED: REFUSED,
    SyncRun.Status.REFUSED: REFUSED,
}


class Command(BaseCommand):
    help = (
        "Bring Rocket.Chat in step with Moodle. Without --apply it only shows the plan. "
        "Exit status: 0 clean, 1 some operation failed, 2 cannot run, 3 waits for approval."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--course",
            nargs="+",
            action="extend",
            metavar="ID|SHORTNAME",
            help="only these courses (id:7 or shortname:7 where both would fit)",
        )
        parser.add_argument(
            "--user",
            metavar="ID|USERNAME",
            help="only this person of Moodle (id:7 or username:7 where both would fit)",
        )
        parser.add_argument("--apply", action="store_true", help="carry the plan out")
        parser.add_argument(
            "--full-check",
            action="store_true",
            help="read the members of every channel, not only of changed ones",
        )
        parser.add_argument(
            "--force", action="store_true", help="pass the limits of the safety guard, on purpose"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scope = _scope(options["course"] or [], options["user"])
        except SyncError as error:
            if options["json"]:
                self.stdout.write(json.dumps(cannot_run(error), ensure_ascii=False))
                raise SystemExit(CANNOT_RUN) from None
            raise CommandError(str(error), returncode=CANNOT_RUN) from None
        order = Order(
            kind=_kind(options),
            trigger=SyncRun.Trigger.COMMAND,
            scope=scope,
            actor=_who(),
            full_check=options["full_check"],
            force=options["force"],
        )
        if order.writes:
            recover_dead_runs()  # a run killed on this machine would stay "running"
        if options["json"]:
            with told_once():
                finished = runner.execute(order)
            self.stdout.write(json.dumps(as_json(finished), ensure_ascii=False))
        else:
            printer = RunPrinter(self.stdout, self.stderr, self.style)
            with told_once():
                finished = runner.execute(order, printer.progress)
            printer.show(finished)
            if not order.writes and finished.run.planned:
                self.stdout.write("Add --apply to carry it out.")
        status = EXIT_CODES.get(SyncRun.Status(finished.run.status), CANNOT_RUN)
        if status != CLEAN:
            raise SystemExit(status)


def cannot_run(error: SyncError) -> Mapping[str, Any]:
    """The same object for what did not even become a run."""
    return {
        "run": None,
        "status": SyncRun.Status.ERROR.value,
        "message": error.message,
        "hint": error.hint,
        "planned": {},
        "applied": {},
        "failed": [],
        "conflicts": [],
        "skipped": [],
        "requests": {"total": 0, "by_endpoint": {}},
        "seconds": 0.0,
    }


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
            {"kind": o.kind, "what": o.describe(), "reason": o.reason, "people": _people(o)}
            for o in report.plan.operations
        ]
        result["failed"] = [
            {
                "kind": outcome.operation.kind,
                "what": outcome.operation.describe(),
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


def _people(operation: Operation) -> list[Mapping[str, Any]]:
    """Who is put into the channel, and why."""
    return [
        {"moodle_user_id": one.user_id, "username": one.username, "reason": one.reason}
        for one in operation.people
    ]


def _kind(options: Mapping[str, Any]) -> str:
    if options["apply"]:
        return SyncRun.Kind.APPLY
    return SyncRun.Kind.FULL_CHECK if options["full_check"] else SyncRun.Kind.PREVIEW


def _scope(courses: list[str], user: str | None) -> Scope:
    reader = MoodleReader()
    course_ids = frozenset(_course(reader, text) for text in courses) if courses else None
    user_ids = frozenset({_user(reader, user)}) if user else None
    return Scope(course_ids, user_ids)


def _course(reader: MoodleReader, text: str) -> int:
    course_id = reader.resolve_course(text)
    number = text.removeprefix("id:")
    if course_id is None and number.isdecimal():
        course_id = int(number)  # deleted in Moodle, but perhaps still integrated
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
