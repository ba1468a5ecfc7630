"""Dates and times where the person is, as the browser says (zone.js puts it into a cookie)."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "timezone"


class PersonsZone:
    """Middleware. Without the cookie, or with nonsense in it, the site's own zone counts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = zone_named(request.COOKIES.get(COOKIE, ""))
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


def zone_named(name: str) -> ZoneInfo | None:
    if not name or len(name) > 60:
        return None
    try:
        return ZoneInfo(name.replace("%2F", "/"))
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None
