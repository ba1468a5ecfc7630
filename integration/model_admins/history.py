"""What happened and what waits: runs, conflicts, audit trail, endings."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from integration.model_admins.bases import CsvList, HugeTable, ReadOnly
from integration.models import AuditEntry, Conflict, PendingEnding, SyncRun
from integration.pages import audit, columns, conflicts, runs
from integration.services.admin import lists


@admin.register(SyncRun)
class SyncRunAdmin(columns.RunColumns, CsvList, ReadOnly):
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
    columns.ConflictColumns,
    conflicts.ConflictActions,
    conflicts.OpensWithOpenOnes,
    CsvList,
    ReadOnly,
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
class AuditEntryAdmin(columns.AuditColumns, audit.AuditSearch, HugeTable):
    list_display = ("when", "what", "outcome", "why")
    list_display_links = ("what",)
    list_filter = (
        ("at", columns.Days),
        audit.PersonFilter,
        audit.CourseFilter,
        audit.KindFilter,
        "actor_kind",
        "result",
    )
    list_filter_submit = True
    list_before_template = "integration/audit_intro.html"
    search_fields = ("subject", "actor", "reason")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return lists.audit(super().get_queryset(request))

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return audit.show(request, object_id)


@admin.register(PendingEnding)
class PendingEndingAdmin(columns.EndingColumns, CsvList, ReadOnly):
    list_display = ("what", "why", "due_on")
    search_fields = ("description", "reason")
    list_per_page = 50
