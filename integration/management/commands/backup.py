"""`backup`: rcsync's own database in one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from integration.domain.errors import SyncError
from integration.services.backup import archive, make
from integration.services.monitoring.own_database import explain_own


class Command(BaseCommand):
    help = (
        "Write rcsync's own database into one file, also while it works. The file is read again "
        "before the command says that it is there. Exit status 2: no backup."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", type=Path, metavar="FOLDER", help="where to; else backups in RCSYNC_VAR_DIR"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            path = make.make(options["to"] or settings.VAR_DIR / "backups")
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        except Error as error:
            raise CommandError(str(explain_own(error)), returncode=2) from None
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}", returncode=2) from None
        rows = ", ".join(f"{n} {table}" for table, n in archive.read(path).counts.items())
        self.stdout.write(f"{path} ({path.stat().st_size} bytes; {rows})")
        self.stdout.write(
            f"It holds names of people, and no key. Keep {settings.ENV_FILE or 'the environment'} "
            "in another place: without RCSYNC_SECRET_KEYS nobody can read the stored credentials."
        )
