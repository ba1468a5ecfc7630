"""Pages for people from a course, who do not sign in to rcsync: one message, and where to go on."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.models import IntegrationSettings

SITE = re.compile(r"[A-Za-z0-9.:\[\]-]+")  # host and port; nothing that could end a directive


@dataclass(frozen=True, slots=True)
class Way:
    """A link on a public page."""

    text: str
    url: str


def reference_of(code: str) -> str:
    """What the person sees of a refusal, so that its line can be found in the log."""
    return f"{code} {secrets.token_hex(3)}"


def message(
    request: HttpRequest,
    title: str,
    *sentences: str,
    status: int = 200,
    ways: Iterable[Way] = (),
    reasons: Sequence[str] = (),
    ask: str = "",
    reference: str = "",
    new_window: bool = False,
) -> TemplateResponse:
    """A page with a heading, reasons as a list, sentences, and links to go on. `reference` finds
    the line in the log.
    """
    context = {
        "title": title,
        "sentences": sentences,
        "reasons": reasons,
        "ways": tuple(ways),
        "ask": ask,
        "reference": reference,
        "new_window": new_window,
    }
    response = TemplateResponse(request, "integration/public.html", context, status=status)
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Cache-Control"] = "no-store"
    return response


def framed_by(response: HttpResponseBase, address: str) -> HttpResponseBase:
    """The page may be in a frame of the site at `address`, and of nobody else."""
    try:
        parts = urlsplit(address)
    except ValueError:  # http://[
        return response
    if parts.scheme in ("http", "https") and SITE.fullmatch(parts.netloc):
        response.framed_by = f"{parts.scheme}://{parts.netloc}"  # type: ignore[attr-defined]
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
    return response


def whom_to_ask(*, teacher: bool = True) -> str:
    """Who can help: whom the administrator named, else the teacher or who looks after Moodle."""
    contact = IntegrationSettings.objects.values_list("help_contact", flat=True).first()
    if contact:
        return gettext("If you need help, ask: %(contact)s") % {"contact": contact}
    if teacher:
        return gettext("If you need help, ask your teacher.")
    return gettext("If you need help, ask the people who look after Moodle.")
