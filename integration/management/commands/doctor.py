"""`doctor`: every check of both connections and of our own tables, each with its fix."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from integration.domain.checks import Check, CheckStatus
from integration.services.monitoring.diagnostics import all_checks

ALL_WELL, SOMETHING_FAILED = 0, 1


class Command(BaseCommand):
    help = (
        "Check Moodle, Rocket.Chat and rcsync's own tables. "
        "Exit status: 0 nothing failed (warnings are allowed), 1 something failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        checks = all_checks()
        failed = any(check.status is CheckStatus.FAILED for check in checks)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {"ok": not failed, "checks": [asdict(c) for c in checks]}, ensure_ascii=False
                )
            )
        else:
            for check in checks:
                self._print(check)
        if failed:
            raise SystemExit(SOMETHING_FAILED)

    def _print(self, check: Check) -> None:
        style, mark = {
            CheckStatus.OK: (self.style.SUCCESS, "ok     "),
            CheckStatus.WARNING: (self.style.WARNING, "warning"),
            CheckStatus.FAILED: (self.style.ERROR, "FAILED "),
        }[check.status]
        self.stdout.write(f"{style(mark)} {check.name}: {check.found}")
        if check.fix:
            self.stdout.write(f"        -> {check.fix}")
