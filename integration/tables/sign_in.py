"""Users whom somebody else vouches for."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SignInIdentity(models.Model):
    """The user that belongs to a person of a provider.

    Found by what never changes there and is never given to somebody else (OpenID Connect Core, 2:
    issuer and subject together). A name or an e-mail address would be neither.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    source = models.CharField(max_length=191)  # the issuer, or REMOTE_USER
    subject = models.CharField(max_length=255)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("identity at a sign-in service")
        verbose_name_plural = _("identities at sign-in services")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["source", "subject"], name="one_user_for_each_identity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.subject}"
