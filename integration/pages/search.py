"""One search for people, groups and courses, from the head of every page."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.models import IntegratedCourse
from integration.pages import access
from integration.services.admin import moodle_search
from integration.translation import in_words

MOST_COURSES = 20
LONGEST = 200


@access.page()
def show(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:LONGEST]
    found, problem = [], ""
    may_see_people = request.user.has_perm(access.SEE_PEOPLE)
    if text and may_see_people:
        try:
            found = moodle_search.search_people_and_channels(text)
        except SyncError as error:
            problem = in_words(error)
    context = access.context(
        request,
        _("Search"),
        search=text,
        courses=_courses(text) if text and request.user.has_perm(access.SEE_COURSES) else [],
        people=[hit for hit in found if hit.kind == "person"],
        groups=[hit for hit in found if hit.kind != "person"],
        may_see_people=may_see_people,
        problem=problem,
    )
    return TemplateResponse(request, "integration/search.html", context)


def _courses(text: str) -> list[IntegratedCourse]:
    """Integrated courses that every word is found in, or whose Moodle id it is."""
    wanted = Q()
    for word in text.split():
        wanted &= Q(shortname__icontains=word) | Q(fullname__icontains=word)
    number = whole_number(text)
    if number is not None:
        wanted |= Q(course_id=number)
    return list(IntegratedCourse.objects.filter(wanted)[:MOST_COURSES])
