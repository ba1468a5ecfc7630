"""Settings of a category or a course of its own. An empty column (NULL) is inherited."""

# ruff: noqa: DJ001  # an empty text is a value here: no topic, no exclude pattern, go on as before

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.domain import patterns
from integration.domain.errors import ConfigurationError
from integration.domain.levels import LevelKind
from integration.domain.state import RoomRole
from integration.tables.choices import ENDINGS, GO_ON, NOT_BEGUN, choices
from integration.tables.querysets import AuditedModel
from integration.translation import in_words


def ending(label: Any) -> "models.CharField[str | None, str | None]":
    return models.CharField(label, max_length=10, choices=ENDINGS, null=True, blank=True)


def reason_to_end(label: Any) -> "models.CharField[str | None, str | None]":
    """ "" means that the channels go on as before; NULL is inherited."""
    return models.CharField(label, max_length=10, choices=[GO_ON, *ENDINGS], null=True, blank=True)


class LevelSettings(AuditedModel):
    """What one category or course has of its own (domain/levels.py); else it inherits.

    The patterns are one decision: own patterns stand in place of all that are inherited.
    """

    system_fields = ("id", "name")

    level = models.CharField(
        _("level"),
        max_length=10,
        choices=choices(
            [LevelKind.CATEGORY, LevelKind.COURSE], category=_("Category"), course=_("Course")
        ),
    )
    moodle_id = models.BigIntegerField(_("Moodle id"))
    name = models.CharField(_("name"), max_length=1333, blank=True, editable=False)
    name_template = models.CharField(_("channel name"), max_length=200, null=True, blank=True)
    topic_template = models.CharField(_("channel topic"), max_length=200, null=True, blank=True)
    description_template = models.CharField(
        _("channel description"), max_length=500, null=True, blank=True
    )
    announcement_template = models.CharField(
        _("channel announcement"), max_length=500, null=True, blank=True
    )
    private_channels = models.BooleanField(_("private channels"), null=True, blank=True)
    whole_course = models.BooleanField(_("a channel for the whole course"), null=True, blank=True)
    course_name_template = models.CharField(
        _("name of that channel"), max_length=200, null=True, blank=True
    )
    include_patterns = models.TextField(
        _("include patterns"), null=True, blank=True, help_text=_("One per line.")
    )
    exclude_patterns = models.TextField(
        _("exclude patterns"), null=True, blank=True, help_text=_("One per line.")
    )
    roles = models.JSONField(_("included roles"), null=True, blank=True)  # role id -> RoomRole
    on_group_deleted = ending(_("group deleted"))
    on_pattern_unmatched = ending(_("pattern no longer matches"))
    on_group_hidden = ending(_("group hidden"))
    on_course_hidden = reason_to_end(_("course hidden"))
    on_course_ended = reason_to_end(_("course ended"))
    on_course_not_begun = models.CharField(
        _("course not begun"), max_length=10, choices=NOT_BEGUN, null=True, blank=True
    )
    on_category_hidden = reason_to_end(_("category hidden"))
    on_course_deleted = ending(_("course deleted"))
    on_course_removed = ending(_("course no longer integrated"))

    class Meta:
        ordering = ["level", "name", "moodle_id"]
        verbose_name = _("own settings")
        verbose_name_plural = _("own settings of categories and courses")
        constraints = [
            models.UniqueConstraint(
                fields=["level", "moodle_id"], name="one_row_of_settings_for_each_level"
            ),
            models.CheckConstraint(
                condition=Q(include_patterns__isnull=False) | Q(exclude_patterns__isnull=True),
                name="own_exclude_patterns_stand_beside_own_include_patterns",
            ),
            models.CheckConstraint(
                condition=Q(level=LevelKind.COURSE)
                | Q(on_course_deleted__isnull=True, on_course_removed__isnull=True),
                name="a_category_does_not_say_what_a_course_that_is_gone_leaves",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} {self.name or self.moodle_id}"

    def clean(self) -> None:
        for name in ("include_patterns", "exclude_patterns"):
            for line in lines(getattr(self, name)):
                try:
                    patterns.check(line)
                except ConfigurationError as error:
                    raise ValidationError({name: in_words(error)}) from None
        if self.include_patterns is not None and not lines(self.include_patterns):
            raise ValidationError(
                {"include_patterns": _("Enter at least one, for example .* for every group.")}
            )
        if self.roles is not None and not _is_roles(self.roles):
            raise ValidationError({"roles": _("Choose at least one role.")})


def lines(text: str | None) -> list[str]:
    return [line for line in (text or "").splitlines() if line.strip()]


def _is_roles(value: object) -> bool:
    """Whether this maps Moodle role ids to channel roles, one at least."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(str(role).isdecimal() and room in set(RoomRole) for role, room in value.items())
    )
