"""The list of open failures, narrowed as a person asks."""

from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet

from integration.domain.numbers import whole_number
from integration.models import SyncOperation
from integration.services.admin import runs


def rows(
    keys: Iterable[int], *, kind: str = "", course: str = "", search: str = ""
) -> QuerySet[SyncOperation]:
    """Those of them that fit, with their run; empty strings do not narrow."""
    found = SyncOperation.objects.filter(pk__in=list(keys)).select_related("run")
    if kind:
        found = found.filter(kind=kind)
    if (number := whole_number(course)) is not None:
        found = found.filter(moodle_course_id=number)
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
    return sorted(runs.course_names(ids).items(), key=lambda item: item[1].casefold())
