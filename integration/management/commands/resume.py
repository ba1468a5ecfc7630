"""`resume`: ends the pause of everything."""

from typing import Any

from django.core.management.base import BaseCommand

from integration.management.operator import Operator
from integration.services.background import queue


class Command(BaseCommand):
    help = "End the pause of everything; runs that waited begin."

    def handle(self, *args: Any, **options: Any) -> None:
        ended = queue.resume(Operator().get_username())
        self.stdout.write("Resumed." if ended else "Nothing was paused.")
