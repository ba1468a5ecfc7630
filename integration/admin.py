"""The admin: one class per table that declares its list, its filters and its permissions."""

from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from integration.forms import CourseForm, PatternForm, RowForm, SettingsForm, useless_ticks
from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    IntegrationSettings,
    LtiDeployment,
    LtiPlatform,
    ManagedMembership,
    PendingEnding,
    RemovalLimit,
    SyncRun,
)
from integration.pages import (
    access,
    cells,
    columns,
    conflicts,
    course_states,
    courses,
    links,
    runs,
)
from integration.pages.odd_input import TakesOddInput
from integration.pages.setting_groups import SETTING_GROUPS
from integration.pages.users import SuperusersAmongThemselves
from integration.services.admin import dashboard, lists, secrets

admin.site.index_template = "integration/start.html"
admin.site.enable_nav_sidebar = True
admin.site.empty_value_display = "–"

for model in (Schedule, OrmQ, Success, Failure):  # whoever may add a Schedule may run any code
    try:
        admin.site.unregister(model)
    except NotRegistered:
        continue


class ReadOnly(TakesOddInput, ModelAdmin):
    """Rows that only rcsync itself writes."""

    list_filter_sheet = True
    actions_on_top = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EditableList(TakesOddInput, ModelAdmin):
    """Rows that are edited in their list."""

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=RowForm, **kwargs)


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
        extra = {**(extra_context or {}), "chat_test": dashboard.last_test()}
        return super().changeform_view(request, object_id, form_url, extra)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(reverse("admin:integration_integrationsettings_change", args=[1]))

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
class GroupRegexFilterAdmin(EditableList):
    form = PatternForm
    list_display = ("pattern", "kind_badge", "enabled", "position")
    list_editable = ("enabled", "position")
    list_filter = ("kind", "enabled")
    search_fields = ("pattern",)
    ordering_field = "position"
    list_before_template = "integration/patterns_intro.html"
    change_form_outer_after_template = "integration/pattern_preview.html"

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Rows are dragged by who may change them, and where all are shown in their order."""
        rows = super().get_changelist_instance(request)
        in_order = not rows.params and rows.result_count <= self.list_per_page
        if not (in_order and self.has_change_permission(request)):
            rows.model_admin = copy(self)
            rows.model_admin.ordering_field = None
        return rows

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


@admin.register(IntegratedCourse)
class IntegratedCourseAdmin(
    columns.CourseColumns, courses.CourseActions, TakesOddInput, ModelAdmin
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
        "background_sync",
        "event_sync",
        "pending_sync",
    )
    search_fields = ("shortname", "fullname", "course_id")
    fields = (
        "course_id",
        "shortname",
        "fullname",
        "state_in_words",
        "background_sync",
        "event_sync",
        "pending_sync",
        "last_success",
        "channel_links",
    )
    readonly_fields = ("shortname", "fullname", "state_in_words", "last_success", "channel_links")
    list_per_page = 50
    list_before_template = "integration/courses_intro.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegratedCourse]:
        return lists.courses(super().get_queryset(request))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        rows = super().get_changelist_instance(request)
        lists.with_states(rows.result_list, course_states.of(request))
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "course_id") if obj else self.readonly_fields

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


# --- history --------------------------------------------------------------------------------------


@admin.register(SyncRun)
class SyncRunAdmin(columns.RunColumns, ReadOnly):
    list_display = (
        "number",
        "what",
        "result",
        "started",
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


@admin.register(Conflict)
class ConflictAdmin(
    columns.ConflictColumns, conflicts.ConflictActions, conflicts.OpensWithOpenOnes, ReadOnly
):
    list_display = ("kind", "in_moodle", "in_rocketchat", "state", "seen")
    list_filter = ("status", "kind")
    search_fields = ("moodle_side", "rocketchat_side")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("integration.change_conflict"))

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return conflicts.show(request, object_id)


@admin.register(AuditEntry)
class AuditEntryAdmin(columns.AuditColumns, ReadOnly):
    list_display = ("when", "who", "action", "what", "outcome", "why")
    list_filter = (("at", columns.Days), "actor_kind", "result", "action")
    list_filter_submit = True
    list_before_template = "integration/audit_intro.html"
    search_fields = ("subject", "actor", "reason")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        return rows if match and "object_id" in match.kwargs else lists.audit(rows)


@admin.register(PendingEnding)
class PendingEndingAdmin(columns.EndingColumns, ReadOnly):
    list_display = ("what", "why", "due_on")
    search_fields = ("description", "reason")
    list_per_page = 50


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
    list_display = (
        "name",
        "in_moodle",
        "in_rocketchat",
        "member_count",
        "drift",
        "ended",
        "permalink",
        "why",
    )
    readonly_fields = ("permalink",)
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
class UserAdmin(SuperusersAmongThemselves, TakesOddInput, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(TakesOddInput, DjangoGroupAdmin, ModelAdmin):
    pass
