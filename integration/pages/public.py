"""Pages for people from a course, who do not sign in to rcsync: one message, and where to go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.models import IntegrationSettings


@dataclass(frozen=True, slots=True)
class Way:
    """A link on a public page."""

    text: str
    url: str


def message(
    request: HttpRequest,
    title: str,
    *sentences: str,
    status: int = 200,
    ways: Iterable[Way] = (),
    reasons: Sequence[str] = (),
    ask: str = "",
) -> TemplateResponse:
    """A page with a heading, sentences, reasons as a list, and links to go on."""
    context = {
        "title": title,
        "sentences": sentences,
        "reasons": reasons,
        "ways": tuple(ways),
        "ask": ask,
    }
    response = TemplateResponse(request, "integration/public.html", context, status=status)
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Cache-Control"] = "no-store"
    return response


def whom_to_ask(*, teacher: bool = True) -> str:
    """Who can help: whom the administrator named, else the teacher or who looks after Moodle."""
    contact = IntegrationSettings.objects.values_list("help_contact", flat=True).first()
    if contact:
        return gettext("If you need help, ask: %(contact)s") % {"contact": contact}
    if teacher:
        return gettext("If you need help, ask your teacher.")
    return gettext("If you need help, ask the people who look after Moodle.")
