"""Courses that begin or end by date, of which no event tells. Call inside `read_whole`."""

from collections.abc import Collection

from django.db.models import Min, Q

from integration.domain.chunks import chunks
from integration.models import IntegrationSettings, LevelSettings
from integration.services.events.enrolment_dates import Transitions
from integration.services.events.hints import Hint
from moodle.models import Course
from moodle.router import MOODLE

COURSE_CHUNK = 500
SETTINGS = ("on_course_ended", "on_course_not_begun")  # that look at these dates


def transitions(courses: Collection[int], since: int, now: int) -> Transitions:
    """Of these courses those that began or ended after `since`, up to `now` (unix seconds).

    A course has begun from startdate on and has ended after enddate; 0 says nothing. Nothing is
    read where no setting of the site, a category or a course asks for these dates.
    """
    hints: set[Hint] = set()
    moments: list[int] = []
    for ids in chunks(sorted(courses) if _dates_matter() else [], COURSE_CHUNK):
        rows = Course.objects.using(MOODLE).filter(id__in=ids)
        began = Q(startdate__gt=since, startdate__lte=now)
        ended = Q(enddate__gte=since, enddate__lt=now, enddate__gt=0)
        hints |= {
            Hint(number) for number in rows.filter(began | ended).values_list("id", flat=True)
        }
        ahead = rows.aggregate(
            begins=Min("startdate", filter=Q(startdate__gt=now)),
            ends=Min("enddate", filter=Q(enddate__gte=now)),
        )
        moments += [moment for moment in ahead.values() if moment is not None]
    return Transitions(frozenset(hints), min(moments, default=None))


def _dates_matter() -> bool:
    chosen = Q()
    for name in SETTINGS:
        chosen |= Q(**{f"{name}__gt": ""})
    return any(
        table.objects.filter(chosen).exists() for table in (IntegrationSettings, LevelSettings)
    )
