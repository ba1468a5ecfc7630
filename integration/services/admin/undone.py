"""What the pages of undo ask: whether there is something to turn back, and what has been."""

from collections.abc import Iterable
from dataclasses import dataclass

from integration.domain.errors import ConfigurationError
from integration.models import SyncOperation, SyncRun
from integration.services.admin.runs import course_names
from integration.services.ledger.past_runs import check_undoable


@dataclass(frozen=True, slots=True)
class Ties:
    """What belongs together: the run that this one turns back, and those that turned it back."""

    turns_back: SyncRun | None
    by: tuple[SyncRun, ...]


def can_undo(run: SyncRun) -> bool:
    """It wrote something, and is over. The parts of a large run are turned back one by one."""
    try:
        check_undoable(run)
    except ConfigurationError:
        return False
    return SyncOperation.objects.filter(run=run, status=SyncOperation.Status.DONE).exists()


def ties(run: SyncRun) -> Ties:
    """Runs that could not begin turned nothing back, so they are not named."""
    later = SyncRun.objects.filter(undoes=run, kind=SyncRun.Kind.UNDO)
    named = later.exclude(status=SyncRun.Status.ERROR).order_by("pk")
    return Ties(run.undoes, tuple(named[:20]))


def is_plan(run: SyncRun) -> bool:
    """A look at what an undo would do, with something in it."""
    looked = run.kind == SyncRun.Kind.PREVIEW and run.undoes_id is not None
    return looked and run.status == SyncRun.Status.PLANNED and bool(sum(run.planned.values()))


def carried_out(plan: SyncRun) -> SyncRun | None:
    """The undo that did what this plan shows, if there is one."""
    later = SyncRun.objects.filter(
        pk__gt=plan.pk, kind=SyncRun.Kind.UNDO, undoes=plan.undoes_id, digest=plan.digest
    )
    done = later.exclude(status=SyncRun.Status.ERROR).order_by("pk")
    return done.first() if plan.digest else None


def courses_touched(plan: SyncRun) -> list[str]:
    """The courses that the undo takes out of the automatic sync; [] = all of them."""
    numbers = plan.scope.get("courses") or []
    return sorted(course_names(numbers).values(), key=str.casefold)


def positions(texts: Iterable[str]) -> list[int]:
    """The ticked operations of a form; nonsense is left out."""
    return sorted({int(text) for text in texts if text.isdecimal() and len(text) < 10})
