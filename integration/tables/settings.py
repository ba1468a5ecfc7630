"""The site's settings: one row, made of groups (policies are in settings_policy)."""

import secrets
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.domain.addresses import origin
from integration.fields import MessageJSONField, SecretField
from integration.tables.choices import check_cron, web_address
from integration.tables.in_course import InCourseSettings
from integration.tables.querysets import AuditedModel
from integration.tables.settings_policy import AccountSettings, ChannelSettings, EndingSettings


def new_installation() -> str:
    """16 hexadecimal digits, by chance."""
    return secrets.token_hex(8)


class ConnectionSettings(models.Model):
    """Where both sides are, and how politely rcsync behaves; the environment wins."""

    rocketchat_url = models.CharField(
        _("Rocket.Chat address"), max_length=255, blank=True, validators=[web_address]
    )
    rocketchat_user_id = models.CharField(_("user id"), max_length=64, blank=True)
    rocketchat_auth_token = SecretField(_("personal access token"), blank=True)
    rocketchat_username = models.CharField(_("username"), max_length=100, blank=True)
    rocketchat_password = SecretField(_("password"), blank=True)
    # The servers (domain.addresses.origin) that the two were entered for. They go nowhere else.
    rocketchat_auth_token_server = models.CharField(
        max_length=300, blank=True, default="", editable=False
    )
    rocketchat_password_server = models.CharField(
        max_length=300, blank=True, default="", editable=False
    )
    max_connections = models.PositiveSmallIntegerField(
        _("connections at once"),
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(32)],
        help_text=_("The greatest number of simultaneous requests."),
    )
    max_requests_per_second = models.PositiveSmallIntegerField(
        _("requests per second"),
        null=True,
        blank=True,
        help_text=_("Leave empty for no limit by rcsync; Rocket.Chat's limits are always obeyed."),
    )
    bulk_import = models.BooleanField(
        _("bulk import of new accounts"),
        default=False,
        help_text=_(
            "When a run creates more than 500 accounts, Rocket.Chat's own import "
            "creates them at once (6.3 and later, permission run-import). Their e-mail "
            "addresses stay unverified, and no other import may be running. Accounts "
            "left out by the import are created one by one."
        ),
    )
    big_run = models.PositiveIntegerField(
        _("big run"),
        default=1000,
        validators=[MinValueValidator(1)],
        help_text=_("An automatic run with at least this many changes waits for the quiet hours."),
    )
    quiet_from = models.TimeField(
        _("quiet hours begin"),
        null=True,
        blank=True,
        help_text=_("Leave both empty to let big runs start at any time."),
    )
    quiet_until = models.TimeField(_("quiet hours end"), null=True, blank=True)

    moodle_url = models.CharField(
        _("Moodle address"),
        max_length=255,
        blank=True,
        validators=[web_address],
        help_text=_("Only for links from this admin to courses, groups and people in Moodle."),
    )

    class Meta:
        abstract = True

    def set_secret(self, field: str, value: str, url: str) -> None:
        """Put a token or password there, for the server at `url` alone. Not saved yet."""
        setattr(self, field, value)
        setattr(self, f"{field}_server", origin(url) if value else "")

    def server_of_secret(self, field: str) -> str:
        return str(getattr(self, f"{field}_server"))


class SafetySettings(models.Model):
    """How much may be taken away without asking, and what is kept of it."""

    limit_percent = models.PositiveSmallIntegerField(
        _("limit in percent"),
        default=30,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "A run that would take away more than this share of the memberships, accounts or "
            "channels is refused."
        ),
    )
    limit_from = models.PositiveIntegerField(
        _("limit applies from"),
        default=5,
        validators=[MinValueValidator(1)],
        help_text=_("Fewer than this are never refused."),
    )
    additions_go_on = models.BooleanField(
        _("additions go on"),
        default=False,
        help_text=_(
            "New accounts, channels and members are still added while removals wait for approval."
        ),
    )
    unexplained_percent = models.PositiveSmallIntegerField(
        _("unexplained removals"),
        default=10,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Percent. When more memberships than this disappear from Moodle without an "
            "entry in its log (or, without a log, from many courses at once), their "
            "removal waits for approval."
        ),
    )
    shrink_percent = models.PositiveSmallIntegerField(
        _("Moodle may shrink by percent"),
        default=50,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "If Moodle has fewer rows than at the last good run by more than this, the "
            "run waits for approval."
        ),
    )
    shrink_from = models.PositiveIntegerField(
        _("Moodle may shrink from"),
        default=20,
        validators=[MinValueValidator(1)],
        help_text=_("Not applied when the last good run read fewer rows than this."),
    )
    audit_days = models.PositiveIntegerField(
        _("keep the audit trail for … days"),
        null=True,
        blank=True,
        default=365,
        validators=[MinValueValidator(1)],
        help_text=_("Older entries are deleted. Leave empty to keep all."),
    )
    digest = models.CharField(
        _("e-mail digest of failures"),
        max_length=10,
        default="off",
        choices=[("off", _("Never")), ("daily", _("Daily")), ("change", _("When they change"))],
        help_text=_("Sent to the notification addresses."),
    )

    class Meta:
        abstract = True


