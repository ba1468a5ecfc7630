"""The sidebar, in the order of the work: set up, run, look after."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _

from integration.models import SyncRun
from integration.pages import access
from integration.services.admin import dashboard
from integration.services.monitoring.waiting_runs import waiting_runs

RUNS = "admin:integration_syncrun_changelist"
WAITS = SyncRun.Status.QUARANTINED.value


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    waits = _waiting(request)
    return [
        {
            "items": [
                _item(_("Start"), "home", "admin:index"),
                *waits,
                _item(
                    _("Integrated courses"),
                    "school",
                    "admin:integration_integratedcourse_changelist",
                    access.SEE_COURSES,
                ),
                _runs(request, waits),
                _item(_("Open failures"), "error", "rcsync:failures", access.SEE_RUNS),
                _conflicts(),
                _item(_("Pause everything"), "pause_circle", "rcsync:pause", access.SYNC),
                _item(_("Why?"), "help", "rcsync:why", access.SEE_PEOPLE),
            ],
        },
        {
            "title": _("Set up"),
            "separator": True,
            "items": [
                _item(
                    _("Settings"),
                    "tune",
                    "admin:integration_integrationsettings_changelist",
                    access.SEE_SETTINGS,
                ),
                _item(_("Test connections"), "cable", "rcsync:checks", access.SEE_SETTINGS),
                _item(
                    _("Included roles"),
                    "badge",
                    "admin:integration_includedrole_changelist",
                    access.SEE_ROLES,
                ),
                _item(
                    _("Group patterns"),
                    "filter_alt",
                    "admin:integration_groupregexfilter_changelist",
                    access.SEE_PATTERNS,
                ),
                _item(
                    _("Categories and courses"),
                    "account_tree",
                    "rcsync:own_settings",
                    access.SEE_SETTINGS,
                ),
                _item(
                    _("Limits"),
                    "front_hand",
                    "admin:integration_removallimit_changelist",
                    "integration.view_removallimit",
                ),
                _item(_("Moodle activity (LTI)"), "extension", "rcsync:lti_setup", access.SEE_LTI),
            ],
        },
        {
            "title": _("What rcsync manages"),
            "separator": True,
            "items": [
                _item(_("Groups"), "groups", "rcsync:groups", access.SEE_CHANNELS),
                _item(
                    _("Channels"),
                    "forum",
                    "admin:integration_channellink_changelist",
                    "integration.view_channellink",
                ),
                _item(
                    _("Accounts"),
                    "person",
                    "admin:integration_accountlink_changelist",
                    access.SEE_PEOPLE,
                ),
                _item(
                    _("Memberships"),
                    "group",
                    "admin:integration_managedmembership_changelist",
                    "integration.view_managedmembership",
                ),
                _item(
                    _("Pending endings"),
                    "hourglass",
                    "admin:integration_pendingending_changelist",
                    "integration.view_pendingending",
                ),
            ],
        },
        {
            "title": _("Who may use rcsync"),
            "separator": True,
            "items": [
                _item(
                    _("Users"), "manage_accounts", "admin:auth_user_changelist", "auth.view_user"
                ),
                _item(
                    _("User groups"),
                    "shield_person",
                    "admin:auth_group_changelist",
                    "auth.view_group",
                ),
                _item(
                    _("Audit trail"),
                    "fact_check",
                    "admin:integration_auditentry_changelist",
                    "integration.view_auditentry",
                ),
            ],
        },
    ]


def _waiting(request: HttpRequest) -> list[dict[str, Any]]:
    """Only where a run waits for a decision: with one of them the link goes straight to it. It is
    marked on the page of each of them, and on their list.
    """
    runs = [run for run in waiting_runs() if not run.about_server]
    if not runs:
        return []
    pages = [reverse("admin:integration_syncrun_change", args=[run.pk]) for run in runs]
    rows = reverse(RUNS)
    listed = request.path == rows and request.GET.get("status__exact") == WAITS
    item = {
        **_item(_("Waits for approval"), "approval", RUNS, access.SEE_RUNS),
        "link": pages[0] if len(pages) == 1 else f"{rows}?status__exact={WAITS}",
        "badge": len(runs),
        "active": listed or request.path in pages,
    }
    return [item]


def _runs(request: HttpRequest, waits: list[dict[str, Any]]) -> dict[str, Any]:
    """Marked on the pages of all runs but those that are marked as waiting."""
    here = request.path.startswith(reverse(RUNS))
    item = _item(_("Runs"), "history", RUNS, access.SEE_RUNS)
    return {**item, "active": here and not any(entry["active"] for entry in waits)}


def _conflicts() -> dict[str, Any]:
    """With their number, unless there are none."""
    item = _item(
        _("Conflicts"),
        "inbox",
        "admin:integration_conflict_changelist",
        "integration.view_conflict",
    )
    number = dashboard.open_conflicts()
    return {**item, "badge": number} if number else item


def _item(title: Any, icon: str, view: str, permission: str = "") -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(view),
        "permission": _holds(permission),
    }


def _holds(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: not permission or request.user.has_perm(permission)
