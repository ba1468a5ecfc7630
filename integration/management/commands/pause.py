"""`pause`: no run writes to Rocket.Chat until `resume`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.services.ledger import pauses


class Command(BaseCommand):
    help = (
        "Pause everything: runs under way stop, scheduled and event runs wait, a sync by hand is "
        "refused. Nothing is lost; `resume` goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why, for the banner on every page")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pauses.pause(Operator().get_username(), options["reason"])
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write("Everything is paused. ./rcsync resume goes on.")
