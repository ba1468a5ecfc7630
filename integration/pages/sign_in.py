"""Signing in with OpenID Connect or through the proxy, and the page for whom it does not work."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from integration.pages import public
from integration.services.sign_in.proxy import BACKEND, signed_in
from integration.services.sign_in.refusals import Advice, Refused

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Button:
    """A way to sign in that the sign-in page offers besides name and password."""

    text: str
    url: str


def buttons(next_page: str) -> list[Button]:
    """What is switched on. `next_page`: where the person wanted to go."""
    query = "?" + urlencode({"next": next_page}) if next_page else ""
    found = []
    if settings.SIGN_IN.openid:
        text = settings.SIGN_IN.openid.label or gettext("Sign in with single sign-on")
        found.append(Button(text, reverse("rcsync:openid_begin") + query))
    if settings.SIGN_IN.proxy:
        text = settings.SIGN_IN.proxy.label or gettext("Sign in with your network account")
        found.append(Button(text, reverse("rcsync:sign_in_by_proxy") + query))
    return found


@never_cache
@require_GET
def openid_begin(request: HttpRequest) -> HttpResponseBase:
    """Sends the browser to the provider."""
    return _openid(request, "Begin")


@never_cache
@require_GET
def openid_callback(request: HttpRequest) -> HttpResponseBase:
    """The provider sends the browser back here."""
    return _openid(request, "Callback")


def _openid(request: HttpRequest, view: str) -> HttpResponseBase:
    if settings.SIGN_IN.openid is None:
        raise Http404
    from integration.pages import openid_views  # only there with the extra

    try:
        answer: HttpResponseBase = getattr(openid_views, view).as_view()(request)
    except Refused as refused:
        return refusal(request, refused)
    return answer


@never_cache
@require_GET
def by_proxy(request: HttpRequest) -> HttpResponseBase:
    """The only address that looks at the proxy's headers."""
    if settings.SIGN_IN.proxy is None:
        raise Http404
    try:
        user = signed_in(request, settings.SIGN_IN.proxy)
    except Refused as refused:
        return refusal(request, refused)
    login(request, user, backend=BACKEND)
    target = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if safe else resolve_url(settings.LOGIN_REDIRECT_URL))


def refusal(request: HttpRequest, refused: Refused) -> TemplateResponse:
    """A plain page: what is missing, whom to ask, and the code that finds the line in the log."""
    reference = public.reference_of(refused.code)
    logger.warning(
        "sign-in=refused code=%s reference=%s why=%s",
        refused.code,
        reference.split()[1],
        refused.why,
    )
    title, text = _words(refused.advice)
    again = public.Way(gettext("Back to the sign-in page"), reverse("admin:login"))
    return public.message(
        request,
        title,
        text,
        status=403,
        ways=[again],
        ask=_whom_to_ask(),
        reference=reference,
    )


def _words(advice: Advice) -> tuple[str, str]:
    if advice is Advice.GROUP:
        return (
            gettext("You have no access to rcsync"),
            gettext(
                "The sign-in service knows you, but you are in no group with access to rcsync."
            ),
        )
    if advice is Advice.NAME:
        return (
            gettext("Your name is taken"),
            gettext(
                "A local user of rcsync has the same name as you. An administrator of rcsync can "
                "rename or delete that user."
            ),
        )
    if advice is Advice.OFF:
        return (
            gettext("You have no access to rcsync"),
            gettext("An administrator of rcsync has deactivated your user."),
        )
    if advice is Advice.AGAIN:
        return gettext("You are not signed in"), gettext("Sign in again.")
    return (
        gettext("You are not signed in"),
        gettext("This way of signing in is not set up correctly. You cannot fix this yourself."),
    )


def _whom_to_ask() -> str:
    contact = settings.SIGN_IN.contact
    if contact:
        return gettext("If you need help, ask: %(contact)s") % {"contact": contact}
    return gettext("If you need help, ask the people who look after rcsync.")
