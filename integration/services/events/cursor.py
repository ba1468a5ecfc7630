"""How far Moodle's log was read, in one row. Of several machines one reads at a time."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from integration.models import EventCursor
from integration.services.ledger import moments

LEASE = timedelta(seconds=30)  # without a word for so long, another machine takes over


def take(owner: str) -> EventCursor | None:
    """The cursor, leased to `owner`; None while another machine holds it."""
    now = timezone.now()
    EventCursor.objects.get_or_create(pk=1)
    free = Q(lease_expires__isnull=True) | moments.run_out("lease_expires", LEASE, now)
    free |= Q(lease_owner=owner)
    taken = EventCursor.objects.filter(free, pk=1).update(
        lease_owner=owner, lease_expires=now + LEASE
    )
    return EventCursor.objects.get(pk=1) if taken else None


def store(cursor: EventCursor, owner: str) -> bool:
    """Store what was read. False when another machine took over meanwhile: then its reading
    counts.
    """
    kept = EventCursor.objects.filter(pk=1, lease_owner=owner)
    return bool(
        kept.update(
            last_id=cursor.last_id,
            window=cursor.window,
            clock=cursor.clock,
            next_turn=cursor.next_turn,
            watermark=cursor.watermark,
            polled_at=cursor.polled_at,
            rows_read=cursor.rows_read,
            problem=cursor.problem,
            lease_expires=timezone.now() + LEASE,
        )
    )


def let_go(owner: str) -> None:
    EventCursor.objects.filter(pk=1, lease_owner=owner).update(lease_owner="", lease_expires=None)


def report(owner: str, problem: str) -> None:
    """Store why the look failed; the position stays."""
    EventCursor.objects.filter(pk=1, lease_owner=owner).update(problem=problem)
