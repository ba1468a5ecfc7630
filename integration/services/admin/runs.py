"""Runs and their operations, as the pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.paginator import Page
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from integration.domain.errors import ConfigurationError
from integration.domain.numbers import whole_number, whole_numbers
from integration.domain.operations import kinds
from integration.domain.outcomes import RunCause
from integration.models import IntegratedCourse, SyncOperation, SyncRun
from integration.services.admin.paging import MOST_COUNTED, BoundedPaginator
from integration.services.ledger import course_facts, moments
from integration.services.ledger.past_runs import check_undoable
from integration.services.ledger.runs import scope_of

WAITED = (  # for a person: what of it was not held is in `done_count`
    SyncRun.Status.QUARANTINED,
    SyncRun.Status.APPROVED,
    SyncRun.Status.REFUSED,
    SyncRun.Status.OVERTAKEN,
)


@dataclass(frozen=True, slots=True)
class UndoLinks:
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


def undo_links(run: SyncRun) -> UndoLinks:
    return UndoLinks(run.undoes, tuple(_undos(undoes=run)[:20]))


def _undos(**which: Any) -> QuerySet[SyncRun]:
    """Without those that turned nothing back: they could not begin, or wait for a person."""
    found = SyncRun.objects.filter(kind=SyncRun.Kind.UNDO, **which)
    found = found.exclude(status=SyncRun.Status.ERROR)
    return found.exclude(status__in=WAITED, done_count=0).order_by("pk")


def is_plan(run: SyncRun) -> bool:
    """A look at what an undo would do, with something in it."""
    looked = run.kind == SyncRun.Kind.PREVIEW and run.undoes_id is not None
    return looked and run.status == SyncRun.Status.PLANNED and bool(sum(run.planned.values()))


def carried_out(plan: SyncRun) -> SyncRun | None:
    """The undo that did what this plan shows, if there is one."""
    later = _undos(pk__gt=plan.pk, undoes=plan.undoes_id, digest=plan.digest)
    return later.first() if plan.digest else None


def courses_touched(plan: SyncRun) -> list[str]:
    """The courses that the undo takes out of the automatic sync; [] = all of them."""
    numbers = plan.scope.get("courses") or []
    return sorted(course_names(numbers).values(), key=str.casefold)


def positions(texts: Iterable[str]) -> list[int]:
    """The ticked operations of a form; nonsense is left out."""
    return whole_numbers(list(texts))


OPEN_ENDS = (
    SyncOperation.Status.FAILED,
    SyncOperation.Status.SKIPPED,
    SyncOperation.Status.NOT_TRIED,
)
PER_PAGE = 100
MOST_COURSES = 200
MOST_SEARCHED = 50_000  # operations of a run
UNFINISHED = (SyncRun.Status.QUEUED, SyncRun.Status.RUNNING)
STALE_AFTER = timedelta(minutes=5)  # without a sign of life, a run is taken for interrupted


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `eta` and `rate` (operations a second) are None until there is something
    to go by.
    """

    status: str
    label: str
    running: bool
    stale: bool
    cancelling: bool
    done: int
    total: int
    failed: int
    seconds: int
    rate: float | None
    eta: int | None

    @property
    def phase(self) -> str:
        """What the run is busy with."""
        if self.status == SyncRun.Status.QUEUED:
            return gettext("Waiting for a worker")
        if self.total:
            return gettext("Carrying out the plan")
        return gettext("Reading Moodle and Rocket.Chat, making the plan")

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


@dataclass(frozen=True, slots=True)
class KindCount:
    """One kind of operation in a run: how many were planned, done and failed."""

    kind: str
    planned: int
    done: int
    failed: int
    takes_away: bool


def progress(run: SyncRun) -> Progress:
    """One query, whatever the size of the run."""
    running = run.status in UNFINISHED
    total = sum(run.planned.values())
    seconds = int(((run.finished_at or timezone.now()) - run.started_at).total_seconds())
    failed = run.failed_count
    if running and run.done_count:
        failed = SyncOperation.objects.filter(run=run, status=SyncOperation.Status.FAILED).count()
    rate = run.done_count / seconds if running and run.done_count and seconds else None
    return Progress(
        status=run.status,
        label=str(run.get_status_display()),
        running=running,
        stale=run.status == SyncRun.Status.RUNNING and _is_stale(run),
        cancelling=running and run.cancel_requested,
        done=run.done_count,
        total=total,
        failed=failed,
        seconds=seconds,
        rate=rate,
        eta=int((total - run.done_count) / rate) if rate else None,
    )


def by_kind(run: SyncRun) -> list[KindCount]:
    """Planned against done, kind by kind, in the order in which they are carried out."""
    failed = dict(
        SyncOperation.objects.filter(run=run, status=SyncOperation.Status.FAILED)
        .order_by()
        .values_list("kind")
        .annotate(number=Count("pk"))
    )
    return [
        KindCount(
            kind,
            run.planned.get(kind, 0),
            run.applied.get(kind, 0),
            failed.get(kind, 0),
            operation.takes_away,
        )
        for kind, operation in kinds().items()
        if run.planned.get(kind) or run.applied.get(kind)
    ]


def operations(
    run: SyncRun, *, kind: str = "", status: str = "", course: str = ""
) -> QuerySet[SyncOperation]:
    """The operations of a run, narrowed by what a person chose; empty strings do not narrow."""
    rows = SyncOperation.objects.filter(run=run).order_by("position")
    if kind:
        rows = rows.filter(kind=kind)
    if status:
        rows = rows.filter(status=status)
    if (number := whole_number(course)) is not None:
        rows = rows.filter(moodle_course_id=number)
    return rows


