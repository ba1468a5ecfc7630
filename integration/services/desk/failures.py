"""What failed and is not repaired, over all runs: the list that the digest mails, for a page.

The same rules as in `services.digest`, in a fixed number of queries.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from integration.models import SyncOperation, SyncRun
from integration.services.desk import history
from integration.services.digest import BAD, LOOK_BACK

MOST = 5000  # shown and filtered; beyond that a whole server has failed, and a run's page tells why
Key = tuple[str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class OpenFailures:
    """`keys` are primary keys, newest first; `total` counts those beyond MOST too."""

    keys: tuple[int, ...]
    total: int


def open_failures() -> OpenFailures:
    """Operations that failed and whose like no later run did, the latest of each."""
    latest: dict[Key, tuple[int, int, int | None]] = {}
    bad = _tried(BAD).values_list(
        "kind", "moodle_group_id", "moodle_user_id", "pk", "run_id", "moodle_course_id"
    )
    for kind, group, user, pk, run, course in bad.iterator(2000):
        latest.setdefault((kind, group, user), (pk, run, course))
    if not latest:
        return OpenFailures((), 0)
    first = min(run for _pk, run, _course in latest.values())
    done = _done_since(first, {kind for kind, _group, _user in latest})
    looked = _looked_since(first)
    keys = [
        pk
        for key, (pk, run, course) in latest.items()
        if done.get(key, 0) <= run and _last_look(looked, course) <= run
    ]
    return OpenFailures(tuple(keys[:MOST]), len(keys))


def rows(
    keys: Iterable[int], *, kind: str = "", course: str = "", search: str = ""
) -> QuerySet[SyncOperation]:
    """Those of them that fit, with their run; empty strings do not narrow."""
    found = SyncOperation.objects.filter(pk__in=list(keys)).select_related("run")
    if kind:
        found = found.filter(kind=kind)
    if course.isdecimal():
        found = found.filter(moodle_course_id=int(course))
    if search:
        words = ("description", "reason", "error", "answer", "hint")
        condition = Q()
        for name in words:
            condition |= Q(**{f"{name}__icontains": search})
        found = found.filter(condition)
    return found.order_by("-run_id", "position").defer("details")


def kinds_in(keys: Iterable[int]) -> dict[str, int]:
    return dict(
        SyncOperation.objects.filter(pk__in=list(keys))
        .order_by()
        .values_list("kind")
        .annotate(number=Count("pk"))
    )


def courses_in(keys: Iterable[int]) -> list[tuple[int, str]]:
    ids = (
        SyncOperation.objects.filter(pk__in=list(keys), moodle_course_id__isnull=False)
        .order_by()
        .values_list("moodle_course_id", flat=True)
        .distinct()
    )
    return sorted(history.course_names(ids).items(), key=lambda item: item[1].casefold())


def _tried(statuses: Iterable[str]) -> QuerySet[SyncOperation]:
    """What runs that write did lately and ended so, the newest first."""
    return SyncOperation.objects.filter(
        status__in=list(statuses),
        run__kind__in=[SyncRun.Kind.APPLY, SyncRun.Kind.UNDO],
        run__started_at__gt=timezone.now() - LOOK_BACK,
    ).order_by("-run_id", "position")


def _done_since(first: int, kinds: Iterable[str]) -> dict[Key, int]:
    """The last run that did it, for everything of these kinds that was done from `first` on."""
    done: dict[Key, int] = {}
    found = _tried([SyncOperation.Status.DONE]).filter(run_id__gt=first, kind__in=list(kinds))
    for kind, group, user, run in found.values_list(
        "kind", "moodle_group_id", "moodle_user_id", "run_id"
    ).iterator(2000):
        done.setdefault((kind, group, user), run)
    return done


def _looked_since(first: int) -> Mapping[int | None, int]:
    """Course (None = all of them) -> the last run over it that went entirely well: what had failed
    before is done, or not due any more. A run for single people tells nothing of the others.
    """
    looked: dict[int | None, int] = {}
    good = SyncRun.objects.filter(pk__gt=first, kind=SyncRun.Kind.APPLY, status=SyncRun.Status.DONE)
    for run, scope in good.order_by("-pk").values_list("pk", "scope"):
        courses = scope.get("courses") if scope.get("users") is None else []
        for course in [None] if courses is None else courses:
            looked.setdefault(course, run)
    return looked


def _last_look(looked: Mapping[int | None, int], course: int | None) -> int:
    everything = looked.get(None, 0)
    return everything if course is None else max(everything, looked.get(course, 0))
