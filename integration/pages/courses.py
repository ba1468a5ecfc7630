"""What can be done with selected courses. Each action is a POST of the list's form."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.models import IntegratedCourse, SyncRun
from integration.pages import access, runs
from integration.services.admin import links, moodle_search, start_run
from integration.translation import in_words

Courses = QuerySet[IntegratedCourse]


class CategoryFilter(admin.SimpleListFilter):
    """By the Moodle category of the course or one above it. With "select all" the actions below the
    list are for a whole category. Without choices where Moodle cannot be read.
    """

    title = _("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        try:
            return [(str(number), name) for number, name in moodle_search.categories()]
        except SyncError:
            # A filter without choices is passed over by Django: all courses would be in the list.
            chosen = request.GET.get(self.parameter_name)
            return [(chosen, _("Moodle cannot be read"))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: Courses) -> Courses:
        if not self.value():
            return queryset
        number = whole_number(self.value() or "")
        try:
            inside = set() if number is None else moodle_search.courses_in_category(number)
        except SyncError as error:
            messages.error(request, in_words(error))
            return queryset.none()
        return queryset.filter(course_id__in=inside)


class CourseActions:
    """Mixed into the ModelAdmin of courses."""

    actions = (
        "sync_selected",
        "preview_selected",
        "audit_selected",
        "mark_pending",
        "background_on",
        "background_off",
        "events_on",
        "events_off",
        "stop_managing",
    )

    @admin.action(description=_("Sync selected courses"), permissions=["sync"])
    def sync_selected(self, request: HttpRequest, queryset: Courses) -> HttpResponse:
        return _run(request, queryset, SyncRun.Kind.APPLY)

    @admin.action(description=_("Preview sync of selected courses"), permissions=["sync"])
    def preview_selected(self, request: HttpRequest, queryset: Courses) -> HttpResponse:
        return _run(request, queryset, SyncRun.Kind.PREVIEW)

    @admin.action(
        description=_("Fully check selected courses (report differences, change nothing)"),
        permissions=["sync"],
    )
    def audit_selected(self, request: HttpRequest, queryset: Courses) -> HttpResponse:
        return _run(request, queryset, SyncRun.Kind.FULL_CHECK)

    @admin.action(
        description=_("Mark as pending: sync at the next full pass"), permissions=["change"]
    )
    def mark_pending(self, request: HttpRequest, queryset: Courses) -> None:
        _tell(request, queryset.update(pending_sync=True))

    @admin.action(description=_("Switch background sync on"), permissions=["change"])
    def background_on(self, request: HttpRequest, queryset: Courses) -> None:
        _tell(request, queryset.update(background_sync=True))

    @admin.action(description=_("Switch background sync off"), permissions=["change"])
    def background_off(self, request: HttpRequest, queryset: Courses) -> None:
        _tell(request, queryset.update(background_sync=False))

    @admin.action(description=_("Switch event sync on"), permissions=["change"])
    def events_on(self, request: HttpRequest, queryset: Courses) -> None:
        _tell(request, queryset.update(event_sync=True))

    @admin.action(description=_("Switch event sync off"), permissions=["change"])
    def events_off(self, request: HttpRequest, queryset: Courses) -> None:
        _tell(request, queryset.update(event_sync=False))

    @admin.action(description=_("Stop managing …"), permissions=["stop"])
    def stop_managing(self, request: HttpRequest, queryset: Courses) -> HttpResponse | None:
        """First says what becomes of the channels, then does it."""
        ids = list(queryset.values_list("course_id", flat=True))
        if "confirmed" not in request.POST:
            context = access.context(
                request,
                gettext("Stop managing courses"),
                opts=IntegratedCourse._meta,
                selected=queryset.order_by("shortname"),
                weight=links.impact_of(ids),
            )
            return TemplateResponse(request, "integration/stop_courses.html", context)
        links.stop_managing_courses(ids, forget_channels="forget" in request.POST)
        messages.success(
            request,
            gettext("These courses are no longer managed. Nothing was changed in Rocket.Chat."),
        )
        return None

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.delete_integratedcourse"))


@access.change(access.SYNC)
def sync_everything(request: HttpRequest) -> HttpResponse:
    """From the start page: a preview or a sync of every integrated course."""
    kind = SyncRun.Kind.APPLY if request.POST.get("kind") == "apply" else SyncRun.Kind.PREVIEW
    if not IntegratedCourse.objects.exists():
        messages.warning(request, gettext("No course is integrated yet."))
        return redirect("rcsync:courses")
    return runs.begin(request, start_run.order_for(kind, access.who(request)))


def _run(request: HttpRequest, rows: Courses, kind: str) -> HttpResponse:
    ids = rows.order_by().values_list("course_id", flat=True)
    return runs.begin(request, start_run.order_for(kind, access.who(request), courses=ids))


def _tell(request: HttpRequest, number: int) -> None:
    text = ngettext("%(n)d course changed.", "%(n)d courses changed.", number)
    messages.success(request, text % {"n": number})


def tell_unchecked(request: HttpRequest, row: IntegratedCourse) -> None:
    text = gettext("Moodle cannot be read now, so whether it has the course %(id)d is not checked.")
    messages.warning(request, text % {"id": row.course_id})
