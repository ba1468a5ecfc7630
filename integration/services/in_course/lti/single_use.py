"""What may be used once: nonces of launches, registration links. Old rows are pruned on the way."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from integration.models import LtiUse

KEEP_HOURS = 48  # longer than anything signed here is valid


def use(nonce: str) -> bool:
    """False where it was used before."""
    LtiUse.objects.filter(used_at__lt=timezone.now() - timedelta(hours=KEEP_HOURS)).delete()
    try:
        with transaction.atomic():
            LtiUse.objects.create(nonce=nonce)
    except IntegrityError:
        return False
    return True


def release(nonce: str) -> None:
    """It came to nothing and may be used after all."""
    LtiUse.objects.filter(nonce=nonce).delete()
