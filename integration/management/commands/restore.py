"""`restore`: a backup in the place of rcsync's own database. Looks only, unless --apply."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone
from django.utils.timesince import timesince

from integration.domain.errors import SyncError
from integration.management.printing import RunPrinter, told_once
from integration.services.backup import look, restore
from integration.services.backup.restore import Inspection
from integration.services.monitoring.own_database import explain_own

SHOWN = 10  # operations of each kind


class Command(BaseCommand):
    help = (
        "Put a backup in the place of rcsync's own database. Without --apply it only shows what "
        "the backup holds and what the first sync after it would do. What is replaced is kept. "
        "Exit status 2: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--look", action="store_true", help="only look, which is the default")
        how.add_argument("--apply", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = restore.find(options["file"])
            self._say(found)
            if options["apply"]:
                self._apply(found)
            else:
                self._look(found)
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        except Error as error:
            raise CommandError(str(explain_own(error)), returncode=2) from None

    def _say(self, found: Inspection) -> None:
        manifest = found.manifest
        self.stdout.write(
            f"rcsync {manifest.version}, {manifest.vendor}, {len(manifest.migrations)} migrations, "
            f"made {manifest.made_at:%Y-%m-%d %H:%M} UTC "
            f"({timesince(manifest.made_at, timezone.now())} ago)".replace("\xa0", " ")
        )
        for table, rows in manifest.counts.items():
            self.stdout.write(f"  {table}: {rows} rows")
        if found.older:
            self.stdout.write(f"{found.older} newer migrations are to be applied after it.")

    def _apply(self, found: Inspection) -> None:
        before = restore.apply(found, settings.VAR_DIR / "backups")
        if before is not None:
            self.stdout.write(f"What was there is in {before}.")
        self.stdout.write(
            "Restored. Before you start rcsync again: ./rcsync migrate, ./rcsync claim, which "
            "takes back what is provably its own, then ./rcsync sync, which shows what changed "
            "since (docs/backup.md)."
        )

    def _look(self, found: Inspection) -> None:
        self.stdout.write("The first sync after it, as Moodle and Rocket.Chat are now:")
        try:
            with told_once():
                finished = look.first_sync(found)
        except SyncError as error:
            self.stdout.write(f"cannot be told: {error}")
        else:
            RunPrinter(self.stdout, self.stderr, self.style).show(finished, shown=SHOWN)
        self.stdout.write("Nothing was restored. Add --apply to do it.")
