"""Tables of the safety features: limits, and what waits for its day."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integration.fields import MessageField
from integration.tables.querysets import AuditedModel


class RemovalLimit(AuditedModel):
    """How much of one thing may go, or get another name, in one span without asking. An empty
    number is no limit.
    """

    class Removal(models.TextChoices):
        MEMBERSHIPS = "memberships", _("Memberships removed")
        ACCOUNTS = "accounts", _("Accounts deactivated")
        CHANNELS = "channels", _("Channels archived or made read-only")
        RENAMES = "renames", _("Channels renamed")

    class Window(models.TextChoices):
        RUN = "run", _("in one run")
        COURSE = "course", _("in one course")
        DAY = "day", _("in 24 hours")

    what = models.CharField(_("what"), max_length=12, choices=Removal.choices)
    span = models.CharField(_("span"), max_length=6, choices=Window.choices)
    percent = models.PositiveSmallIntegerField(
        _("percent"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Of all that rcsync manages there."),
    )
    absolute = models.PositiveIntegerField(_("number"), null=True, blank=True)

    class Meta:
        ordering = ["what", "span"]
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(fields=["what", "span"], name="a_limit_is_set_once"),
            models.CheckConstraint(
                condition=models.Q(percent__isnull=True) | models.Q(percent__lte=100),
                name="a_limit_is_at_most_a_hundred_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_what_display()} {self.get_span_display()}"


class PendingEnding(models.Model):
    """Something whose reason is gone and whose days of grace run. It is done later, or comes
    back.
    """

    key = models.CharField(max_length=200, unique=True, editable=False)  # Operation.key
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    moodle_course_id = models.BigIntegerField(
        _("Moodle course id"), null=True, blank=True, db_index=True
    )
    kind = models.CharField(_("operation"), max_length=20)
    description = MessageField(_("what"))
    reason = MessageField(_("why"))
    since = models.BigIntegerField(_("since"), help_text=_("Unix seconds."))
    due = models.BigIntegerField(_("due"), help_text=_("Unix seconds."))

    class Meta:
        ordering = ["due", "pk"]
        default_permissions = ("view",)
        verbose_name = _("pending ending")
        verbose_name_plural = _("pending endings")

    def __str__(self) -> str:
        return self.description
