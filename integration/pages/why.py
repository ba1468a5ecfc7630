"""Why is somebody in a channel, or not? Search, read the chain, sync just this one."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_numbers
from integration.models import SyncRun
from integration.pages import access, runs
from integration.services.admin import links, moodle_search, start_run, why
from integration.translation import in_words

ANSWERS = {"person": why.why_person, "channel": why.why_channel}


@access.page(access.SEE_PEOPLE)
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("search", "").strip()
    found, problem = [], ""
    try:
        found = moodle_search.search_people_and_channels(text)
    except SyncError as error:
        problem = in_words(error)
    context = access.context(request, gettext("Why?"), search=text, found=found, problem=problem)
    return TemplateResponse(request, "integration/why_search.html", context)


@access.page(access.SEE_PEOPLE)
def answer(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    reason, problem = None, ""
    try:
        reason = ANSWERS[kind](number)
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        gettext("Why? %(title)s") % {"title": reason.title if reason else ""},
        reason=reason,
        problem=problem,
        kind=kind,
        number=number,
        in_moodle=links.places().moodle_user(number) if kind == "person" else "",
    )
    return TemplateResponse(request, "integration/why.html", context)


@access.change(access.SYNC)
def sync_one(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    """A person, over all integrated courses; or the course of a channel."""
    who = access.who(request)
    if kind == "person":
        return runs.begin(
            request, start_run.order_for(SyncRun.Kind.APPLY, who, users=[number]), here=True
        )
    courses = whole_numbers(request.POST.getlist("course"))
    return runs.begin(request, start_run.order_for(SyncRun.Kind.APPLY, who, courses=courses))
