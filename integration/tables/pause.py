"""The switch "Pause everything"."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Pause(models.Model):
    """While its one row exists, no run writes to Rocket.Chat (services/ledger/pauses.py)."""

    # Always 1, and not counted up by the database: MariaDB takes no constraint on such a column.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    since = models.DateTimeField(_("since"), default=timezone.now)
    actor = models.CharField(_("who"), max_length=150)
    reason = models.CharField(_("reason"), max_length=500)

    class Meta:
        default_permissions = ()
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_pause_at_most"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}"
