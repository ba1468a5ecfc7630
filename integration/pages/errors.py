"""403, 404 and 500 inside the admin: with its menu, what is wrong, and the way back.

Whoever is not signed in gets the same words on a page without the menu.
"""

import logging
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from integration.domain import request_id
from integration.pages import access, public
from integration.translation import local

logger = logging.getLogger(__name__)


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """handler403."""
    why = exception.args[0] if exception and exception.args else ""
    return _page(
        request,
        403,
        _("Permission denied"),
        local(why) or _("Your user does not have the permission that this page needs."),
        _("An administrator of rcsync gives permissions under Users. Nothing was changed."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """handler404. What it looked for is for the log."""
    logger.debug("not found: %s", exception)
    return _page(
        request,
        404,
        _("This page does not exist"),
        _(
            "The address is wrong, or its content was deleted: old runs are deleted "
            "after some time."
        ),
    )


def broken(request: HttpRequest) -> HttpResponseBase:
    """handler500. Never raises: what is broken may be what the menu needs."""
    texts = (
        _("Something went wrong"),
        _("rcsync could not answer because of an unexpected error."),
        _("Try again. If it happens again, give the code below to whoever looks after rcsync."),
    )
    try:
        return _page(request, 500, *texts, reference=request_id.current())
    except Exception:
        logger.exception("the page of the error could not be made either")
        response = public.message(
            request, *texts, status=500, reference=request_id.current(), ways=[_start()]
        )
        return response.render()


def expired_form(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """CSRF_FAILURE_VIEW."""
    logger.warning("a form was refused: %s", reason)
    return _page(
        request,
        403,
        _("Nothing was done"),
        _("The form no longer belongs to your session, or your browser does not send cookies."),
        _("Open the page again and press the button once more."),
    )


def _page(
    request: HttpRequest, status: int, title: str, *sentences: str, reference: str = ""
) -> HttpResponseBase:
    if not _is_staff(request):
        return public.message(
            request, title, *sentences, status=status, reference=reference, ways=[_start()]
        )
    context = access.context(
        request,
        title,
        sentences=sentences,
        status=status,
        reference=reference,
        back=_page_before(request),
    )
    return _rendered(request, context, status)


def _rendered(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    return render(request, "integration/error.html", context, status=status)


def _is_staff(request: HttpRequest) -> bool:
    """Inside the admin, and not where an error came before anybody was known."""
    user = getattr(request, "user", None)
    inside = request.path.startswith(reverse("admin:index"))
    return bool(inside and user is not None and user.is_active and user.is_staff)


def _page_before(request: HttpRequest) -> str:
    """ "" where the browser does not say, or the page is this one."""
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return ""
    parts = urlsplit(before)
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    return "" if address == request.get_full_path() else address


def _start() -> public.Way:
    return public.Way(_("To the start page"), reverse("admin:index"))
