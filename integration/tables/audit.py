"""The audit trail."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from integration.fields import MessageField, MessageJSONField
from integration.tables.querysets import AppendOnly
from integration.translation import local


class AuditEntry(models.Model):
    """One thing that was done: by whom, when, to what, what it was before and after, and what came
    of it.
    """

    class ActorKind(models.TextChoices):
        PERSON = "person", _("Person")
        COMMAND = "command", _("Command line")
        SCHEDULE = "schedule", _("Schedule")
        EVENT = "event", _("Moodle event")
        SYSTEM = "system", _("rcsync itself")

    class Result(models.TextChoices):
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        REFUSED = "refused", _("Refused")

    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    actor_kind = models.CharField(_("by"), max_length=10, choices=ActorKind.choices)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    run_id = models.BigIntegerField(_("run"), null=True, blank=True, db_index=True)
    action = models.CharField(_("action"), max_length=40)
    subject = MessageField(_("what"))
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    moodle_course_id = models.BigIntegerField(_("Moodle course id"), null=True, blank=True)
    before = MessageJSONField(_("before"), default=dict)
    after = MessageJSONField(_("after"), default=dict)
    result = models.CharField(
        _("result"), max_length=10, choices=Result.choices, default=Result.DONE
    )
    reason = MessageField(_("why"), blank=True)
    error = MessageField(_("error"), blank=True)

    objects: ClassVar[models.Manager["AuditEntry"]] = AppendOnly.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [  # each filter of the list, in the order of the list
            models.Index(fields=["moodle_user_id", "at"], name="audit_by_user"),
            models.Index(fields=["moodle_group_id", "at"], name="audit_by_group"),
            models.Index(fields=["moodle_course_id", "at"], name="audit_by_course"),
            models.Index(fields=["action", "at"], name="audit_by_action"),
            models.Index(fields=["actor_kind", "at"], name="audit_by_actor_kind"),
            models.Index(fields=["actor", "at"], name="audit_by_actor"),
            models.Index(fields=["result", "at"], name="audit_by_result"),
        ]
        default_permissions = ("view",)
        permissions = [("export_audit", gettext_noop("Can export the audit trail"))]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")

    def __str__(self) -> str:
        return local(self.subject)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("the audit trail is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")
