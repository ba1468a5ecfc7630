"""`./rcsync makemigrations`, which asks for none where only texts differ."""

from django.core.management.commands import makemigrations

from integration.management.autodetector import TableAutodetector


class Command(makemigrations.Command):
    autodetector = TableAutodetector
