"""The admin: one class per table that declares its list, its filters and its permissions."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from integration.forms import PatternForm, SettingsForm, useless_ticks
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    ManagedMembership,
    PendingEnding,
    RemovalLimit,
    SyncRun,
)
from integration.pages import cells, conflicts, courses, links, runs
from integration.pages.setting_groups import SETTING_GROUPS
from integration.services.desk import lists

admin.site.index_template = "integration/start.html"
admin.site.enable_nav_sidebar = True
admin.site.empty_value_display = "–"

for model in (Schedule, OrmQ, Success, Failure):  # whoever may add a Schedule may run any code
    try:
        admin.site.unregister(model)
    except NotRegistered:
        continue


class ReadOnly(ModelAdmin):
    """Rows that only rcsync itself writes."""

    list_filter_sheet = True
    actions_on_top = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# --- set-up ---------------------------------------------------------------------------------------


@admin.register(IntegrationSettings)
class IntegrationSettingsAdmin(ModelAdmin):
    """One page: there is exactly one row."""

    form = SettingsForm
    fieldsets = SETTING_GROUPS
    warn_unsaved_form = True
    change_form_outer_after_template = "integration/settings_preview.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return IntegrationSettings.load()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row = IntegrationSettings.load()
        return redirect(reverse("admin:integration_integrationsettings_change", args=[row.pk]))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may only look sees that a secret is set, and nothing of it."""
        return () if self.has_change_permission(request, obj) else cells.SECRETS_IN_WORDS

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        groups = cells.complete(self.fieldsets)
        if obj and self.has_change_permission(request, obj):
            return cells.without(groups, dict.fromkeys(useless_ticks(obj), ""))
        return cells.without(groups, cells.SECRET_FIELDS)

    @display(description=_("personal access token"))
    def token_in_words(self, row: IntegrationSettings) -> str:
        return cells.secret_in_words(row, "auth_token")

    @display(description=_("password"))
    def password_in_words(self, row: IntegrationSettings) -> str:
        return cells.secret_in_words(row, "password")


@admin.register(GroupRegexFilter)
class GroupRegexFilterAdmin(ModelAdmin):
    form = PatternForm
    list_display = ("pattern", "kind_badge", "enabled", "position")
    list_editable = ("enabled", "position")
    list_filter = ("kind", "enabled")
    search_fields = ("pattern",)
    list_before_template = "integration/patterns_intro.html"
    change_form_outer_after_template = "integration/pattern_preview.html"

    @display(
        description=_("kind"), ordering="kind", label={"include": "success", "exclude": "danger"}
    )
    def kind_badge(self, row: GroupRegexFilter) -> tuple[str, str]:
        return row.kind, row.get_kind_display()


@admin.register(RemovalLimit)
class RemovalLimitAdmin(ModelAdmin):
    list_display = ("what", "span", "percent", "absolute")
    list_editable = ("percent", "absolute")
    list_filter = ("what", "span")


@admin.register(IncludedRole)
class IncludedRoleAdmin(ModelAdmin):
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


@admin.register(IntegratedCourse)
class IntegratedCourseAdmin(courses.CourseActions, ModelAdmin):
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
    list_filter = ("status", "background_sync", "event_sync", "pending_sync")
    search_fields = ("shortname", "fullname", "course_id")
    fields = (
        "course_id",
        "shortname",
        "fullname",
        "background_sync",
        "event_sync",
        "pending_sync",
        "last_success",
    )
    readonly_fields = ("shortname", "fullname", "last_success")
    list_per_page = 50
    list_before_template = "integration/courses_intro.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegratedCourse]:
        return lists.courses(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "course_id") if obj else self.readonly_fields

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

    @display(description=_("course"), ordering="shortname", header=True)
    def name(self, row: IntegratedCourse) -> list[str]:
        return [str(row), row.fullname]

    @display(description=_("status"), ordering="status")
    def state(self, row: IntegratedCourse) -> SafeString:
        return cells.course_state(row)

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


# --- history --------------------------------------------------------------------------------------


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnly):
    list_display = (
        "number",
        "what",
        "result",
        "started_at",
        "took",
        "changes",
        "failed_count",
        "actor",
    )
    list_filter = ("kind", "status", "trigger")
    search_fields = ("actor", "message")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        return lists.runs(super().get_queryset(request))

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return runs.show(request, object_id)

    @display(description=_("run"), ordering="pk")
    def number(self, row: SyncRun) -> int:
        return row.pk

    @display(description=_("kind"), ordering="kind")
    def what(self, row: SyncRun) -> str:
        return f"{row.get_kind_display()} · {row.get_trigger_display()}"

    @display(description=_("status"), ordering="status", label=cells.RUN_LABELS)
    def result(self, row: SyncRun) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("duration"))
    def took(self, row: SyncRun) -> str:
        return cells.duration(row)

    @display(description=_("changes"))
    def changes(self, row: SyncRun) -> str:
        return cells.changes(row)


@admin.register(Conflict)
class ConflictAdmin(conflicts.ConflictActions, ReadOnly):
    list_display = ("kind", "moodle_side", "rocketchat_side", "state", "last_seen")
    list_filter = ("status", "kind")
    search_fields = ("moodle_side", "rocketchat_side")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.change_conflict"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return conflicts.inbox(self, request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return conflicts.show(request, object_id)

    @display(description=_("status"), ordering="status", label=cells.CONFLICT_LABELS)
    def state(self, row: Conflict) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("at", "actor", "action", "subject", "outcome", "reason")
    list_filter = ("actor_kind", "result", "action")
    list_before_template = "integration/audit_intro.html"
    search_fields = ("subject", "actor", "reason")
    date_hierarchy = "at"

    @display(description=_("result"), ordering="result", label=cells.AUDIT_LABELS)
    def outcome(self, row: AuditEntry) -> tuple[str, str]:
        return row.result, row.get_result_display()


@admin.register(PendingEnding)
class PendingEndingAdmin(ReadOnly):
    list_display = ("description", "reason", "due_on")
    search_fields = ("description", "reason")

    @display(description=_("due"), ordering="due")
    def due_on(self, row: PendingEnding) -> str:
        return cells.moment(row.due)


# --- what is managed ------------------------------------------------------------------------------


@admin.register(AccountLink)
class AccountLinkAdmin(links.AccountActions, ReadOnly):
    list_display = (
        "username",
        "in_moodle",
        "in_rocketchat",
        "origin",
        "deactivated",
        "member_count",
        "why",
    )
    list_filter = ("created", "deactivated")
    search_fields = ("username", "moodle_user_id", "rocketchat_user_id")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountLink]:
        return lists.accounts(super().get_queryset(request))


@admin.register(ChannelLink)
class ChannelLinkAdmin(links.ChannelActions, ReadOnly):
    list_display = ("name", "in_moodle", "in_rocketchat", "member_count", "drift", "ended", "why")
    list_filter = ("created", "ended")
    search_fields = ("name", "moodle_group_id", "room_id", "moodle_course_id")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelLink]:
        return lists.channels(super().get_queryset(request))


@admin.register(ManagedMembership)
class ManagedMembershipAdmin(ReadOnly):
    list_display = ("account", "channel", "room_role", "ours")
    list_filter = ("room_role", "ours")
    search_fields = ("account__username", "channel__name")
    list_select_related = ("account", "channel")
    list_per_page = 50


# --- who may use rcsync ---------------------------------------------------------------------------

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass
