"""Who may see and do what. Every page and every action asks here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST

SYNC = "integration.sync"
SEE_RUNS = "integration.view_syncrun"
SEE_COURSES = "integration.view_integratedcourse"
ADD_COURSES = "integration.add_integratedcourse"
SEE_SETTINGS = "integration.view_integrationsettings"
CHANGE_ROLES = "integration.change_includedrole"
SEE_ROLES = "integration.view_includedrole"
SEE_PATTERNS = "integration.view_groupregexfilter"
SEE_PEOPLE = "integration.view_accountlink"
DECIDE = "integration.change_conflict"
APPROVE = "integration.approve_removals"
EXPORT_AUDIT = "integration.export_audit"

View = Callable[..., HttpResponseBase]


def page(*permissions: str) -> Callable[[View], View]:
    """A page inside the admin for staff who hold all of these permissions."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return admin.site.admin_view(checked)

    return decorate


def change(*permissions: str) -> Callable[[View], View]:
    """The same for what changes something: POST only."""

    def decorate(view: View) -> View:
        return page(*permissions)(require_POST(view))

    return decorate


def context(request: HttpRequest, title: Any, **values: Any) -> dict[str, Any]:
    """What every page of the admin needs, and this page's own."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "may_sync": may_sync(request),
        **values,
    }


def may_sync(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(SYNC))


def who(request: HttpRequest) -> str:
    return str(request.user.get_username())
