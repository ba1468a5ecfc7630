"""What the administrator chose: patterns, roles and courses."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from integration.domain import patterns
from integration.domain.errors import ConfigurationError
from integration.domain.state import RoomRole
from integration.fields import MessageJSONField
from integration.tables.choices import ROOM_ROLES
from integration.tables.querysets import AuditedModel
from integration.translation import in_words


class GroupRegexFilter(AuditedModel):
    """One include or exclude pattern for group names. No enabled include pattern means no
    groups.
    """

    class Kind(models.TextChoices):
        INCLUDE = "include", _("Include")
        EXCLUDE = "exclude", _("Exclude")

    pattern = models.CharField(
        _("pattern"),
        max_length=patterns.MAX_LENGTH,
        help_text=_(
            "A regular expression, searched anywhere in the group name; ^ and $ match "
            "its beginning and end. Lines of the Moodle plugin local_rocketchat such as ~…~i or "
            "#…# are understood. Exclude takes precedence over include."
        ),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.INCLUDE)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("group pattern")
        verbose_name_plural = _("group patterns")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pattern}"

    def clean(self) -> None:
        try:
            self.pattern = patterns.understood(self.pattern)
        except ConfigurationError as error:
            raise ValidationError({"pattern": in_words(error)}) from None


class IncludedRole(AuditedModel):
    """One Moodle role whose holders are synced. No enabled role means nobody."""

    role_id = models.BigIntegerField(
        _("Moodle role id"), null=True, blank=True, unique=True, help_text=_("mdl_role.id")
    )
    shortname = models.CharField(
        _("short name"),
        max_length=100,
        blank=True,
        help_text=_("Used to find the role when no id is given, for example student."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    room_role = models.CharField(
        _("role in the channel"), max_length=10, choices=ROOM_ROLES, default=RoomRole.MEMBER
    )

    class Meta:
        ordering = ["pk"]
        verbose_name = _("included role")
        verbose_name_plural = _("included roles")
        constraints = [
            models.CheckConstraint(
                condition=Q(role_id__isnull=False) | ~Q(shortname=""),
                name="included_role_has_an_id_or_a_shortname",
                violation_error_message=_("Give the role's id or its short name."),
            )
        ]

    def __str__(self) -> str:
        return self.shortname or str(self.role_id)


class IntegratedCourse(AuditedModel):
    """One Moodle course that takes part. The lease lets one run at a time work on it.

    Its state is no column: services/monitoring/course_states.py computes it.
    """

    system_fields = (
        "id",
        "shortname",
        "fullname",
        "last_run",
        "last_success",
        "differences",
        "last_size",
        "pending_sync",
        "lease_owner",
        "lease_expires",
        "known_timecreated",
        "known_shortname",
        "known_idnumber",
    )

    course_id = models.BigIntegerField(_("Moodle course id"), unique=True)
    shortname = models.CharField(_("short name"), max_length=255, blank=True, editable=False)
    fullname = models.CharField(_("full name"), max_length=1333, blank=True, editable=False)
    background_sync = models.BooleanField(
        _("background sync"), default=True, help_text=_("Takes part in scheduled runs.")
    )
    event_sync = models.BooleanField(
        _("event sync"),
        default=False,
        help_text=_("Synced when something changes in Moodle."),
    )
    pending_sync = models.BooleanField(
        _("pending"),
        default=False,
        help_text=_("Will be synced at the next full pass. Only success clears it."),
    )
    # What the last runs over the whole course found: services/monitoring/course_states.py makes
    # the state out of it. Runs that tell nothing (TELLS_NOTHING) are not stored here.
    last_run = models.ForeignKey(
        "SyncRun", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    differences = MessageJSONField(
        default=list, editable=False
    )  # [kind, count, reason] of services/sync/differences.py
    last_size = models.JSONField(
        null=True, editable=False
    )  # services/sync/sizes.py, at the last good run
    last_success = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    # What the course was when it was integrated or last confirmed (services/sync/identity.py).
    known_timecreated = models.BigIntegerField(null=True, editable=False)
    known_shortname = models.CharField(max_length=255, blank=True, editable=False)
    known_idnumber = models.CharField(max_length=100, blank=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True, editable=False)
    lease_expires = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["shortname", "course_id"]
        verbose_name = _("integrated course")
        verbose_name_plural = _("integrated courses")
        permissions = [("sync", gettext_noop("Can sync and preview courses"))]

    def __str__(self) -> str:
        return self.shortname or " ".join((str(_("Course")), str(self.course_id)))


class IntegratedCategory(AuditedModel):
    """A Moodle category whose new courses, and those of the categories below it, join by
    themselves.
    """

    system_fields = ("id", "name")

    category_id = models.BigIntegerField(_("Moodle category id"), unique=True)
    name = models.CharField(_("name"), max_length=255, blank=True, editable=False)
    enabled = models.BooleanField(_("new courses join by themselves"), default=True)
    skip_hidden = models.BooleanField(
        _("leave out hidden courses"),
        default=True,
        help_text=_("They join when Moodle shows them."),
    )
    skip_matching = models.CharField(
        _("leave out courses whose short name matches"),
        max_length=patterns.MAX_LENGTH,
        blank=True,
        help_text=_("A regular expression, for example /template/i."),
    )
    event_sync = models.BooleanField(
        _("event sync"),
        default=False,
        help_text=_("Courses that join are synced when something changes in Moodle."),
    )
    left_out = models.JSONField(default=list, blank=True)  # course ids that a person took out

    class Meta:
        ordering = ["name", "category_id"]
        verbose_name = _("integrated category")
        verbose_name_plural = _("integrated categories")

    def __str__(self) -> str:
        return self.name or str(self.category_id)

    def clean(self) -> None:
        if not self.skip_matching:
            return
        try:
            patterns.check(self.skip_matching)
        except ConfigurationError as error:
            raise ValidationError({"skip_matching": in_words(error)}) from None
