"""Coming from the Moodle plugin local_rocketchat: what would be taken over, and who is inside of
the rooms wrongly.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.pages import access
from integration.services.admin import plugin_import, plugin_review
from integration.services.sync.plugin_rooms import WrongPerson
from integration.translation import in_words


@access.page(access.SEE_SETTINGS, access.SEE_PEOPLE)
def show(request: HttpRequest) -> HttpResponse:
    """Reads Moodle and Rocket.Chat once; nothing is stored but when the plugin was seen on."""
    found, problem = None, ""
    try:
        found = plugin_import.find()
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        _("Coming from the Moodle plugin"),
        found=found,
        problem=problem,
        looked_at=parse_datetime(found.looked_at) if found else None,
        may_import=request.user.has_perms(TO_IMPORT),
        courses=[(one, found.courses[one.course_id]) for one in found.choices.courses]
        if found
        else (),
    )
    return TemplateResponse(request, "integration/plugin.html", context)


TO_IMPORT = (access.CHANGE_SETTINGS, access.ADD_COURSES)


@access.change(*TO_IMPORT)
def store(request: HttpRequest) -> HttpResponse:
    try:
        found = plugin_import.apply(request.POST.get("reason", ""))
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("rcsync:plugin")
    n = len(found.takeover.rooms)
    messages.success(
        request,
        ngettext("%(n)d room is taken over.", "%(n)d rooms are taken over.", n) % {"n": n},
    )
    return redirect("rcsync:plugin_people")


@access.page(access.SEE_PEOPLE, access.SEE_CHANNELS)
def people(request: HttpRequest) -> HttpResponse:
    """Reads Moodle and Rocket.Chat once, and changes nothing."""
    found: tuple[WrongPerson, ...] = ()
    problem = ""
    try:
        found = plugin_review.find()
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        _("People inside who should not be"),
        people=found,
        problem=problem,
        may_release=request.user.has_perm(access.APPROVE),
    )
    return TemplateResponse(request, "integration/plugin_people.html", context)


@access.change(access.APPROVE)
def release(request: HttpRequest) -> HttpResponse:
    """The ticked ones are the plugin's, and so rcsync's to remove."""
    chosen = {pair for text in request.POST.getlist("person") if (pair := _pair(text))}
    if not chosen:
        messages.warning(request, _("Tick the people whom the plugin put there."))
        return redirect("rcsync:plugin_people")
    try:
        n = plugin_review.release(chosen, request.POST.get("reason", ""))
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("rcsync:plugin_people")
    messages.success(
        request,
        ngettext(
            "%(n)d membership will be removed by the next sync.",
            "%(n)d memberships will be removed by the next sync.",
            n,
        )
        % {"n": n},
    )
    return redirect("rcsync:plugin_people")


def _pair(text: str) -> tuple[int, int] | None:
    """(group id, user id) of "7:12"; None of anything else."""
    group, _colon, user = text.partition(":")
    group_id, user_id = whole_number(group), whole_number(user)
    return None if group_id is None or user_id is None else (group_id, user_id)
