"""The page of one integrated course: its groups, people without an account, conflicts, last runs,
and what can be done.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from integration.models import IntegratedCourse, SyncRun
from integration.pages import access, cells, course_states, link_cells, runs
from integration.services.admin import course_view, links, start_run
from integration.services.admin.course_view import CourseView, GroupLine
from integration.translation import local

MOST_GROUPS = 200  # on the page
MOST_NAMES = 12  # of people, for one reason


def content(request: HttpRequest, row: IntegratedCourse) -> dict[str, Any]:
    """For the template `course.html`, which stands above the switches of the course."""
    seen = course_view.course_view(row.course_id)
    places = links.places()
    return {
        "row": row,
        "state": course_states.in_words(row),
        "last": cells.run_link(row.last_run),
        "view": seen,
        "groups": [_group(line, row.course_id, places) for line in seen.groups[:MOST_GROUPS]],
        "more_groups": max(0, len(seen.groups) - MOST_GROUPS),
        "channels": sum(line.channel is not None for line in seen.groups),
        "no_account": _no_account(request, seen),
        "conflicts": course_view.conflicts_of(row.course_id),
        "runs": [
            (one, cells.badge(one.run.get_status_display(), cells.tone_of(one.run)))
            for one in course_view.last_runs(row)
        ],
        "in_moodle": places.moodle_course(row.course_id),
        "groups_in_moodle": places.moodle_groups(row.course_id),
        "people_in_moodle": places.moodle_participants(row.course_id),
        "may_sync": access.may_sync(request),
    }


def _group(line: GroupLine, course_id: int, places: links.ExternalLinks) -> dict[str, Any]:
    in_moodle = places.moodle_group(course_id, line.group_id) if line.in_group is not None else ""
    return {
        "line": line,
        "badge": link_cells.group_badge(line.verdict.state),
        "ended": line.channel.get_ended_display() if line.channel and line.channel.ended else "",
        "reason": local(line.verdict.reason),
        "in_moodle": link_cells.moodle_icon(in_moodle),
        "in_chat": link_cells.chat_icon(places.room(line.channel.room_id) if line.channel else ""),
    }


def _no_account(request: HttpRequest, seen: CourseView) -> list[dict[str, Any]]:
    """Names only for who may see people."""
    may_see = request.user.has_perm(access.SEE_PEOPLE)
    return [
        {
            "reason": local(one.reason),
            "number": len(one.people),
            "people": one.people[:MOST_NAMES] if may_see else (),
            "more": max(0, len(one.people) - MOST_NAMES) if may_see else 0,
            "conflict": one.conflict,
        }
        for one in seen.no_account
    ]


@access.change(access.SYNC)
def sync(request: HttpRequest, course_id: int) -> HttpResponse:
    """A preview or a sync of this course alone."""
    row = get_object_or_404(IntegratedCourse, course_id=course_id)
    kind = SyncRun.Kind.APPLY if request.POST.get("kind") == "apply" else SyncRun.Kind.PREVIEW
    who = access.who(request)
    return runs.begin(request, start_run.order_for(kind, who, courses=[row.course_id]))
