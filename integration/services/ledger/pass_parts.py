"""What the parts of one pass tell each other, so that its limits hold for all of them together."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Count

from integration.domain.operations import kinds
from integration.models import SyncOperation, SyncRun
from integration.services.ledger.runs import scope_of
from integration.services.sync.guard import WholePass


def share_limits(run: SyncRun, taking: Mapping[str, int], read_at: datetime) -> WholePass | None:
    """Store what `run` is about to take away, then read what the other parts are.

    Stored first: of two parts that ask at the same moment at least one hears of the other, so that
    together they never go past a limit unseen. `read_at` is when the ledger was read.
    """
    if run.parent is None:
        return None
    SyncRun.objects.filter(pk=run.pk).update(taking=dict(taking))
    others = SyncRun.objects.filter(parent=run.parent).exclude(pk=run.pk)
    taken: Counter[str] = Counter()
    cut_off = []
    for key, superseded, of_part in others.values_list("pk", "superseded", "taking"):
        if superseded:  # another run goes on with it, and tells what is left
            cut_off.append(key)
        else:
            taken.update(of_part)
    taken += _taken_away(cut_off)
    gone = _taken_away(others.values_list("pk", flat=True), before=read_at)
    return WholePass(scope_of(run.parent), taken, gone)


def _taken_away(runs: Collection[int], before: datetime | None = None) -> Counter[str]:
    """What these runs really took away or renamed, up to a moment."""
    counted = {kind: one.counts_as for kind, one in kinds().items() if one.counts_as}
    done = SyncOperation.objects.filter(
        run__in=runs, kind__in=list(counted), status=SyncOperation.Status.DONE
    )
    if before is not None:
        done = done.filter(finished_at__lt=before)
    counts: Counter[str] = Counter()
    for kind, number in done.order_by().values_list("kind").annotate(number=Count("pk")):
        counts[counted[kind]] += number
    return counts