def saying(text: str) -> Q:
    """Of operations with the text in what they do, why, or in their error."""
    return (
        Q(description__icontains=text) | Q(reason__icontains=text) | Q(error__icontains=text)
        if text
        else Q()
    )


def search(rows: QuerySet[SyncOperation], text: str) -> tuple[QuerySet[SyncOperation], bool]:
    """Those of the first MOST_SEARCHED that have the text; and whether there are more than these.

    No index finds words within a text, so it is read in so many rows only.
    """
    if not text:
        return rows, False
    edge = list(rows.values_list("position", flat=True)[MOST_SEARCHED : MOST_SEARCHED + 1])
    searched = rows.filter(position__lt=edge[0]) if edge else rows
    return searched.filter(saying(text)), bool(edge)


def page_of(rows: QuerySet[SyncOperation], number: str | None) -> Page[SyncOperation]:
    return BoundedPaginator(rows, PER_PAGE).get_page(number)


def courses_in(run: SyncRun) -> list[tuple[int, str]]:
    """(Moodle course id, name) of every integrated course that has operations in the run.

    None of them when the run is about too many to choose from a list.
    """
    rows = IntegratedCourse.objects.order_by("course_id")
    if (scope := run.scope.get("courses")) is not None:
        rows = rows.filter(course_id__in=scope)
    about = list(rows.values_list("course_id", flat=True)[: MOST_COURSES + 1])
    if len(about) > MOST_COURSES:
        about = _courses_of_few(run)
    planned = SyncOperation.objects.filter(run=run, moodle_course_id=OuterRef("course_id"))
    found = rows.filter(course_id__in=about).filter(Exists(planned.order_by()))
    names = [(row.course_id, str(row)) for row in found]
    return sorted(names, key=lambda item: item[1].casefold())


def _courses_of_few(run: SyncRun) -> list[int]:
    """Of a run with at most MOST_COUNTED operations, in at most MOST_COURSES; else none."""
    rows = SyncOperation.objects.filter(run=run).order_by("position")
    ids = list(rows.values_list("moodle_course_id", flat=True)[: MOST_COUNTED + 1])
    found = sorted({number for number in ids if number is not None})
    return found if len(ids) <= MOST_COUNTED and len(found) <= MOST_COURSES else []


def course_names(course_ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {number for number in course_ids if number is not None}
    names = {
        row.course_id: str(row) for row in IntegratedCourse.objects.filter(course_id__in=wanted)
    }
    return {number: names.get(number, str(number)) for number in wanted}


def statuses_in(run: SyncRun) -> dict[str, int]:
    """Status -> number of operations, without those that no operation has. Two queries.

    Most operations of a run have one status; they are what the others leave of all positions, so
    that millions are not counted.
    """
    rows = SyncOperation.objects.filter(run=run).order_by()
    last = rows.aggregate(last=Max("position"))["last"]
    total = 0 if last is None else last + 1  # the first one is 0, and none is left out
    most = _most_frequent(run, total)
    others = [status for status in SyncOperation.Status.values if status != most]
    counted = rows.filter(status__in=others).values_list("status").annotate(number=Count("pk"))
    found = dict(counted)
    found[most] = total - sum(found.values())
    return {status: number for status, number in found.items() if number}


def _most_frequent(run: SyncRun, total: int) -> str:
    """The status that most of the operations are expected to have; a guess that costs only time."""
    if run.kind in (SyncRun.Kind.PREVIEW, SyncRun.Kind.FULL_CHECK):
        return SyncOperation.Status.PLANNED
    if 2 * run.held_count > total:
        return SyncOperation.Status.HELD
    if 2 * run.done_count >= total:
        return SyncOperation.Status.DONE
    return (
        SyncOperation.Status.PLANNED if run.status in UNFINISHED else SyncOperation.Status.NOT_TRIED
    )


def open_ends(run: SyncRun) -> int:
    """Operations that failed or were not tried: what a retry is about."""
    return SyncOperation.objects.filter(run=run, status__in=OPEN_ENDS).count()


def parts(run: SyncRun) -> list[SyncRun]:
    """The runs that a large one was cut into, so that several workers share it."""
    return list(run.parts.order_by("pk")[:100])


def request_cancel(run_id: int) -> bool:
    """Ask the run to stop after what it is doing now. False when it has ended already."""
    running = SyncRun.objects.filter(pk=run_id, status__in=UNFINISHED)
    return bool(running.update(cancel_requested=True))


def _is_stale(run: SyncRun) -> bool:
    now = timezone.now()
    sign = moments.passed(run.alive_at, now)
    return sign is None or now - sign > STALE_AFTER


def give_up(run_id: int) -> bool:
    """Close the row of a run whose process died; what was under way is settled by the next run."""
    now = timezone.now()
    dead = SyncRun.objects.filter(
        moments.not_within("alive_at", STALE_AFTER, now),
        pk=run_id,
        status=SyncRun.Status.RUNNING,
    )
    if not dead.update(status=SyncRun.Status.INTERRUPTED, cause=RunCause.CRASH, finished_at=now):
        return False
    run = SyncRun.objects.get(pk=run_id)
    if run.kind == SyncRun.Kind.APPLY:
        course_facts.could_not_run(run, scope_of(run))
    return True


def latest_preview_choices(run: SyncRun) -> dict[str, Any]:
    """The later run that applied this plan, if there is one."""
    later = SyncRun.objects.filter(
        pk__gt=run.pk, kind=SyncRun.Kind.APPLY, digest=run.digest, status=SyncRun.Status.DONE
    )
    return {"applied_by": later.order_by("pk").first() if run.digest else None}
