"""One search for people, groups and courses, from the head of every page."""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from integration.domain.errors import SyncError
from integration.pages import access
from integration.services.admin import link_lists, moodle_search
from integration.translation import in_words

MOST_COURSES = 20
LONGEST = 200


@access.page()
def show(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:LONGEST]
    found, problem = [], ""
    may_see_people = request.user.has_perm(access.SEE_PEOPLE)
    may_see_courses = request.user.has_perm(access.SEE_COURSES)
    if text and may_see_people:
        try:
            found = moodle_search.search_people_and_channels(text)
        except SyncError as error:
            problem = in_words(error)
    context = access.context(
        request,
        _("Search"),
        search=text,
        courses=link_lists.search_courses(text, MOST_COURSES) if text and may_see_courses else [],
        people=[hit for hit in found if hit.kind == "person"],
        groups=[hit for hit in found if hit.kind != "person"],
        may_see_people=may_see_people,
        problem=problem,
    )
    return TemplateResponse(request, "integration/search.html", context)
