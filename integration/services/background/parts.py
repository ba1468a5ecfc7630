"""A pass split into parts for several machines, and the sum of how the parts ended."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from integration.domain.chunks import chunks
from integration.domain.messages import joined
from integration.domain.state import Scope
from integration.models import Conflict, SyncRun
from integration.services.background import queue
from integration.services.ledger import heartbeat, pass_lists
from integration.services.ledger.runs import LINKED
from integration.services.runs.order import Order

SMALLEST = 20  # courses; every part reads the ledger and its people in Moodle once more
PARTS_PER_CLUSTER = 2
OPEN = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
WORST_FIRST = (
    SyncRun.Status.ERROR,
    SyncRun.Status.INTERRUPTED,
    SyncRun.Status.QUARANTINED,
    SyncRun.Status.REFUSED,
    SyncRun.Status.STOPPED,
    SyncRun.Status.FAILED,
)


def start(order: Order, courses: Collection[int], *, whole: bool) -> SyncRun:
    """Queue a pass over `courses`: one run, or parts where several clusters are alive.

    `whole` says that these are all integrated courses, so people who are in none of them are
    included.
    """
    pieces = cut(sorted(courses), len(heartbeat.live_clusters()))
    if len(pieces) < 2:
        scope = Scope() if whole else Scope(courses=frozenset(courses))
        return queue.enqueue(order.with_scope(scope))
    with transaction.atomic():
        scope = Scope() if whole else Scope(courses=frozenset(courses))
        parent = begin(order.with_scope(scope))
        for piece in pieces:
            queue.enqueue(order.with_scope(Scope(courses=frozenset(piece))), parent=parent)
        add_people(order, parent)
    return parent


def begin(order: Order) -> SyncRun:
    """The run that stands for a pass whose parts do the work."""
    return SyncRun.objects.create(
        **order.columns(), status=SyncRun.Status.RUNNING, worker="parts", attempts=1
    )


def add_people(order: Order, parent: SyncRun) -> None:
    """The last part of a pass over everything: the people who may be in none of the courses."""
    if parent.scope.get("courses") is None:
        queue.enqueue(order, parent=parent, scope={"courses": [], "users": LINKED})


def cut(courses: list[int], clusters: int) -> list[list[int]]:
    """Parts of even size: one on a single machine, as many for each of several, none needlessly
    small.
    """
    number = min(clusters * PARTS_PER_CLUSTER if clusters > 1 else 1, len(courses) // SMALLEST)
    if number < 2:
        return [courses]
    if number > clusters:
        number -= number % clusters  # else one works on a last part while the others wait
    size = -(-len(courses) // number)
    return [list(part) for part in chunks(courses, size)]


def finish_parent(parent_id: int) -> None:
    """Close the parent once its last part has ended: its counts are sums, its status is the
    worst.
    """
    everything = list(SyncRun.objects.filter(parent_id=parent_id))
    parts = [part for part in everything if not part.superseded]
    if not parts or any(part.status in OPEN for part in parts):
        _tell_progress(parent_id, everything)
        return
    status = next(
        (bad for bad in WORST_FIRST if any(part.status == bad for part in parts)),
        SyncRun.Status.DONE,
    )
    requests: Counter[str] = Counter()
    for part in everything:
        requests.update(part.requests.get("by_endpoint", {}))
    settled = SyncRun.objects.filter(pk=parent_id, status=SyncRun.Status.RUNNING).update(
        status=status,
        cause=next((part.cause for part in parts if part.status == status), ""),
        applied=_sum(part.applied for part in everything),
        **_counts(everything),
        held_count=sum(part.held_count for part in parts),
        breaches=[breach for part in parts for breach in part.breaches],
        conflict_count=sum(part.conflict_count for part in everything),
        requests={"total": requests.total(), "by_endpoint": dict(requests)},
        message=joined("\n", dict.fromkeys(part.message for part in parts if part.message)),
        hint=joined("\n", dict.fromkeys(part.hint for part in parts if part.hint)),
        finished_at=timezone.now(),
    )
    pass_lists.drop(parent_id)
    parent = SyncRun.objects.get(pk=parent_id)
    if settled and parent.scope.get("courses") is None and _all_looked(parts):
        _close_conflicts(parent)


def _tell_progress(parent_id: int, everything: Collection[SyncRun]) -> None:
    """Store the sum of the parts' progress in the parent, with a sign of life."""
    SyncRun.objects.filter(pk=parent_id, status=SyncRun.Status.RUNNING).update(
        alive_at=timezone.now(), **_counts(everything)
    )


def _counts(everything: Collection[SyncRun]) -> dict[str, Any]:
    return {
        "planned": _sum(part.planned for part in everything),
        "done_count": sum(part.done_count for part in everything),
        "failed_count": sum(part.failed_count for part in everything),
    }


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def _all_looked(parts: Collection[SyncRun]) -> bool:
    looked = (SyncRun.Status.DONE, SyncRun.Status.FAILED)
    return all(part.status in looked for part in parts)


def _close_conflicts(parent: SyncRun) -> None:
    """Close conflicts that no part met: together the parts looked at everything."""
    gone = Conflict.objects.unsolved().filter(last_seen__lt=parent.started_at)
    gone.update(status=Conflict.Status.SOLVED, solved_at=timezone.now())
