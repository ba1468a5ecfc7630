"""What the parts of one pass tell each other, so that its limits hold for all of them together."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from integration.models import SyncOperation, SyncRun
from integration.services.ledger.runs import scope_of
from integration.services.ledger.safety import taken_away
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
    taken += taken_away(SyncOperation.objects.filter(run__in=cut_off))
    of_others = SyncOperation.objects.filter(run__in=others.values_list("pk", flat=True))
    gone = taken_away(of_others.filter(finished_at__lt=read_at))
    return WholePass(scope_of(run.parent), taken, gone)
