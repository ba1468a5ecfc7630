"""A POST after the session has ended: once signed in, the page it belongs to says so."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

FLAG = "nothing_was_done"


class SessionEnded:
    """Django would send the person back to the address of the POST, which cannot be opened."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        login = reverse("admin:login")
        if request.method != "POST" or request.path == login or not _is_page(request):
            return response
        if urlsplit(response.headers.get("Location", "")).path != login:
            return response
        request.session[FLAG] = True
        return redirect(f"{login}?{urlencode({'next': page_before(request)})}")


def page_before(request: HttpRequest) -> str:
    """The page on which the button was pressed; the start page where the browser does not say."""
    before = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(before, {request.get_host()}):
        parts = urlsplit(before)
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return reverse("admin:index")


def _is_page(request: HttpRequest) -> bool:
    """Not what a script asks for while somebody types."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


@receiver(user_logged_in)
def say_so(request: HttpRequest | None, **_kwargs: Any) -> None:
    if request is not None and request.session.pop(FLAG, False):
        text = _("Your session had ended, so nothing was done. Do it again.")
        messages.warning(request, text)
