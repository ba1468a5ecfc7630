"""All Moodle groups of integrated courses: which have a channel, and why the others have none."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.pages import access, link_cells
from integration.pages.downloads import download
from integration.services.admin import exports, group_list, links, moodle_search
from integration.services.admin.group_list import GroupFilter, GroupPage, GroupRow
from integration.services.admin.group_states import GroupState
from integration.translation import in_words, local

FILTERS = ("search", "course", "category", "state")


@access.page(access.SEE_CHANNELS)
def show(request: HttpRequest) -> HttpResponse:
    chosen = {name: request.GET.get(name, "").strip() for name in FILTERS}
    page, categories, problem = GroupPage((), {}), [], ""
    try:
        categories = moodle_search.categories()
        page = group_list.group_page(_filter(chosen), request.GET.get("after", ""))
    except SyncError as error:
        problem = in_words(error)
    places = links.places()
    context = access.context(
        request,
        gettext("Groups"),
        chosen=chosen,
        filtered=any(chosen.values()),
        query=urlencode({name: value for name, value in chosen.items() if value}),
        begins_later="after" in request.GET,
        categories=categories,
        states=[
            (state.value, label)
            for state, label in link_cells.GROUP_LABELS.items()
            if state is not GroupState.GONE
        ],
        rows=[_row(row, page, places) for row in page.rows],
        page=page,
        problem=problem,
    )
    return TemplateResponse(request, "integration/groups.html", context)


def _filter(chosen: dict[str, str]) -> GroupFilter:
    """A category that is no number, or a state that there is not, finds nothing."""
    category = chosen["category"]
    number = whole_number(category)
    return GroupFilter(
        search=chosen["search"],
        course=chosen["course"],
        category=(-1 if number is None else number) if category else None,
        state=chosen["state"],
    )


def _row(row: GroupRow, page: GroupPage, places: links.ExternalLinks) -> dict[str, Any]:
    return {
        "row": row,
        "badge": link_cells.group_badge(row.verdict.state),
        "ended": row.channel.get_ended_display() if row.channel and row.channel.ended else "",
        "reason": local(row.verdict.reason),
        "members": page.members.get(row.group_id, 0),
        "in_moodle": link_cells.moodle_icon(places.moodle_group(row.course_id, row.group_id)),
        "in_chat": link_cells.chat_icon(places.room(row.channel.room_id) if row.channel else ""),
    }


@access.page(access.SEE_CHANNELS)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filter chooses, all pages of it."""
    chosen = {name: request.GET.get(name, "").strip() for name in FILTERS}
    return download("groups.csv", exports.csv_lines(_heading(), _lines(chosen)))


def _heading() -> tuple[str, ...]:
    return (
        gettext("Course"),
        gettext("Moodle course id"),
        gettext("Group"),
        gettext("Moodle group id"),
        gettext("State"),
        gettext("Why"),
        gettext("Channel"),
    )


def _lines(chosen: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """What was read before Moodle went away, and then that it did: never a list that only looks
    whole.
    """
    try:
        for row in group_list.all_groups(_filter(chosen)):
            yield (
                row.course,
                row.course_id,
                row.name,
                row.group_id,
                str(link_cells.GROUP_LABELS[row.verdict.state]),
                local(row.verdict.reason),
                row.channel.name if row.channel else "",
            )
    except SyncError as error:
        yield (gettext("This list is not complete: %(why)s") % {"why": in_words(error)},)
