"""What failed and is not repaired, as a mail: daily, or when it changes."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _

from integration.models import IntegrationSettings, Notice, SyncOperation
from integration.services.monitoring.failures import open_failures
from integration.translation import local

logger = logging.getLogger(__name__)

TOPIC = "digest"
MAX_SHOWN_FAILURES = 200


def compose(failures: Sequence[SyncOperation]) -> str:
    """The mail: one paragraph for each failure."""
    paragraphs = [
        "\n  ".join(
            line
            for line in (
                local(row.description),
                _("Why: %s") % local(row.reason),
                _("Error: %s") % local(row.error),
                _("Rocket.Chat said: %s") % row.answer if row.answer else "",
                _("What to do: %s") % local(row.hint) if row.hint else "",
            )
            if line
        )
        for row in failures[:MAX_SHOWN_FAILURES]
    ]
    if len(failures) > MAX_SHOWN_FAILURES:
        paragraphs.append(_("… and %d more.") % (len(failures) - MAX_SHOWN_FAILURES))
    return "\n\n".join(paragraphs)


def send_if_due(settings: IntegrationSettings) -> bool:
    """Send it if the settings and the time since the last one say so. One of several machines
    sends.
    """
    addresses = settings.notify_emails.replace(",", " ").split()
    if settings.digest == "off" or not addresses:
        return False
    keys = open_failures().keys
    failures = list(SyncOperation.objects.filter(pk__in=keys).defer("details").order_by("-pk"))
    mark = _mark(failures)
    row, _made = Notice.objects.get_or_create(topic=TOPIC)
    if not _is_due(row, settings.digest, mark, bool(failures)):
        return False
    now = timezone.now()
    taken = Notice.objects.filter(topic=TOPIC, detail=row.detail, changed_at=row.changed_at)
    if not taken.update(detail=mark, changed_at=now, bad=bool(failures)):
        return False
    try:
        _send(failures, addresses)
    except OSError as error:
        logger.error("the digest could not be sent: %s", error)  # noqa: TRY400
        Notice.objects.filter(topic=TOPIC, detail=mark, changed_at=now).update(
            detail=row.detail, changed_at=row.changed_at, bad=row.bad
        )
        return False
    return True


def _is_due(row: Notice, rhythm: str, mark: str, failing: bool) -> bool:
    if rhythm == "change":
        return mark != row.detail and (failing or row.bad)
    return failing and (not row.detail or timezone.now() - row.changed_at >= timedelta(days=1))


def _send(failures: Sequence[SyncOperation], addresses: Sequence[str]) -> None:
    if failures:
        subject = _("rcsync: %d operations fail") % len(failures)
        text = compose(failures)
    else:
        subject = _("rcsync: nothing fails any more")
        text = _("All operations that failed are repaired.")
    send_mail(subject, text, None, list(addresses))


def _mark(failures: Sequence[SyncOperation]) -> str:
    """The same for the same failures, whichever run had them."""
    keys = sorted((row.kind, row.moodle_group_id or 0, row.moodle_user_id or 0) for row in failures)
    return hashlib.sha256(repr(keys).encode()).hexdigest() if keys else "none"