class BackgroundSettings(models.Model):
    """What runs by itself, and when."""

    full_pass_minutes = models.PositiveIntegerField(
        _("full pass every … minutes"),
        null=True,
        blank=True,
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(10080)],
        help_text=_("Syncs every course with background sync. Leave empty for none."),
    )
    full_pass_cron = models.CharField(
        _("full pass at"),
        max_length=100,
        blank=True,
        default="",
        validators=[check_cron],
        help_text=_("A cron expression, instead of the minutes: 0 */2 * * * is every two hours."),
    )
    full_check_cron = models.CharField(
        _("full check at"),
        max_length=100,
        blank=True,
        default="30 2 * * *",
        validators=[check_cron],
        help_text=_(
            "A cron expression. A full pass that reads the members of every channel and so finds "
            "what was changed by hand in Rocket.Chat. Leave empty for none."
        ),
    )
    history_days = models.PositiveSmallIntegerField(
        _("keep history for … days"),
        null=True,
        blank=True,
        default=90,
        validators=[MinValueValidator(1)],
        help_text=_("Older runs and their operations are deleted. Leave empty to keep all."),
    )
    event_polling = models.BooleanField(
        _("watch Moodle's events"),
        default=True,
        help_text=_("The worker reads Moodle's log and syncs what changed."),
    )
    event_seconds = models.PositiveSmallIntegerField(
        _("read events every … seconds"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(300)],
    )

    class Meta:
        abstract = True


class NotificationSettings(models.Model):
    """Who hears of trouble."""

    notify_emails = models.TextField(
        _("e-mail addresses"),
        blank=True,
        help_text=_("Notified when the sync keeps failing, and when it works again. One per line."),
    )
    notify_room = models.CharField(
        _("Rocket.Chat channel"),
        max_length=255,
        blank=True,
        help_text=_("Messages are also posted here: #name of a channel, or @username."),
    )
    notify_after_failures = models.PositiveSmallIntegerField(
        _("after … failed runs in a row"), default=3, validators=[MinValueValidator(1)]
    )
    notify_after_hours = models.PositiveSmallIntegerField(
        _("after … hours without success"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1)],
        help_text=_("Leave empty to switch this off."),
    )

    class Meta:
        abstract = True


class IntegrationSettings(
    ConnectionSettings,
    ChannelSettings,
    AccountSettings,
    EndingSettings,
    SafetySettings,
    BackgroundSettings,
    NotificationSettings,
    InCourseSettings,
    AuditedModel,
):
    """The site's settings: exactly one row, fetched with `load()`."""

    system_fields = (
        "id",
        "server_facts",
        "connection_test",
        "plugin_look",
        "server_id",
        "installation",
        "rocketchat_auth_token_server",
        "rocketchat_password_server",
    )

    # Always 1, and not counted up by the database: MariaDB takes no constraint on such a column.
    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)

    server_facts = models.JSONField(default=dict, editable=False)  # domain/server_facts.py
    connection_test = MessageJSONField(
        default=dict, editable=False
    )  # services/runs/connection_test.py
    # What local_rocketchat kept switched on: services/admin/plugin_import.py
    plugin_look = models.JSONField(default=dict, editable=False)
    # The workspace that all links are about (its uniqueID); "" before the first sync.
    server_id = models.CharField(max_length=255, blank=True, default="", editable=False)
    # Of this database, in the marks of the rooms that it made.
    installation = models.CharField(max_length=32, default=new_installation, editable=False)

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
