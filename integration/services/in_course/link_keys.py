"""The keys of links to channels: those of the environment, and the one that rcsync made."""

import logging
import secrets

from django.conf import settings

from integration.fields import UnreadableSecret
from integration.models import LinkKey

logger = logging.getLogger(__name__)


def link_keys() -> list[str]:
    """All keys, the one that signs first. Makes one where there is none yet.

    A key that the environment got later takes over the signing; links by the stored one stay valid.
    UnreadableSecret where the stored key is the only one and RCSYNC_SECRET_KEYS does not open it.
    """
    if not settings.LINK_KEYS:
        defaults = {"key": secrets.token_urlsafe(32)}
        return [LinkKey.objects.get_or_create(pk=1, defaults=defaults)[0].key]
    return [*settings.LINK_KEYS, *_stored()]


def _stored() -> list[str]:
    try:
        return list(LinkKey.objects.values_list("key", flat=True))
    except UnreadableSecret as error:
        logger.warning("link_key=unreadable links signed by it are refused: %s", error)
        return []
