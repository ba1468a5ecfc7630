from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_save
from django.utils.translation import gettext_lazy as _


class IntegrationConfig(AppConfig):
    name = "integration"
    verbose_name = _("Integration")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from integration import database_checks  # noqa: F401 - registers a check
        from integration.services.ledger import settings_audit

        settings_audit.start()

        post_save.connect(
            settings_saved,
            sender="integration.IntegrationSettings",
            dispatch_uid="rcsync schedules",
        )


def settings_saved(**_signal: Any) -> None:
    """Changed settings change the schedules."""
    from integration.services.background import schedules

    transaction.on_commit(schedules.install)
