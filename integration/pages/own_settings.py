"""Own settings of categories and courses: what is inherited from where, and what is changed."""

from dataclasses import asdict

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.domain.errors import SyncError
from integration.domain.levels import LevelKind
from integration.pages import access, category_joins
from integration.pages.level_form import LevelForm
from integration.services.admin import moodle_search, own_settings
from integration.services.admin.own_settings import Place, Seen
from integration.tables.choices import ROOM_ROLES
from integration.translation import in_words

LONGEST = 300  # characters of a template that are looked at


@access.page(access.SEE_SETTINGS)
def overview(request: HttpRequest) -> HttpResponse:
    """The categories, and every level that has settings of its own."""
    search = request.GET.get("search", "").strip()
    found: list[own_settings.CategoryLine] = []
    more, problem = False, ""
    try:
        found, more = own_settings.categories(search)
    except SyncError as error:
        problem = in_words(error)
    context = access.context(
        request,
        gettext("Categories and courses"),
        found=found,
        more=more,
        search=search,
        courses=own_settings.courses_with_own(),
        problem=problem,
    )
    return TemplateResponse(request, "integration/own_settings_list.html", context)


@access.page(access.SEE_SETTINGS)
def level(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    """One category or course."""
    try:
        place = _place(kind, number)
        seen = own_settings.see(place)
        roles = moodle_search.role_choices()
    except SyncError as error:
        context = access.context(request, gettext("Own settings"), problem=in_words(error))
        return TemplateResponse(request, "integration/own_settings.html", context)
    form = LevelForm(seen)
    if request.method == "POST":
        form = LevelForm(seen, request.POST)
        if _save(request, seen, form):
            return redirect("rcsync:own_settings_of", kind, number)
    context = access.context(
        request,
        gettext("Own settings of %(name)s") % {"name": place.level.name},
        place=place,
        is_course=place.level.kind is LevelKind.COURSE,
        form=form,
        joins=category_joins.form_of(place),
        may_add=request.user.has_perm(access.ADD_COURSES),
        roles=[(role, form.roles.get(role.role_id, "")) for role in roles],
        room_roles=ROOM_ROLES,
        may_change=request.user.has_perm(access.CHANGE_SETTINGS),
    )
    return TemplateResponse(request, "integration/own_settings.html", context)


@access.change(access.SEE_SETTINGS)
def names(request: HttpRequest, kind: str, number: int) -> JsonResponse:
    """The example names of one level, while a template is being typed."""
    try:
        template = request.POST.get("template", "")[:LONGEST]
        preview = own_settings.example_names(_place(kind, number), template)
    except SyncError as error:
        return JsonResponse({"error": in_words(error)})
    return JsonResponse(asdict(preview))


def _place(kind: str, number: int) -> Place:
    place = own_settings.place_of(LevelKind(kind), number)
    if place is None:
        raise Http404
    return place


def _save(request: HttpRequest, seen: Seen, form: LevelForm) -> bool:
    """Whether it was stored; else the form says what is wrong."""
    if not request.user.has_perm(access.CHANGE_SETTINGS):
        raise PermissionDenied
    if not form.is_valid():
        return False
    try:
        changed = own_settings.store(seen.place, form.columns())
    except ValidationError as error:
        form.add_error(None, error.messages)
        return False
    if changed:
        text = gettext("Saved. The next sync follows it; a preview shows what it changes.")
        messages.success(request, text)
    else:
        messages.info(request, gettext("Nothing was changed."))
    return True
