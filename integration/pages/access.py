"""Who may see and do what. Every page and every action asks here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from integration.services.admin import secrets

SYNC = "integration.sync"
SEE_RUNS = "integration.view_syncrun"
SEE_COURSES = "integration.view_integratedcourse"
ADD_COURSES = "integration.add_integratedcourse"
SEE_SETTINGS = "integration.view_integrationsettings"
CHANGE_SETTINGS = "integration.change_integrationsettings"
CHANGE_ROLES = "integration.change_includedrole"
SEE_ROLES = "integration.view_includedrole"
SEE_PATTERNS = "integration.view_groupregexfilter"
SEE_CHANNELS = "integration.view_channellink"
SEE_LTI = "integration.view_ltiplatform"
CHANGE_LTI = "integration.change_ltiplatform"
SEE_PEOPLE = "integration.view_accountlink"
DECIDE = "integration.change_conflict"
APPROVE = "integration.approve_removals"
UNDO = "integration.undo"
EXPORT_AUDIT = "integration.export_audit"

View = Callable[..., HttpResponseBase]


def page(*permissions: str) -> Callable[[View], View]:
    """A page inside the admin for staff who hold all of these permissions."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perms(permissions):
                raise PermissionDenied
            try:
                return view(request, *args, **kwargs)
            except ImproperlyConfigured as error:
                return unusable(request, str(error))

        return admin.site.admin_view(checked)

    return decorate


def change(*permissions: str, with_secrets: bool = True) -> Callable[[View], View]:
    """The same for what changes something: POST only, and not while a stored secret that it may
    need cannot be read.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def ready(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if with_secrets and (problem := secrets.problem()):
                return unusable(request, problem)
            return view(request, *args, **kwargs)

        return page(*permissions)(require_POST(ready))

    return decorate


def unusable(request: HttpRequest, problem: str) -> TemplateResponse:
    """In place of a page that cannot work: a stored secret is not readable, for example."""
    page = context(
        request,
        gettext("Not set up correctly"),
        problem=problem,
        unreadable=bool(secrets.problem()),
        may_change=request.user.has_perm(CHANGE_SETTINGS),
    )
    return TemplateResponse(request, "integration/unusable.html", page, status=503)


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
