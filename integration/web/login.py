"""What django-axes, which counts failed log-ins, asks of us, and the page that says so."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from unfold.forms import AuthenticationForm

LONGEST_NAME = 150


class LoginForm(AuthenticationForm):
    """Unfold's, which says when the password was not even looked at."""

    def get_invalid_login_error(self) -> ValidationError:
        if not getattr(self.request, "axes_locked_out", False):
            return super().get_invalid_login_error()
        minutes = _seconds() // 60
        text = gettext("Too many failed logins. Try again in %(minutes)d minutes.")
        return ValidationError(text % {"minutes": minutes}, code="too_many_failures")


def counted_name(_request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """What failed log-ins are counted under: names that differ in case alone are one."""
    name = (credentials or {}).get("username")
    if name is None:
        name = _request.POST.get("username", "")
    return str(name).strip().casefold()[:LONGEST_NAME]


def locked_out(
    _request: HttpRequest, response: HttpResponse, _credentials: Any = None, **_: Any
) -> HttpResponse:
    """The log-in page with LoginForm's words, as an answer that programs understand too."""
    response.status_code = 429
    response["Retry-After"] = str(_seconds())
    return response


def _seconds() -> int:
    return int(settings.AXES_COOLOFF_TIME.total_seconds())
