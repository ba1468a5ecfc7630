"""`status`: how rcsync is doing."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from integration import __version__
from integration.services.monitoring.course_states import CourseState
from integration.services.monitoring.status import Health, Numbers, health

NOT_READY = 1


class Command(BaseCommand):
    help = (
        "Show how rcsync is doing: servers, workers, backlog, last success. "
        "Exit status: 0 everything works, 1 something does not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = health()
        if options["json"]:
            self.stdout.write(json.dumps(as_json(now), ensure_ascii=False))
        else:
            self._print(now)
        if not now.ready:
            raise SystemExit(NOT_READY)

    def _print(self, now: Health) -> None:
        self.stdout.write(f"rcsync {__version__}")
        for part in now.parts:
            word = self.style.SUCCESS("works") if part.ok else self.style.ERROR("fails")
            self.stdout.write(f"{part.name:<12}{word}  {part.problem}".rstrip())
        if now.counted:
            self._print_numbers(now.numbers)
        for warning in now.warnings:
            self.stdout.write(self.style.WARNING(warning))

    def _print_numbers(self, numbers: Numbers) -> None:
        self.stdout.write(
            f"\nWorkers alive: {', '.join(numbers.clusters) or 'none'}"
            f"\nLast success: {_ago(numbers.last_good_age)}"
            f"\nLast look at Moodle's events: {_ago(numbers.event_age)}"
            f"\nRuns: {numbers.running} running, {numbers.queued} waiting"
            f" (the oldest for {_seconds(numbers.oldest_queued_age)})"
            f"\nCourses: {numbers.courses}, {numbers.courses_failing} failing, "
            f"{numbers.courses_pending} pending{_states(numbers.courses_by_state)}"
            f"\nChannels: {numbers.channels}, accounts: {numbers.accounts}, "
            f"open conflicts: {numbers.conflicts}"
        )


def as_json(now: Health) -> dict[str, Any]:
    return {
        "version": __version__,
        "ready": now.ready,
        "parts": {part.name: {"ok": part.ok, "problem": part.problem} for part in now.parts},
        "warnings": list(now.warnings),
        **asdict(now.numbers),
    }


STATES = {
    CourseState.IN_STEP: "in step",
    CourseState.WAITS: "waiting for approval",
    CourseState.DIFFERS: "not as Moodle asks",
    CourseState.NEVER: "not synced yet",
    CourseState.PAUSED: "paused",
}


def _states(counts: Mapping[str, int]) -> str:
    return "".join(f", {counts[state]} {word}" for state, word in STATES.items() if counts[state])


def _ago(age: float | None) -> str:
    return "never" if age is None else f"{_seconds(age)} ago"


def _seconds(age: float | None) -> str:
    if age is None:
        return "0 s"
    if age < 120:
        return f"{age:.0f} s"
    return f"{age / 60:.0f} min" if age < 7200 else f"{age / 3600:.1f} h"
