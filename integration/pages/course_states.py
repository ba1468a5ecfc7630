"""The states of the courses on the pages: computed once for each request."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from integration.models import IntegratedCourse
from integration.pages import cells
from integration.services.monitoring.course_states import States, course_states
from integration.translation import local


def of(request: HttpRequest) -> States:
    """The filter, the list and the page of a course ask for the same."""
    known: States | None = getattr(request, "course_states", None)
    if known is None:
        known = course_states()
        vars(request)["course_states"] = known
    return known


class StateFilter(admin.SimpleListFilter):
    """By the state, which is no column."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, label) for state, label in cells.COURSE_LABELS.items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[IntegratedCourse]
    ) -> QuerySet[IntegratedCourse]:
        chosen = self.value()
        return queryset.filter(pk__in=of(request).of(chosen)) if chosen else queryset


def in_words(row: IntegratedCourse) -> SafeString:
    """The badge and every reason, for the page of one course."""
    status = course_states().courses[row.pk]
    badge = cells.state_badge(status)
    if not status.reasons:
        return badge
    reasons = format_html_join("", "<li>{}</li>", ((local(text),) for text in status.reasons))
    return format_html('{}<ul class="rc-reasons">{}</ul>', badge, reasons)
