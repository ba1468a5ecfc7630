"""Enrolments that begin or end by date, of which no event tells. Call inside `read_whole`."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Min, Q

from integration.domain.chunks import chunks
from integration.services.events.hints import Hint
from moodle.models import Enrol, UserEnrolment
from moodle.router import MOODLE

METHOD_CHUNK = 500


class Transitions(NamedTuple):
    """Hints for enrolments that began or ended, and the next such moment (unix seconds; None =
    none).
    """

    hints: frozenset[Hint]
    following: int | None


def transitions(courses: Collection[int], since: int, now: int) -> Transitions:
    """Enrolments in these courses that began or ended after `since`, up to `now` (unix seconds).

    An enrolment counts while timestart < now and (timeend = 0 or timeend > now).
    """
    methods = _methods(courses)
    hints: set[Hint] = set()
    moments: list[int] = []
    for keys in chunks(sorted(methods), METHOD_CHUNK):
        rows = UserEnrolment.objects.using(MOODLE).filter(enrolid__in=keys)
        began = Q(timestart__gte=since, timestart__lt=now)
        ended = Q(timeend__gt=since, timeend__lte=now)
        for method, user_id in rows.filter(began | ended).values_list("enrolid", "userid"):
            hints.add(Hint(methods[method], user_id))
        ahead = rows.aggregate(
            begins=Min("timestart", filter=Q(timestart__gte=now)),
            ends=Min("timeend", filter=Q(timeend__gt=now)),
        )
        moments += [moment for moment in ahead.values() if moment is not None]
    return Transitions(frozenset(hints), min(moments, default=None))


def _methods(courses: Collection[int]) -> dict[int, int]:
    """Enrolment method -> course."""
    methods: dict[int, int] = {}
    for ids in chunks(sorted(courses), METHOD_CHUNK):
        rows = Enrol.objects.using(MOODLE).filter(courseid__in=ids)
        methods.update(rows.values_list("id", "courseid"))
    return methods
