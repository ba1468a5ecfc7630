"""Everything that failed and is not repaired, whichever run it was."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.domain.operations import labels
from integration.pages import access
from integration.pages.downloads import download
from integration.services.admin import exports, failures, runs
from integration.services.ledger import reading
from integration.services.monitoring.failures import (
    LOOK_BACK,
    OpenFailures,
    broken_runs,
    open_failures,
)

FILTERS = ("kind", "course", "search")


@access.page(access.SEE_RUNS)
def show(request: HttpRequest) -> HttpResponse:
    chosen = _chosen(request)
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


@access.page(access.SEE_RUNS)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filters choose, all pages of it."""
    return download("failures.csv", _lines(open_failures(), _chosen(request)))


def _chosen(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "") for name in FILTERS}


def _lines(found: OpenFailures, chosen: dict[str, str]) -> Iterator[str]:
    """And at the end that there are more, never a list that only looks whole."""
    cut = ""
    if found.total > len(found.keys):
        cut = gettext("The newest %(shown)s of %(total)s are shown.")
        cut %= {"shown": len(found.keys), "total": found.total}
    chunks = reading.rows_in_order(failures.rows(found.keys, **chosen))
    rows = (row for chunk in chunks for row in chunk)
    return exports.failures_as_csv(rows, exports.names_of_courses(), cut)
