"""The addresses that Moodle calls (LTI 1.3). Nobody signs in; every answer is for the person."""

import json
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from integration.fields import UnreadableSecret
from integration.models import LtiPlatform
from integration.pages import go, public
from integration.services.in_course import lti
from integration.services.in_course.lti import launches, own_keys, registration
from integration.services.in_course.lti.destinations import Destination, destination
from integration.services.in_course.lti.launches import Launch
from integration.services.in_course.lti.refusals import Advice, Refused
from integration.services.in_course.permalinks import Permalinks
from integration.translation import local

logger = logging.getLogger(__name__)


def addresses(request: HttpRequest) -> registration.OurAddresses:
    """As the browser sees them now."""
    return registration.OurAddresses(
        *(
            request.build_absolute_uri(reverse(f"rcsync:lti_{name}"))
            for name in ("start", "launch", "keyset")
        )
    )


@csrf_exempt  # Moodle's own form posts here
@never_cache
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest) -> HttpResponseBase:
    """To Moodle's log-in, by GET: Moodle's session cookie does not come with a post from here."""
    if not lti.is_installed():
        return _not_installed(request)
    fields = request.POST if request.method == "POST" else request.GET
    try:
        url = launches.authentication_request(fields.dict(), addresses(request).launch)
    except Refused as refused:
        return _refused(request, refused)
    return _go_to(url)


@csrf_exempt  # Moodle posts the signed token through the browser
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def launch(request: HttpRequest) -> HttpResponseBase:
    """To the person's channel; to a choice of several; or why there is none. By GET comes who
    reloads or bookmarks the page, or looks what the tool's address is.
    """
    if not lti.is_installed():
        return _not_installed(request)
    if request.method != "POST":
        return _again(request, status=405, ask=public.whom_to_ask(teacher=False))
    fields = request.POST.dict()
    try:
        platform = launches.platform_of(fields)
    except Refused as refused:
        return _refused(request, refused)
    try:
        arrived = launches.accept(fields, platform)
    except Refused as refused:
        return public.framed_by(_refused(request, refused, platform), platform.issuer)
    with translation.override(_language(arrived.locale)):
        answer = _arrive(request, arrived)
        if isinstance(answer, TemplateResponse):
            answer.render()  # while the person's language is active
    return public.framed_by(answer, platform.issuer)


@require_safe
def keyset(_request: HttpRequest) -> HttpResponse:
    """The tool's public keys."""
    if not lti.is_installed():
        return HttpResponse(status=404)
    try:
        return JsonResponse(own_keys.keyset())
    except UnreadableSecret as error:
        logger.warning("lti=keyset-unreadable %s", error)
        return HttpResponse(status=503)


@never_cache
@require_GET
def register(request: HttpRequest, token: str) -> HttpResponseBase:
    """Moodle opens this in a frame of its administration, and waits for a word to close it."""
    if not lti.is_installed():
        return _not_installed(request)
    fields = request.GET.dict()
    try:
        platform = registration.register(token, fields, addresses(request))
    except Refused as refused:
        reference = _log(refused, fields.get("openid_configuration", ""))
        answer = public.message(
            request, gettext("Not registered"), refused.why, reference, status=400
        )
        return public.framed_by(answer, fields.get("openid_configuration", ""))
    own_keys.current_key()
    logger.info("lti=registered platform=%r client=%r", platform.issuer, platform.client_id)
    answer = public.message(
        request,
        gettext("Registered"),
        gettext("Now activate the tool in Moodle, and let it open in a new window."),
    )
    answer.template_name = "integration/lti_registered.html"
    return public.framed_by(answer, platform.issuer)


# --- where a launch arrives -----------------------------------------------------------------------


def _arrive(request: HttpRequest, arrived: Launch) -> HttpResponseBase:
    found = destination(arrived)
    if found.explanation is not None:
        return _explained(request, found, teaches=arrived.teaches)
    if len(found.channels) == 1 and not _is_framed(request, arrived):
        answer = go.enter(request, found.channels[0])
        return _go_to(answer.headers["Location"]) if answer.status_code == 302 else answer
    title = gettext("Your channels in this course")
    if len(found.channels) == 1:
        title = gettext("Your channel in this course")
    return _page(request, title, found)


