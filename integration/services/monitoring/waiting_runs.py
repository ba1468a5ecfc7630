"""What waits for a person's approval. Two queries."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count

from integration.models import SyncOperation, SyncRun
from integration.services.sync.guard import Blocks, is_about_server

Status = SyncRun.Status
DECIDED = (Status.APPROVED, Status.REFUSED, Status.OVERTAKEN)


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """One decision to be made; the parts of a large run are decided together.

    `by_kind` and `by_course` count the operations that wait (course None: accounts). `whole`:
    everything of its scope waits, because Moodle or the server may not be the right one.
    `courses` is the scope, None = all. `about_server`: no approval lets it pass, a person has to
    say which workspace it is.
    """

    pk: int
    whole: bool
    courses: frozenset[int] | None
    about_server: bool = False
    by_kind: Counter[str] = field(default_factory=Counter)
    by_course: Counter[int | None] = field(default_factory=Counter)

    def concerns(self, course: int) -> bool:
        in_scope = self.courses is None or course in self.courses
        return course in self.by_course or (self.whole and in_scope)


def waiting_runs() -> list[WaitingRun]:
    """The newest first."""
    rows = list(
        SyncRun.objects.filter(status=Status.QUARANTINED)
        .select_related("parent")
        .only("scope", "breaches", "parent__status")
        .order_by("-pk")
    )
    known = {row.pk for row in rows}
    found = {row.pk: _waiting(row) for row in rows if row.parent_id not in known}
    found = {row.pk: found[row.pk] for row in rows if row.pk in found and not _is_decided(row)}
    decided_in = {row.pk: row.parent_id if row.parent_id in known else row.pk for row in rows}
    if found:
        _count(found, decided_in)
    return list(found.values())


def _waiting(row: SyncRun) -> WaitingRun:
    holds = {breach["holds"] for breach in row.breaches}
    courses, users = row.scope.get("courses"), row.scope.get("users")
    return WaitingRun(
        row.pk,
        Blocks.EVERYTHING in holds and users is None,
        None if courses is None else frozenset(courses),
        is_about_server(row.breaches),
    )


def _is_decided(row: SyncRun) -> bool:
    """A part of a run about which a person has decided as a whole."""
    return row.parent is not None and row.parent.status in DECIDED


def _count(found: Mapping[int, WaitingRun], decided_in: Mapping[int, int | None]) -> None:
    held = SyncOperation.objects.filter(run__in=decided_in, status=SyncOperation.Status.HELD)
    rows = held.order_by().values_list("run", "kind", "moodle_course_id")
    for run_id, kind, course, number in rows.annotate(number=Count("pk")):
        run = found.get(decided_in[run_id] or 0)
        if run is not None:
            run.by_kind[kind] += number
            run.by_course[course] += number
