"""`./rcsync migrate`, which warns of no missing migration where only texts differ."""

from django.core.management.commands import migrate

from integration.management.autodetector import TableAutodetector


class Command(migrate.Command):
    autodetector = TableAutodetector