def _is_framed(request: HttpRequest, arrived: Launch) -> bool:
    """As the browser says. Old ones, and those without HTTPS, do not: then as Moodle says."""
    kind = request.headers.get("Sec-Fetch-Dest")
    return arrived.framed if kind is None else kind != "document"


def _explained(request: HttpRequest, found: Destination, *, teaches: bool) -> HttpResponseBase:
    explanation = found.explanation
    assert explanation is not None  # noqa: S101  # for the type checker
    title = gettext("You are not in a channel of this course")
    if explanation.no_account:
        title = gettext("You have no account in Rocket.Chat yet")
    elif found.channels:
        title = gettext("You are not in this channel")
    sentences = []
    if found.synced:
        sentences.append(
            gettext("Your access is being updated now. Open the activity again in a minute.")
        )
    elif explanation.may_sync and found.by_itself:
        sentences.append(gettext("The next sync does this automatically."))
    elif explanation.may_sync:
        sentences.append(gettext("An administrator starts the next sync of this course."))
    if found.channels:
        sentences.append(gettext("Your channels in this course are:"))
    return _page(
        request,
        title,
        found,
        *sentences,
        reasons=[local(reason) for reason in explanation.reasons],
        ask=public.whom_to_ask(teacher=explanation.teacher and not teaches),
    )


def _page(
    request: HttpRequest, title: str, found: Destination, *sentences: str, **more: Any
) -> TemplateResponse:
    """The channels open in a new window: a frame of Moodle is no place for Rocket.Chat."""
    links = Permalinks()
    ways = [public.Way(channel.name, links.of_channel(channel)) for channel in found.channels]
    return public.message(request, title, *sentences, ways=ways, new_window=True, **more)


def _go_to(url: str) -> HttpResponse:
    """By GET, whatever the request was."""
    return HttpResponse(status=303, headers={"Location": url})


def _language(locale: str) -> str:
    """Of ours, the one that fits Moodle's (de, de_du, pt-br); the browser's where none does."""
    try:
        return translation.get_supported_language_variant(locale.lower().replace("_", "-"))
    except LookupError:
        return translation.get_language() or "en"


# --- refusals -------------------------------------------------------------------------------------


def _refused(
    request: HttpRequest, refused: Refused, platform: LtiPlatform | None = None
) -> TemplateResponse:
    issuer = platform.issuer if platform else request.POST.get("iss", request.GET.get("iss", ""))
    reference = _log(refused, issuer)
    ask = public.whom_to_ask(teacher=False)
    if refused.advice is Advice.AGAIN:
        return _again(request, status=403, ask=ask, reference=reference)
    title = gettext("This activity is not set up correctly")
    text = gettext("You cannot fix this yourself. Tell the people who look after Moodle.")
    return public.message(request, title, text, status=403, ask=ask, reference=reference)


def _again(request: HttpRequest, **more: Any) -> TemplateResponse:
    title = gettext("This did not work")
    text = gettext("Go back to your course in Moodle and open the activity once more.")
    return public.message(request, title, text, **more)


def _log(refused: Refused, issuer: str) -> str:
    """What the person sees of it, so that the line can be found in the log."""
    reference = public.reference_of(refused.code)
    logger.warning(
        "lti=refused code=%s reference=%s platform=%s why=%s hint=%s",
        refused.code,
        reference.split()[1],
        json.dumps(issuer[:200]),
        refused.why,
        refused.hint or "-",
    )
    return reference


def _not_installed(request: HttpRequest) -> TemplateResponse:
    logger.warning("lti=refused code=not-installed hint=Run %s and start again.", lti.INSTALL)
    return public.message(
        request,
        gettext("This activity is not set up correctly"),
        gettext("You cannot fix this yourself. Tell the people who look after Moodle."),
        status=503,
        ask=public.whom_to_ask(teacher=False),
    )
