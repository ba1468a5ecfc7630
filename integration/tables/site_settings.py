"""The site's settings: one row, made of groups."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.services.ledger.settings_audit import WatchedQuerySet
from integration.tables.settings import (
    BackgroundSettings,
    ConnectionSettings,
    NotificationSettings,
    SafetySettings,
)
from integration.tables.settings_policy import AccountSettings, ChannelSettings, EndingSettings


class IntegrationSettings(
    ConnectionSettings,
    ChannelSettings,
    AccountSettings,
    EndingSettings,
    SafetySettings,
    BackgroundSettings,
    NotificationSettings,
):
    """The site's settings: exactly one row, fetched with `load()`."""

    # Always 1, and not counted up by the database: MariaDB takes no constraint on such a column.
    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)

    server_facts = models.JSONField(default=dict, editable=False)  # domain/server_facts.py

    objects = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = _("settings")
        verbose_name_plural = _("settings")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="integration_settings_is_one_row"),
        ]

    def __str__(self) -> str:
        return str(_("Settings"))

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def load(cls) -> "IntegrationSettings":
        """The one row, made with its defaults when there is none yet."""
        return cls.objects.get_or_create(pk=1)[0]
