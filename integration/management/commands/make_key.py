"""`make-key`: a new key for RCSYNC_SECRET_KEYS."""

from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Print a new key for RCSYNC_SECRET_KEYS. To rotate: put it in front of the old keys with a "
        "comma between, restart, run rotate-keys, take the old keys out, restart."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(Fernet.generate_key().decode())
