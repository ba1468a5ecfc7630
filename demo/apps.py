"""The Django app that carries the command `demo`; installed only where RCSYNC_DEMO is set."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Holds commands only; it has no models."""

    name = "demo"
    verbose_name = "Demo"
