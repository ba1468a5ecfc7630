"""The way from a Moodle course into its channels."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integration.fields import OwnSecretField, SecretField
from integration.tables.choices import web_address
from integration.tables.querysets import AuditedModel


class InCourseSettings(models.Model):
    """Texts shown to people who follow a link from a course."""

    help_contact = models.CharField(
        _("contact for help"),
        max_length=200,
        blank=True,
        default="",
        help_text=_(
            "Shown to students and teachers when a link from their course cannot open a "
            "channel, for example: the e-learning team, elearning@example.org. Empty: "
            "their teacher, or whoever looks after Moodle."
        ),
    )
    sync_on_launch = models.BooleanField(
        _("sync people who open the activity"),
        default=False,
        help_text=_(
            "People who open the Moodle activity (LTI), belong in a channel of the "
            "course and are not in it yet are synced at once. Only in courses with "
            "automatic sync."
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


# The plugin of mypy does not always resolve the manager of the deployments.
class LtiPlatform(AuditedModel):  # type: ignore[django-manager-missing, unused-ignore]
    """One registration of rcsync as a tool (LTI 1.3) in the Moodle whose database is read."""

    name = models.CharField(_("name"), max_length=100)
    issuer = models.CharField(
        _("Moodle address"),
        max_length=255,
        validators=[web_address],
        help_text=_("Moodle calls it platform ID: https://moodle.example.org"),
    )
    client_id = models.CharField(_("client ID"), max_length=255)
    auth_url = models.CharField(
        _("authentication request URL"),
        max_length=255,
        blank=True,
        validators=[web_address],
        help_text=_("Leave empty for Moodle's own: /mod/lti/auth.php"),
    )
    jwks_url = models.CharField(
        _("public keyset URL"),
        max_length=255,
        blank=True,
        validators=[web_address],
        help_text=_("Leave empty for Moodle's own: /mod/lti/certs.php"),
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("LTI registration")
        verbose_name_plural = _("LTI registrations")
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "client_id"], name="a_client_of_a_platform_is_registered_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The addresses as Moodle has them, where none is given."""
        self.issuer = self.issuer.strip().rstrip("/")
        self.auth_url = self.auth_url or f"{self.issuer}/mod/lti/auth.php"
        self.jwks_url = self.jwks_url or f"{self.issuer}/mod/lti/certs.php"


class LtiDeployment(AuditedModel):
    """A deployment of the tool there. Launches of others are refused."""

    platform = models.ForeignKey(LtiPlatform, models.CASCADE, related_name="deployments")
    deployment_id = models.CharField(_("deployment ID"), max_length=255)

    class Meta:
        ordering = ["deployment_id"]
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "deployment_id"], name="a_deployment_is_listed_once"
            )
        ]

    def __str__(self) -> str:
        return self.deployment_id


class LtiKey(models.Model):
    """A key pair of the tool. A replaced one stays published for a while."""

    kid = models.CharField(max_length=64, unique=True)
    private_key = SecretField()  # PEM
    made_at = models.DateTimeField(auto_now_add=True)
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.kid


class LtiUse(models.Model):
    """A nonce, or a registration link, that was used and is not accepted again."""

    nonce = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.nonce
