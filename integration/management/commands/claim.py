"""`claim`: take back what provably is rcsync's. Looks only, unless --apply."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integration.domain.actor import Actor, acting
from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.services.admin import claiming
from integration.services.sync.claimable import Claimable


class Command(BaseCommand):
    help = (
        "After rcsync's own database was restored from an older copy, or lost: link rooms, "
        "accounts and memberships again that provably are rcsync's. Without --apply it only shows "
        "what it would take, and what it leaves and why. "
        "Exit status 2: refused or not reachable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="do it")
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument(
            "--installation",
            default="",
            metavar="ID",
            help="take the place of that installation (with an empty database only): its rooms are "
            "ours from then on. It must not run any more",
        )

        parser.add_argument(
            "--chat-restored",
            metavar="TIME",
            help="Rocket.Chat was restored from a copy of that time (2026-11-27T03:00): whom "
            "rcsync removed since then, and who is back, is removed again by the next sync",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        which = options["installation"], _moment(options["chat_restored"])
        try:
            if options["apply"]:
                with acting(Actor("command", Operator().get_username())):
                    found = claiming.claim(options["reason"], *which)
            else:
                found = claiming.find(*which)
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        self._say(found, "claimed" if options["apply"] else "would be claimed")
        if not options["apply"] and not found.is_empty:
            self.stdout.write("Nothing was changed. Add --apply --reason ... to do it.")

    def _say(self, found: Claimable, verb: str) -> None:
        for group_id, room in found.rooms.items():
            self.stdout.write(f"  room {room.name} of group {group_id}")
        for user_id, account in found.accounts.items():
            self.stdout.write(f"  account {account.username} of person {user_id}")
        self.stdout.write(
            f"{len(found.rooms)} rooms, {len(found.accounts)} accounts and "
            f"{len(found.members)} memberships {verb}."
        )
        if found.unclaimed:
            self.stdout.write("Not claimed:")
        for one in found.unclaimed:
            self.stdout.write(f"  {one.what}: {one.why}")
        for installation, rooms in found.strangers.items():
            self.stdout.write(
                f"{rooms} rooms are marked by installation {installation}. If this database takes "
                f"its place: ./rcsync claim --installation {installation}"
            )


def _moment(text: str | None) -> datetime | None:
    """In the site's time zone where the text names none."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text!r} is not a time like 2026-11-27T03:00.", returncode=2)
    return found if timezone.is_aware(found) else timezone.make_aware(found)
