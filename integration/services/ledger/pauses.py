"""Pause everything: no run writes to Rocket.Chat until somebody resumes.

Scheduled and event runs wait in the queue and are carried out after that; a sync that a person
starts is refused with the reason. Previews and all other reading go on.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from integration.domain import actor as actors
from integration.domain import reasons
from integration.domain.errors import Busy, ConfigurationError
from integration.domain.messages import msg
from integration.models import Pause
from integration.services.ledger import audit_trail

RESUME_FIRST = msg(
    "Resume on the page Pause everything, or with ./rcsync resume; then start again."
)


class Paused(Busy):
    """Everything is paused: nothing is written now."""


def current() -> Pause | None:
    """The pause under way, or None."""
    return Pause.objects.first()


def check() -> None:
    """Paused when everything is paused; before something is begun that writes."""
    if pause := current():
        raise Paused(in_words(pause), hint=RESUME_FIRST)


def in_words(pause: Pause) -> str:
    return msg(
        "Everything is paused since {since} by {actor}: {reason}.",
        since=f"{timezone.localtime(pause.since):%Y-%m-%d %H:%M}",
        actor=pause.actor,
        reason=pause.reason.rstrip("."),
    )


def pause(actor: str, reason: str) -> Pause:
    """Begin; ConfigurationError without a reason, or when everything is paused already."""
    reason = reason.strip()
    reasons.check(reason, msg("A pause needs a reason."))
    try:
        with transaction.atomic():
            row = Pause.objects.create(actor=actor[:150], reason=reason[:500])
            audit_trail.record("pause", msg("everything"), by=_person(actor), reason=reason)
    except IntegrityError:
        now = current()
        raise ConfigurationError(
            in_words(now) if now else msg("Everything is paused already.")
        ) from None
    return row


def resume(actor: str) -> bool:
    """End the pause; False when there was none. The queue is called by the caller (queue.py)."""
    with transaction.atomic():
        row = Pause.objects.select_for_update().first()
        if row is None:
            return False
        row.delete()
        before = {"since": row.since.isoformat(), "actor": row.actor, "reason": row.reason}
        audit_trail.record("resume", msg("everything"), by=_person(actor), before=before)
    return True


def _person(name: str) -> actors.Actor:
    known = actors.current()
    return known if known.name == name else actors.Actor("person", name)
