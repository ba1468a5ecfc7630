"""Serves a stand-in Rocket.Chat on 127.0.0.1 until stopped."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from demo.standin import cli


class Command(BaseCommand):
    """`manage.py standin`: the same as `python -m demo.standin`."""

    help = "Serve a stand-in Rocket.Chat on 127.0.0.1 until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The stand-in's own options."""
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serves."""
        code = cli.run(
            port=options["port"],
            like=options["like"],
            latency_ms=options["latency_ms"],
            rate_limit=options["rate_limit"],
            state=options["state"],
            say=self._say,
        )
        if code:
            sys.exit(code)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
