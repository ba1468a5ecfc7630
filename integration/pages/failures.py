"""Everything that failed and is not repaired, whichever run it was."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.domain.operations import labels
from integration.pages import access
from integration.services.admin import failures, runs
from integration.services.monitoring.failures import LOOK_BACK, broken_runs, open_failures

FILTERS = ("kind", "course", "search")


@access.page(access.SEE_RUNS)
def show(request: HttpRequest) -> HttpResponse:
    chosen = {name: request.GET.get(name, "") for name in FILTERS}
    found = open_failures()
    page = runs.page_of(failures.rows(found.keys, **chosen), request.GET.get("page"))
    names = runs.course_names(row.moodle_course_id for row in page.object_list)
    kinds = failures.kinds_in(found.keys)
    context = access.context(
        request,
        gettext("Open failures"),
        broken=broken_runs(),
        total=found.total,
        shown=len(found.keys),
        days=LOOK_BACK.days,
        page=page,
        rows=[(row, names.get(row.moodle_course_id or 0, "")) for row in page.object_list],
        kinds=[(kind, gettext(label)) for kind, label in labels().items() if kind in kinds],
        courses=failures.courses_in(found.keys),
        chosen=chosen,
        filtered=any(chosen.values()),
        query=urlencode({name: value for name, value in chosen.items() if value}),
    )
    return TemplateResponse(request, "integration/failures.html", context)
