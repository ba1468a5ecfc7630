"""What every answer of the admin carries, and who every change is put down to."""

from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from integration.domain import request_id
from integration.domain.actor import Actor, acting

# Everything comes from here, goes nowhere else, and is in nobody's frame. What remains open is what
# Unfold needs: 'unsafe-eval', because Alpine.js evaluates the attributes of its pages, and inline
# styles, because it writes the colours of the theme into a <style> and widths into attributes. No
# script stands inside a page.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

REQUEST_ID = "X-Request-ID"
Next = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicy:
    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(response))
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        return response


def _policy(response: HttpResponse) -> str:
    """A page may name the one site that may have it in a frame (pages.public.framed_by)."""
    site = getattr(response, "framed_by", "")
    return POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {site}") if site else POLICY


class RequestId:
    """Every request has an id, which its log lines, the runs it starts and the answer carry.

    A proxy may have given it one already; only a proxy of ours is believed.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(REQUEST_ID, "") if settings.PROXIES else ""
        chosen = given if request_id.is_safe(given) else uuid4().hex
        with request_id.belonging_to(chosen):
            response = self.get_response(request)
        response.headers[REQUEST_ID] = chosen
        return response


class WhoDidIt:
    """Changes made while a request is answered are put down to the person who is signed in."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return self.get_response(request)
        with acting(Actor("person", user.get_username())):
            return self.get_response(request)
