"""`export-person`: everything rcsync's own tables hold about one person, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from integration.domain.errors import SyncError
from integration.services.admin import privacy


class Command(BaseCommand):
    help = (
        "Print everything rcsync's own tables hold about one person, as JSON. It is personal data: "
        "keep it accordingly. What Moodle and Rocket.Chat hold is theirs to tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("moodle_user_id", type=int)
        parser.add_argument(
            "--name", action="append", default=[], help="look for this name or address too"
        )
        parser.add_argument(
            "--without-moodle", action="store_true", help="do not ask Moodle for the names"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = privacy.find(
                options["moodle_user_id"],
                options["name"],
                ask_moodle=not options["without_moodle"],
            )
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        told = privacy.export(person)
        text = json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
        self.stdout.write(text)
