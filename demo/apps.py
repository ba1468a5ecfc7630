"""The Django app that carries the `demo` and `standin` commands."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Holds commands only; it has no models."""

    name = "demo"
    verbose_name = "Demo"
