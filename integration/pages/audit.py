"""The audit trail: its filters, and the page of one entry."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import TextFilter

from integration.domain.numbers import whole_number
from integration.domain.operations import labels
from integration.models import AccountLink, AuditEntry, ChannelLink, IntegratedCourse, SyncRun
from integration.pages import access, cells
from integration.services.admin import audit_lists
from integration.services.admin.audit_sentences import sentence

Entries = QuerySet[AuditEntry]


class PersonFilter(TextFilter):
    title = _("person")
    parameter_name = "person"

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return audit_lists.of_person(queryset, self.value()) if self.value() else queryset


class CourseFilter(TextFilter):
    title = _("course")
    parameter_name = "course"

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return audit_lists.of_course(queryset, self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("settings", _("Settings, patterns, roles, courses, users")),
            ("conflicts", _("Decisions about conflicts")),
            ("runs", _("Decisions about runs")),
            ("upkeep", _("Servers, restores, privacy")),
            *((kind, gettext(label)) for kind, label in labels().items()),
        ]

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return audit_lists.of_kind(queryset, self.value() or "") if self.value() else queryset


class AuditSearch:
    """Of the list of the audit trail."""

    def get_search_results(
        self, request: HttpRequest, queryset: Entries, search_term: str
    ) -> tuple[Entries, bool]:
        if not search_term.split():
            return queryset, False
        found = audit_lists.search(queryset, search_term)
        if found.since is not None:
            text = gettext(
                "Only the newest %(n)d entries were searched, back to %(moment)s. "
                "Filter by days, person or course to search older ones."
            )
            shown = {
                "n": audit_lists.MOST_SEARCHED,
                "moment": cells.moment(int(found.since.timestamp())),
            }
            messages.info(request, text % shown)
        return found.rows, False


def show(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Called by the ModelAdmin, so that the page has the address of every other row."""
    return _show(request, object_id)


@access.page("integration.view_auditentry")
def _show(request: HttpRequest, object_id: str) -> HttpResponse:
    entry = get_object_or_404(AuditEntry, pk=whole_number(object_id))
    context = access.context(
        request,
        gettext("Audit trail"),
        opts=AuditEntry._meta,
        entry=entry,
        sentence=sentence(entry),
        changes=audit_lists.changes(entry, with_names=request.user.has_perm(access.SEE_PEOPLE)),
        run=SyncRun.objects.filter(pk=entry.run_id or 0).first(),
        course=IntegratedCourse.objects.filter(course_id=entry.moodle_course_id or 0).first(),
        channel=ChannelLink.objects.filter(moodle_group_id=entry.moodle_group_id or 0).first(),
        account=AccountLink.objects.filter(moodle_user_id=entry.moodle_user_id or 0).first(),
    )
    return TemplateResponse(request, "integration/audit_entry.html", context)
