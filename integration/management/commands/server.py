"""`server`: which Rocket.Chat workspace answers, and whether another one moved or is new."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.actor import Actor, acting
from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.services.admin import server_decisions
from integration.services.admin.server_decisions import Server


class Command(BaseCommand):
    help = (
        "Show which Rocket.Chat workspace answers and which one the links are about. Where they "
        "differ, no run writes until somebody says --moved or --new. "
        "Exit status: 1 they differ, 2 refused or not reachable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--moved", action="store_true", help="it is the same workspace: all links stay"
        )
        which.add_argument(
            "--new", action="store_true", help="it is a new workspace: all links are let go"
        )
        parser.add_argument("--reason", default="", help="why, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = server_decisions.ask_server()
            self._say(found)
            with acting(Actor("command", Operator().get_username())):
                if options["moved"]:
                    server_decisions.moved(found.now, options["reason"])
                elif options["new"]:
                    server_decisions.replaced(found.now, options["reason"])
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        if options["moved"]:
            self.stdout.write("The same workspace: the next sync continues with it.")
        elif options["new"]:
            self.stdout.write("A new workspace: all links are let go. Look at ./rcsync sync first.")
        elif found.changed:
            raise SystemExit(1)

    def _say(self, found: Server) -> None:
        self.stdout.write(f"{found.url}: workspace {found.now or 'unknown (it does not tell)'}")
        links = f"{found.accounts} accounts and {found.channels} channels"
        if not found.before:
            self.stdout.write(f"{links} are linked; no sync has stored their workspace yet.")
        elif not found.changed:
            self.stdout.write(f"{links} are linked to this workspace.")
        else:
            self.stdout.write(
                f"{links} are linked to workspace {found.before}: no run writes.\n"
                "The same workspace (it moved, or got another id):  "
                "./rcsync server --moved --reason ...\n"
                "A new workspace (all links are let go):            "
                "./rcsync server --new --reason ..."
            )
