"""The way from a Moodle course into its channels."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integration.fields import OwnSecretField


class InCourseSettings(models.Model):
    """What people are told who come from a course."""

    help_contact = models.CharField(
        _("whom people ask"),
        max_length=200,
        blank=True,
        default="",
        help_text=_(
            "Shown to students and teachers where a link from their course cannot open a channel, "
            "for example: the e-learning team, elearning@example.org. Empty: their teacher, or "
            "whoever looks after Moodle."
        ),
    )

    class Meta:
        abstract = True


class LinkKey(models.Model):
    """The key that signs links to channels where the environment names none: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)
    key = OwnSecretField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="link_key_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"made {self.made_at:%Y-%m-%d}"
