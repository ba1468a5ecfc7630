"""The lists of the admin with what each row shows besides its own columns, in a fixed number of
queries.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django_q.models import Schedule

from integration.models import (
    AuditEntry,
    ChannelLink,
    IntegratedCourse,
    ManagedMembership,
    SyncRun,
)
from integration.services.background import schedules
from integration.services.monitoring.course_states import CourseState, CourseStatus, States


def courses(rows: QuerySet[IntegratedCourse]) -> QuerySet[IntegratedCourse]:
    """With `channel_number`, `member_number`, and `next_pass`, when the schedule comes round
    next.
    """
    channels = ChannelLink.objects.filter(moodle_course_id=OuterRef("course_id")).order_by()
    members = ManagedMembership.objects.filter(
        channel__moodle_course_id=OuterRef("course_id")
    ).order_by()
    return rows.select_related("last_run").annotate(
        channel_number=_number(channels.values("moodle_course_id")),
        member_number=_number(members.values("channel__moodle_course_id")),
        next_pass=Subquery(
            Schedule.objects.filter(name=schedules.FULL_PASS).values("next_run")[:1]
        ),
    )


def with_states(rows: Iterable[IntegratedCourse], states: States) -> None:
    """Puts `state_now` on each row, which is not stored."""
    for row in rows:
        vars(row)["state_now"] = states.courses.get(row.pk, CourseStatus(CourseState.NEVER))


def runs(rows: QuerySet[SyncRun]) -> QuerySet[SyncRun]:
    """Without what only the page of one run shows."""
    return rows.defer("skips", "conflicts", "requests", "hint", "scope")


def audit(rows: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    """Without what only the page of one entry shows: a channel's members may be thousands."""
    return rows.defer("before", "after", "error")


def _number(grouped: QuerySet[Any, Any]) -> Coalesce:
    """How many rows the subquery has for the row outside; a subquery avoids the product of two
    joins.
    """
    counted = grouped.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
