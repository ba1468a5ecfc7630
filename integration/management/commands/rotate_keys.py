"""`rotate-keys`: encrypt every stored secret with the first of RCSYNC_SECRET_KEYS."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from integration.fields import rotate


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with the first key of RCSYNC_SECRET_KEYS; all keys decrypt. "
        "All or nothing. Afterwards the other keys may be taken out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = rotate()
        except ImproperlyConfigured as error:
            raise CommandError(f"{error} Nothing was changed.", returncode=2) from None
        self.stdout.write(f"{count} stored secrets are encrypted with the first key now.")
