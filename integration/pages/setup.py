"""Setting up: the connections, the roles, the courses, and live previews of patterns and names."""

from dataclasses import asdict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext

from integration.domain.checks import CheckStatus
from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number, whole_numbers
from integration.domain.state import RoomRole
from integration.forms import MOST_PASTED
from integration.pages import access
from integration.services.admin import moodle_search, previews, secrets
from integration.services.monitoring import diagnostics
from integration.tables.choices import ROOM_ROLES
from integration.translation import in_words, local

LONGEST = 300  # characters of a template that are looked at


@access.page(access.SEE_SETTINGS)
def test_connections(request: HttpRequest) -> HttpResponse:
    """The doctor's checks. It only looks, so opening the page is enough."""
    sides = diagnostics.checks_by_side()
    context = access.context(
        request,
        gettext("Test connections"),
        sides=sides,
        bad=sum(side.bad for side in sides),
    )
    return TemplateResponse(request, "integration/checks.html", context)


@access.change(access.CHANGE_SETTINGS)
def try_connection(_request: HttpRequest) -> JsonResponse:
    """What the settings page asks for when the connection was changed: does it work?"""
    found = diagnostics.check_access_to_chat()
    failed = [check for check in found if check.status is CheckStatus.FAILED]
    return JsonResponse(
        {
            "ok": not failed,
            "findings": [[local(check.found), local(check.fix)] for check in failed],
        }
    )


@access.change(access.CHANGE_SETTINGS, with_secrets=False)
def forget_secrets(request: HttpRequest) -> HttpResponse:
    """Empty what no key opens, so that the settings can be opened and it can be entered again."""
    names = secrets.forget_unreadable()
    text = ngettext("%(n)d secret removed.", "%(n)d secrets removed.", len(names))
    messages.success(request, text % {"n": len(names)})
    return redirect("admin:integration_integrationsettings_changelist")


# --- roles ----------------------------------------------------------------------------------------


@access.page(access.SEE_ROLES)
def roles(request: HttpRequest) -> HttpResponse:
    """All roles of Moodle in one table: tick, choose the channel role, save."""
    if request.method == "POST":
        return _save_roles(request)
    choices, problem = [], ""
    try:
        choices = moodle_search.role_choices()
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        gettext("Choose roles"),
        choices=choices,
        problem=problem,
        room_roles=ROOM_ROLES,
        may_change=request.user.has_perm(access.CHANGE_ROLES),
    )
    return TemplateResponse(request, "integration/roles.html", context)


def _save_roles(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(access.CHANGE_ROLES):
        messages.error(request, gettext("You may look at roles, but not change them."))
        return redirect("rcsync:roles")
    known = {role.value for role in RoomRole}
    chosen = {}
    for text in request.POST.getlist("role"):
        room_role = request.POST.get(f"room_role_{text}", RoomRole.MEMBER)
        if (number := whole_number(text)) is not None:
            chosen[number] = room_role if room_role in known else RoomRole.MEMBER
    try:
        moodle_search.include_roles(chosen)
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("rcsync:roles")
    if chosen:
        text = ngettext("%(n)d role is included.", "%(n)d roles are included.", len(chosen))
        messages.success(request, text % {"n": len(chosen)})
    else:
        messages.warning(request, gettext("No role is included: nobody is added to a channel."))
    return redirect("admin:integration_includedrole_changelist")


# --- courses --------------------------------------------------------------------------------------


@access.page(access.ADD_COURSES)
def add_courses(request: HttpRequest) -> HttpResponse:
    """Search Moodle, tick, add; or add a whole category."""
    if request.method == "POST":
        return _add(request)
    search = request.GET.get("search", "").strip()
    category = request.GET.get("category", "")
    found, categories, problem = [], [], ""
    try:
        categories = moodle_search.categories()
        found = moodle_search.course_choices(search, whole_number(category))
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        gettext("Add courses from Moodle"),
        found=found,
        categories=categories,
        search=search,
        category=category,
        category_id=whole_number(category),
        problem=problem,
        limited=len(found) >= moodle_search.FOUND,
        new=sum(not choice.integrated for choice in found),
    )
    return TemplateResponse(request, "integration/add_courses.html", context)


def _add(request: HttpRequest) -> HttpResponse:
    category = request.POST.get("whole_category", "")
    events = request.POST.get("event_sync") == "on"
    try:
        if (chosen := whole_number(category)) is not None:
            number = moodle_search.integrate_category(chosen, event_sync=events)
        else:
            ticked = whole_numbers(request.POST.getlist("course"))
            number = moodle_search.integrate(ticked, event_sync=events)
    except SyncError as error:
        messages.error(request, in_words(error))
        return redirect("rcsync:courses")
    if not number:
        messages.warning(
            request, gettext("No course was added: tick at least one that is not integrated yet.")
        )
        return redirect(request.get_full_path())
    text = ngettext("%(n)d course added.", "%(n)d courses added.", number)
    messages.success(request, text % {"n": number})
    return redirect("admin:integration_integratedcourse_changelist")


# --- live previews --------------------------------------------------------------------------------


@access.change(access.SEE_PATTERNS)
def pattern_preview(request: HttpRequest) -> JsonResponse:
    """POST, although it only looks: a pattern can be too long for an address."""
    row = request.POST.get("row", "")
    try:
        preview = previews.preview_patterns(
            request.POST.get("pattern", "")[:MOST_PASTED],
            request.POST.get("kind", "include"),
            request.POST.get("enabled") == "on",
            whole_number(row),
        )
    except SyncError as error:
        return JsonResponse({"error": in_words(error)})
    return JsonResponse(asdict(preview))


@access.change(access.SEE_SETTINGS)
def name_preview(request: HttpRequest) -> JsonResponse:
    try:
        preview = previews.preview_names(request.POST.get("template", "")[:LONGEST])
    except SyncError as error:
        return JsonResponse({"error": in_words(error)})
    return JsonResponse(asdict(preview))
