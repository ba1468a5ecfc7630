"""`import-plugin`: take over what local_rocketchat made. Looks only, unless --apply."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integration.domain.actor import Actor, acting
from integration.domain.errors import SyncError
from integration.management.operator import Operator
from integration.services.admin import plugin_import
from integration.services.admin.plugin_import import PluginImport

SHOWN = 40  # lines of each list


class Command(BaseCommand):
    help = (
        "For those who come from the Moodle plugin local_rocketchat: read its courses, roles, "
        "patterns and rooms, and take over what is provably right. Without --apply it only shows "
        "what it would take over, and what not and why. Nothing is written to Moodle or "
        "Rocket.Chat. Exit status 2: refused or not reachable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="store it")
        parser.add_argument("--reason", default="", help="why, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["apply"]:
                with acting(Actor("command", Operator().get_username())):
                    found = plugin_import.apply(options["reason"])
            else:
                found = plugin_import.find()
        except SyncError as error:
            raise CommandError(str(error), returncode=2) from None
        self._say(found)
        if options["apply"]:
            self.stdout.write("Stored. Look at the first plan: ./rcsync sync")
        elif not found.blocked:
            self.stdout.write("Nothing was stored. Add --apply --reason ... to do it.")

    def _say(self, found: PluginImport) -> None:
        choices, takeover = found.choices, found.takeover
        self.stdout.write(f"Plugin: {choices.address or 'no address'} as {choices.username or '?'}")
        self.stdout.write(f"Switches of courses as they were at {found.looked_at}.")
        self._list(
            "Courses",
            [
                f"{found.courses[one.course_id].shortname} (id {one.course_id})"
                + (", event sync" if one.event_sync else "")
                + (", pending" if one.pending else "")
                for one in choices.courses
            ],
        )
        self._list("Patterns", choices.patterns)
        self._list("Roles", found.roles)
        self._list(
            "Rooms taken over",
            [f"{room.name} (group {group})" for group, room in takeover.rooms.items()],
        )
        self._list("Channels that the first sync makes", takeover.new)
        self._list("Rooms that no pattern chooses: they stay as they are", takeover.outside)
        self._list(
            "Rooms left to decide (conflicts); no second channel is made",
            [f"{one.moodle_side}: {one.rocketchat_side}" for one in takeover.left],
        )
        self._list(
            "Accounts taken over",
            [f"{one.account.username} (person {user})" for user, one in takeover.accounts.items()],
        )
        self._list(
            "People inside who should not be: they stay until they are ticked in the admin",
            [f"{one.username} in {one.channel}: {one.why}" for one in takeover.wrong],
        )
        self._list(
            "Not taken over",
            [f"{one.what}: {one.why}" for one in (*choices.refused, *takeover.unclaimed)],
        )
        for warning in found.warnings:
            self.stdout.write(self.style.WARNING(warning))
        for why in found.blocked:
            self.stdout.write(self.style.ERROR(f"Cannot be stored yet: {why}"))

    def _list(self, title: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        self.stdout.write(f"{title}: {len(lines)}")
        for line in lines[:SHOWN]:
            self.stdout.write(f"  {line}")
        if len(lines) > SHOWN:
            self.stdout.write(f"  … and {len(lines) - SHOWN} more")
