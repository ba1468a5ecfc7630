"""What a person must decide."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.domain.conflicts import ConflictKind
from integration.fields import MessageField
from integration.tables.choices import choices
from integration.translation import local


class ConflictQuerySet(models.QuerySet["Conflict"]):
    def unsolved(self) -> "ConflictQuerySet":
        """Open ones, and those that a person ignores: both still hold back what they are about."""
        return self.exclude(status=Conflict.Status.SOLVED)


class Conflict(models.Model):
    """Something a person must decide. One row per kind and Moodle id; solved ones stay as
    history.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        IGNORED = "ignored", _("Ignored")
        SOLVED = "solved", _("Solved")

    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=choices(
            ConflictKind,
            email_missing=_("No e-mail address"),
            email_shared=_("E-mail shared by several people"),
            email_taken=_("E-mail taken"),
            username_taken=_("Username taken"),
            account_inactive=_("Account deactivated by somebody else"),
            channel_name_taken=_("Channel name taken"),
            person_changed=_("Number means another person"),
            group_changed=_("Number means another group"),
            course_changed=_("Number means another course"),
            person_recreated=_("Person recreated in Moodle"),
            email_unverified=_("E-mail not verified"),
            foreign_mark=_("Room of another installation"),
            channel_public=_("Channel made public"),
            channel_is_team=_("Channel converted to a team"),
            bot_outside=_("Bot not in the channel"),
            members_unreadable=_("Members cannot be read"),
            not_kept=_("Change not kept"),
            plugin_room=_("Room of the old plugin"),
            needs_attributes=_("Channel needs attributes"),
            not_understood=_("Answer not understood"),
        ),
    )
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    moodle_course_id = models.BigIntegerField(_("Moodle course id"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.OPEN, db_index=True
    )
    moodle_side = MessageField(_("in Moodle"))
    rocketchat_side = MessageField(_("in Rocket.Chat"), blank=True)
    remote_id = models.CharField(_("Rocket.Chat id"), max_length=64, blank=True)
    advice = MessageField(_("what you can do"))
    courses = models.JSONField(
        default=list, editable=False
    )  # Moodle ids of the integrated courses that are not in step because of it
    first_seen = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen = models.DateTimeField(_("last seen"))
    solved_at = models.DateTimeField(_("solved"), null=True, blank=True)

    objects = ConflictQuerySet.as_manager()

    class Meta:
        ordering = ["-last_seen", "pk"]
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    moodle_user_id__isnull=False,
                    moodle_group_id__isnull=True,
                    moodle_course_id__isnull=True,
                )
                | Q(
                    moodle_user_id__isnull=True,
                    moodle_group_id__isnull=False,
                    moodle_course_id__isnull=True,
                )
                | Q(
                    moodle_user_id__isnull=True,
                    moodle_group_id__isnull=True,
                    moodle_course_id__isnull=False,
                ),
                name="a_conflict_is_about_a_person_a_group_or_a_course",
            ),
            models.UniqueConstraint(
                fields=["kind", "moodle_user_id"], name="a_person_has_a_kind_of_conflict_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "moodle_group_id"], name="a_group_has_a_kind_of_conflict_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "moodle_course_id"], name="a_course_has_a_kind_of_conflict_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {local(self.moodle_side)}"
