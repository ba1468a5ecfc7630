"""Slows down who guesses passwords at the login page: failures are counted for a quarter of an
hour.

The count is in the database, so that it holds for every web process. An unknown name counts like a
known one, so the answer does not tell which names exist.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from integration.tables.safety import FailedLogin

WINDOW = timedelta(minutes=15)
PER_NAME_AND_ADDRESS = 5
PER_ADDRESS = 30
PER_NAME = 100  # from everywhere together; high, because it also locks out who the name belongs to
LOGIN = "admin:login"


class LoginThrottle:
    """Answers 429 to a login while there are too many failures."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "POST" or match is None or match.view_name != LOGIN:
            return None
        if not is_blocked(request.POST.get("username", ""), address_of(request)):
            return None
        minutes = int(WINDOW.total_seconds() // 60)
        text = _("Too many failed logins. Try again in %(minutes)d minutes.") % {"minutes": minutes}
        return HttpResponse(
            text,
            status=429,
            content_type="text/plain; charset=utf-8",
            headers={"Retry-After": str(minutes * 60)},
        )


def is_blocked(username: str, address: str) -> bool:
    recent = FailedLogin.objects.filter(at__gt=timezone.now() - WINDOW)
    name = _shortened(username)
    return (
        recent.filter(username=name, address=address).count() >= PER_NAME_AND_ADDRESS
        or recent.filter(address=address).count() >= PER_ADDRESS
        or recent.filter(username=name).count() >= PER_NAME
    )


def address_of(request: HttpRequest) -> str:
    """Who asks: behind a proxy the last address of its header, which the proxy itself put there."""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        forwarded = request.headers.get("X-Forwarded-For", "")
        return forwarded.rpartition(",")[2].strip()[:45] or str(request.META["REMOTE_ADDR"])
    return str(request.META.get("REMOTE_ADDR", ""))  # a login made by code has no address


@receiver(user_login_failed)
def remember(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is None:
        return
    FailedLogin.objects.filter(at__lt=timezone.now() - WINDOW).delete()
    name = _shortened(str(credentials.get("username", "")))
    FailedLogin.objects.create(username=name, address=address_of(request))


@receiver(user_logged_in)
def forget(request: HttpRequest | None, user: Any, **_: Any) -> None:
    if request is not None:
        name = _shortened(user.get_username())
        FailedLogin.objects.filter(username=name, address=address_of(request)).delete()


def _shortened(username: str) -> str:
    return username.strip().casefold()[:150]
