"""What administrators set: settings, patterns, limits, roles, courses, LTI platforms."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from integration.domain import patterns
from integration.forms import CourseForm, PatternForm, SettingsForm, useless_ticks
from integration.model_admins.bases import CsvList, EditableList
from integration.models import (
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    LtiDeployment,
    LtiPlatform,
    RemovalLimit,
)
from integration.pages import access, cells, columns, course_page, course_states, courses
from integration.pages.odd_input import TakesOddInput
from integration.pages.setting_groups import SETTING_GROUPS
from integration.pages.setting_sections import SettingsInSections
from integration.services.admin import dashboard, limits, lists, secrets


class CompleteSettings(ModelAdmin):
    """Every setting, as far as the person may see and change it."""

    fieldsets = SETTING_GROUPS

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        groups = cells.complete(self.fieldsets)
        if obj and self.has_change_permission(request, obj):
            return cells.without(groups, dict.fromkeys(useless_ticks(obj), ""))
        return cells.without(groups, cells.SECRET_FIELDS)


@admin.register(IntegrationSettings)
class IntegrationSettingsAdmin(SettingsInSections, CompleteSettings):
    """One page: there is exactly one row."""

    form = SettingsForm
    warn_unsaved_form = True
    change_form_outer_before_template = "integration/settings_index.html"
    change_form_outer_after_template = "integration/settings_preview.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return IntegrationSettings.load()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """In its place, where a stored secret cannot be read: what is wrong, in words."""
        problem = secrets.problem()
        may_look = self.has_view_or_change_permission(request)
        if problem and may_look:
            return access.unusable(request, problem)
        extra = {**(extra_context or {}), **self.sections_context(request)}
        extra["chat_test"] = dashboard.last_test()
        return super().changeform_view(request, object_id, form_url, extra)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may only look sees that a secret is set, and nothing of it."""
        return () if self.has_change_permission(request, obj) else cells.SECRETS_IN_WORDS

    @display(description=_("personal access token"))
    def token_in_words(self, row: IntegrationSettings) -> str:
        return cells.secret_in_words(row, "auth_token")

    @display(description=_("password"))
    def password_in_words(self, row: IntegrationSettings) -> str:
        return cells.secret_in_words(row, "password")


@admin.register(GroupRegexFilter)
class GroupRegexFilterAdmin(EditableList):
    form = PatternForm
    list_display = ("as_shown", "kind_badge", "enabled")
    list_editable = ("enabled",)
    list_filter = ("kind", "enabled")
    search_fields = ("pattern",)
    csv_columns = ("pattern", "kind", "enabled")  # without the marks that show blanks
    list_before_template = "integration/patterns_intro.html"
    change_form_outer_after_template = "integration/pattern_preview.html"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Further lines that were pasted become further patterns."""
        super().save_model(request, obj, form, change)
        for text in getattr(form, "others", ()):
            GroupRegexFilter.objects.create(pattern=text, kind=obj.kind, enabled=obj.enabled)

    @display(description=_("pattern"), ordering="pattern")
    def as_shown(self, row: GroupRegexFilter) -> SafeString:
        return format_html('<code class="rc-code">{}</code>', patterns.shown(row.pattern))

    @display(
        description=_("kind"), ordering="kind", label={"include": "success", "exclude": "danger"}
    )
    def kind_badge(self, row: GroupRegexFilter) -> tuple[str, str]:
        return row.kind, row.get_kind_display()


@admin.register(RemovalLimit)
class RemovalLimitAdmin(EditableList):
    list_display = ("what", "span", "percent", "absolute")
    list_editable = ("percent", "absolute")
    list_filter = ("what", "span")
    list_before_template = "integration/limits_intro.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the limits that hold without one's own."""
        usual = {"usual_limits": limits.usual_limits(), "from_count": limits.from_count()}
        return super().changelist_view(request, {**(extra_context or {}), **usual})


@admin.register(IncludedRole)
class IncludedRoleAdmin(EditableList):
    list_display = ("shortname", "role_id", "enabled", "room_role")
    list_editable = ("enabled", "room_role")
    search_fields = ("shortname",)
    list_before_template = "integration/roles_intro.html"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """From Moodle's own list; by hand where Moodle cannot be read or a script posts the
        form.
        """
        if request.method == "POST" or "by_hand" in request.GET:
            return super().add_view(request, form_url, extra_context)
        return redirect("rcsync:roles")


SWITCHES = ("background_sync", "event_sync", "pending_sync")


@admin.register(IntegratedCourse)
class IntegratedCourseAdmin(
    columns.CourseColumns,
    columns.CourseCsv,
    courses.CourseActions,
    CsvList,
    TakesOddInput,
    ModelAdmin,
):
    form = CourseForm
    list_display = (
        "name",
        "state",
        "channel_count",
        "member_count",
        "last",
        "next",
        "background",
        "events",
    )
    list_filter = (
        course_states.StateFilter,
        courses.CategoryFilter,
        "background_sync",
        "event_sync",
        "pending_sync",
    )
    search_fields = ("shortname", "fullname", "course_id")
    fieldsets = ((_("Automatic sync"), {"fields": SWITCHES}),)
    add_fieldsets = ((None, {"fields": ("course_id", *SWITCHES)}),)
    change_form_outer_before_template = "integration/course.html"
    list_per_page = 50
    list_before_template = "integration/courses_intro.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegratedCourse]:
        return lists.courses(super().get_queryset(request))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        rows = super().get_changelist_instance(request)
        lists.with_states(rows.result_list, course_states.of(request))
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """The switches, below all that is known of the course; which is read while the page is
        made, so not where the form only leads on.
        """
        row = self.get_object(request, object_id)
        if row is not None:
            extra_context = {
                **(extra_context or {}),
                "title": str(row),
                "subtitle": None,
                "course": lambda: course_page.content(request, row),
            }
        return super().change_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["show_save_and_add_another"] = False  # courses are added from Moodle's list
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.unchecked:
            courses.tell_unchecked(request, obj)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.sync"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # "Stop managing" says what becomes of the channels

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """By searching Moodle; by hand where Moodle cannot be read or a script posts the form."""
        if request.method == "POST" or "by_hand" in request.GET:
            return super().add_view(request, form_url, extra_context)
        return redirect("rcsync:courses")


class LtiDeploymentInline(TabularInline):
    model = LtiDeployment
    extra = 1


@admin.register(LtiPlatform)
class LtiPlatformAdmin(TakesOddInput, ModelAdmin):
    """One registration; the list is on the page that has what to copy into Moodle."""

    fields = ("name", "issuer", "client_id", "auth_url", "jwks_url", "enabled")
    inlines = (LtiDeploymentInline,)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("rcsync:lti_setup")
