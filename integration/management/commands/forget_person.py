"""`forget-person`: take one person's names out of our own tables. Looks only, unless --apply."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.actor import Actor, acting
from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.services.admin import privacy
from integration.services.admin.privacy import Person
from integration.services.ledger.persons import Traces


class Command(BaseCommand):
    help = (
        "Take the names and addresses of one person out of history, audit trail and links. "
        "Without --apply it only shows what would change. Delete the person in Moodle first. "
        "Exit status 2: refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("moodle_user_id", type=int)
        parser.add_argument(
            "--name", action="append", default=[], help="this name or address too; may be repeated"
        )
        parser.add_argument("--apply", action="store_true", help="do it")
        parser.add_argument("--reason", default="", help="why, for the audit trail; no name in it")
        parser.add_argument(
            "--although-in-moodle",
            action="store_true",
            help="even if Moodle still has the person, or cannot be asked",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        anyway = options["although_in_moodle"]
        try:
            person = self._find(options["moodle_user_id"], options["name"], anyway=anyway)
            self._say_who(person)
            if not options["apply"]:
                self._say_what(privacy.preview(person), "would lose")
                self.stdout.write("Nothing was changed. Add --apply --reason ... to do it.")
                return
            with acting(Actor("command", Operator().get_username())):
                found = privacy.forget(person, options["reason"], although_in_moodle=anyway)
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        self._say_what(found, "lost")

    def _find(self, user_id: int, names: list[str], *, anyway: bool) -> Person:
        try:
            return privacy.find(user_id, names)
        except SyncError:
            if not anyway:
                raise
            return privacy.find(user_id, names, ask_moodle=False)

    def _say_who(self, person: Person) -> None:
        self.stdout.write(f"Person {person.user_id} is known as:")
        for name in sorted(person.names):
            self.stdout.write(f"  {name}")
        if person.account:
            self.stdout.write(
                f"The account in Rocket.Chat is {person.account}; rcsync never deletes it. "
                "Delete or anonymize it there."
            )

    def _say_what(self, found: Traces, verb: str) -> None:
        for old, new in found.samples:
            self.stdout.write(f"  - {old}\n  + {new}")
        for table, count in found.changed.items():
            self.stdout.write(f"{table}: {count} rows {verb} the names")
        if found.unprotected:
            self.stdout.write(
                f"The setting 'protected accounts' {verb} the person's line. Their link goes too, "
                "and rcsync never touches an account without one. Protect it again if Moodle keeps "
                "the person."
            )
        for table, count in found.removed.items():
            self.stdout.write(f"{table}: {count} rows {'went' if verb == 'lost' else 'would go'}")
        if not found.changed and not found.removed:
            self.stdout.write("No row holds anything about this person.")
