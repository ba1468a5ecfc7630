"""Columns of the admin's lists, mixed into the ModelAdmins."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from integration.models import AuditEntry, Conflict, IntegratedCourse, PendingEnding, SyncRun
from integration.pages import cells
from integration.services.admin import audit_sentences, lists
from integration.services.monitoring.course_states import course_states as compute_states
from integration.translation import local


class CourseColumns:
    """Of the integrated courses, as `lists.courses` gives them."""

    @display(description=_("course"), ordering="shortname", header=True)
    def name(self, row: IntegratedCourse) -> list[SafeString | str]:
        return [cells.clipped(str(row)), cells.clipped(row.fullname)]

    @display(description=_("status"))
    def state(self, row: Any) -> SafeString:
        return cells.course_state(row, row.state_now)

    @display(description=_("channels"), ordering="channel_number")
    def channel_count(self, row: Any) -> int:
        return row.channel_number or 0

    @display(description=_("members"), ordering="member_number")
    def member_count(self, row: Any) -> int:
        return row.member_number or 0

    @display(description=_("last run"), ordering="last_run")
    def last(self, row: IntegratedCourse) -> SafeString | str:
        return cells.run_link(row.last_run)

    @display(description=_("background sync"), ordering="background_sync")
    def background(self, row: IntegratedCourse) -> SafeString:
        return cells.switch(row.background_sync)

    @display(description=_("event sync"), ordering="event_sync")
    def events(self, row: IntegratedCourse) -> SafeString:
        return cells.switch(row.event_sync)

    @display(description=_("next run"))
    def next(self, row: IntegratedCourse) -> str:
        return cells.next_run(row)


class CourseCsv:
    """The same list as a file."""

    csv_chunk = 20_000  # the states of all courses are computed once for each chunk

    def fill(self, rows: Sequence[Any]) -> None:
        lists.with_states(rows, compute_states())

    def csv_heading(self) -> tuple[str, ...]:
        return (
            gettext("Course"),
            gettext("Full name"),
            gettext("Moodle course id"),
            gettext("Status"),
            gettext("Why"),
            gettext("Channels"),
            gettext("Members"),
            gettext("Background sync"),
            gettext("Event sync"),
            gettext("Last success"),
        )

    def csv_row(self, row: Any) -> Iterator[Any]:
        yield str(row)
        yield row.fullname
        yield row.course_id
        yield str(cells.COURSE_LABELS[row.state_now.state])
        yield "; ".join(local(reason) for reason in row.state_now.reasons)
        yield row.channel_number
        yield row.member_number
        yield gettext("on") if row.background_sync else gettext("off")
        yield gettext("on") if row.event_sync else gettext("off")
        yield (
            timezone.localtime(row.last_success).isoformat(" ", "minutes")
            if row.last_success
            else ""
        )


class RunColumns:
    """Of the runs."""

    @display(description=_("run"), ordering="pk")
    def number(self, row: SyncRun) -> int:
        return row.pk

    @display(description=_("kind"), ordering="kind")
    def what(self, row: SyncRun) -> str:
        return cells.what(row)

    @display(description=_("status"), ordering="status", label=cells.RUN_LABELS)
    def result(self, row: SyncRun) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("started"), ordering="started_at")
    def started(self, row: SyncRun) -> SafeString:
        return cells.when(row.started_at)

    @display(description=_("duration"))
    def took(self, row: SyncRun) -> SafeString:
        return cells.on_one_line(cells.duration(row))

    @display(description=_("changes"))
    def changes(self, row: SyncRun) -> str:
        return cells.changes(row)


class ConflictColumns:
    """Of the inbox."""

    @display(description=_("in Moodle"), ordering="moodle_side")
    def in_moodle(self, row: Conflict) -> str:
        return local(row.moodle_side)

    @display(description=_("in Rocket.Chat"), ordering="rocketchat_side")
    def in_rocketchat(self, row: Conflict) -> str:
        return local(row.rocketchat_side)

    @display(description=_("last seen"), ordering="last_seen")
    def seen(self, row: Conflict) -> SafeString:
        return cells.when(row.last_seen)

    @display(description=_("status"), ordering="status", label=cells.CONFLICT_LABELS)
    def state(self, row: Conflict) -> tuple[str, str]:
        return row.status, row.get_status_display()


class AuditColumns:
    """Of the audit trail; the whole of an entry is on its own page."""

    @display(description=_("when"), ordering="at")
    def when(self, row: AuditEntry) -> SafeString:
        return cells.when(row.at)

    @display(description=_("what"))
    def what(self, row: AuditEntry) -> str:
        return cells.shortened(audit_sentences.sentence(row), 160)

    @display(description=_("result"), label=cells.AUDIT_LABELS)
    def outcome(self, row: AuditEntry) -> tuple[str, str]:
        return row.result, row.get_result_display()

    @display(description=_("why"))
    def why(self, row: AuditEntry) -> str:
        return cells.shortened(local(row.reason), 80)


class EndingColumns:
    """Of what waits for its day."""

    @display(description=_("what"), ordering="description")
    def what(self, row: PendingEnding) -> str:
        return local(row.description)

    @display(description=_("why"), ordering="reason")
    def why(self, row: PendingEnding) -> str:
        return local(row.reason)

    @display(description=_("due"), ordering="due")
    def due_on(self, row: PendingEnding) -> str:
        return cells.moment(row.due)


class Days(RangeDateFilter):
    """A time, chosen by days where the person is; both days count. Nonsense does not narrow."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            end = datetime.combine(last, time.max, last.tzinfo)
            queryset = queryset.filter(**{f"{self.parameter_name}__lte": end})
        return queryset

    def _day(self, end: str) -> datetime | None:
        text = self.used_parameters.get(f"{self.parameter_name}_{end}") or ""
        try:
            day = parse_date(text)
            return timezone.make_aware(datetime.combine(day, time())) if day else None
        except (ValueError, OverflowError):
            return None
